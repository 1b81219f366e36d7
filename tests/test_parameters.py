"""Parameters of dataclasses: checked and converted alike, frozen or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest
from pydantic import Field

from mmgraph.encoders import Encoder
from mmgraph.errors import ConfigError
from mmgraph.graph import RelationBuilder
from mmgraph.parameters import WithParameters


@dataclass(frozen=True)
class Frozen(WithParameters):
    """Cannot be changed."""

    size: Annotated[int, Field(ge=1, description="How large.")]
    names: tuple[str, ...] = ()


@dataclass(kw_only=True, eq=False)
class Open(WithParameters):
    """Can be changed."""

    size: Annotated[int, Field(ge=1, description="How large.")]
    names: tuple[str, ...] = ()
    found: list[int] = field(default_factory=list, init=False)


@pytest.fixture(params=[Frozen, Open])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_values_are_converted(kind: Any) -> None:
    made = kind(size="3", names=["a"])
    assert (made.size, made.names) == (3, ("a",))
    assert made.parameters() == {"size": 3, "names": ["a"]}
    assert kind.from_config(made.parameters(), where="x").parameters() == made.parameters()


def test_all_faults_at_once(kind: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        kind(size=0, names=3)
    assert [fault.where for fault in caught.value.faults] == [
        f"{kind.__name__}: {n}" for n in ("size", "names")
    ]
    with pytest.raises(ConfigError) as caught:
        kind.from_config({"sise": 1, "found": []}, where="a.yaml: here")
    assert sorted(fault.where for fault in caught.value.faults) == [
        f"a.yaml: here.{name}" for name in ("found", "sise", "size")
    ]


def test_the_schema_has_limits_and_descriptions(kind: Any) -> None:
    size = kind.config_model().model_json_schema()["properties"]["size"]
    assert (size["minimum"], size["description"]) == (1, "How large.")


@pytest.mark.parametrize("method", ["__post_init__", "config_model", "from_config", "parameters"])
def test_encoders_and_relation_builders_have_it_from_one_place(method: str) -> None:
    for base in (Encoder, RelationBuilder):
        assert method not in vars(base)
        assert getattr(base, method) is not None


def test_what_does_not_go_together_is_placed_as_well() -> None:
    @dataclass(kw_only=True, eq=False)
    class Sized(Open):
        most: int = 5

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.size > self.most:
                raise ConfigError(f"got {self.size}", where=f"{type(self).__name__}: size")

    with pytest.raises(ConfigError, match=r"^Sized: size: got 7"):
        Sized(size=7)
    with pytest.raises(ConfigError, match=r"^a.yaml: here.size: got 7"):
        Sized.from_config({"size": 7}, where="a.yaml: here")
