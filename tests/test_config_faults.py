"""Pydantic's errors in the words of this package, at the place where the YAML file has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from pydantic import ConfigDict, Field, StringConstraints, ValidationError, validate_call
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

from mmgraph.config import Config
from mmgraph.config_faults import NAME_PATTERN, describe, faults_of

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]


class Text(Config):
    kind: Literal["text"]
    column: str = Field(description="The column that holds the text.")


class Image(Config):
    kind: Literal["image"]
    columns: dict[str, Literal["red", "green"]]


class Size(Config):
    size: int

    def model_post_init(self, context: Any) -> None:
        if self.size == 13:
            raise PydanticCustomError("luck", "13 brings bad luck", {"fix": "Take 12."})


class Whole(Config):
    named: dict[Name, Annotated[Text | Image, Field(discriminator="kind")]] = Field(default_factory=dict)
    one: Text | Image | None = Field(None, discriminator="kind")
    layers: tuple[str | tuple[str, dict[str, Any]], ...] = ()
    pair: tuple[int, str] = (1, "a")
    sizes: tuple[Size, ...] = ()
    rate: Annotated[float, Field(gt=0, le=1)] = 0.5
    workers: int | Literal["auto"] = "auto"
    count: Annotated[int, Field(ge=1, lt=10)] = 1
    quick: bool = False
    some: list[int] = Field(default_factory=lambda: [1, 2], min_length=2, max_length=3)


def faults(content: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Whole.model_validate(content)
    return [str(fault) for fault in faults_of(caught.value, Whole, where="f")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"named": {"a": {"kind": "text", "column": 3}}}, "f: named.a.column: got 3; wanted text. Change"),
        (
            {"named": {"a": {"kind": "text"}}},
            "f: named.a.column: is missing. Add it, described as: The column that holds",
        ),
        (
            {"named": {"a": {"kind": "text", "column": "x", "colum": "y"}}},
            "f: named.a.colum: is a key that is not known here. Did you mean 'column'?",
        ),
        (
            {"named": {"a": {"kind": "txt", "column": "x"}}},
            "f: named.a.kind: got 'txt'; wanted one of text, image. Did you mean 'text'?",
        ),
        (
            {"named": {"a": {"column": "x"}}},
            "f: named.a.kind: is missing; wanted one of text, image. Add it.",
        ),
        ({"one": {"kind": "txt"}}, "f: one.kind: got 'txt'; wanted one of text, image. Did you mean 'text'?"),
        (
            {"one": {"kind": "text", "columns": {}, "column": "x"}},
            "f: one.columns: is a key that is not known",
        ),
        (
            {"named": {"a": {"kind": "image", "columns": {"image": "grean"}}}},
            "f: named.a.columns.image: got 'grean'; wanted one of 'red' or 'green'. Did you mean 'green'?",
        ),
        ({"named": {"a": "text"}}, "f: named.a: got 'text'; wanted a mapping of keys to values"),
        (
            {"named": {"a b": {"kind": "text", "column": "x"}}},
            "f: named.a b: got 'a b'; wanted letters, digits and '_', beginning with a letter. Rename it.",
        ),
        ({"layers": ["a", 3]}, "f: layers[1]: got 3; wanted text or a list. Change the value."),
        ({"layers": [["a", 4]]}, "f: layers[0][1]: got 4; wanted a mapping of keys to values."),
        ({"pair": [1, 2]}, "f: pair[1]: got 2; wanted text."),
        (
            {"sizes": [{"size": 1}, {"siz": 1, "size": 2}]},
            "f: sizes[1].siz: is a key that is not known here. ",
        ),
        ({"sizes": [{"size": 13}]}, "f: sizes[0]: 13 brings bad luck. Take 12."),
        ({"sizes": {}}, "f: sizes: got an empty mapping; wanted a list."),
        ({"rate": 0}, "f: rate: got 0; wanted a number greater than 0."),
        ({"rate": 1.5}, "f: rate: got 1.5; wanted a number of at most 1."),
        ({"rate": "fast"}, "f: rate: got 'fast'; wanted a number."),
        ({"count": -3}, "f: count: got -3; wanted a number of at least 1."),
        ({"count": 10}, "f: count: got 10; wanted a number less than 10."),
        ({"count": 1.5}, "f: count: got 1.5; wanted an integer."),
        ({"workers": "atuo"}, "f: workers: got 'atuo'; wanted an integer or 'auto'."),
        ({"quick": "perhaps"}, "f: quick: got 'perhaps'; wanted true or false."),
        ({"some": [1]}, "f: some: got a list; wanted at least 2 of them."),
        ({"some": [1, 2, 3, 4]}, "f: some: got a list; wanted at most 3 of them."),
        ({"lyers": []}, "f: lyers: is a key that is not known here. Did you mean 'layers'?"),
        ({3: 1}, "f: [3]: got 3; wanted text as a key."),
        ([1], "f: got a list; wanted a mapping of keys to values."),
    ],
)
def test_one_fault(content: Any, message: str) -> None:
    (fault,) = faults(content)
    assert fault.startswith(message)
    assert fault.endswith((".", "?"))


def test_place_below_a_place() -> None:
    """Whoever parses a part of a file names the part, and the places are joined by a dot."""
    with pytest.raises(ValidationError) as caught:
        Size.model_validate({"size": "x"})
    (fault,) = faults_of(caught.value, Size, where="dataset.yaml: relations.borders")
    assert fault.where == "dataset.yaml: relations.borders.size"


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Neighbours:
    on: str
    k: Annotated[int, Field(ge=1, description="How many neighbours.")] = 10


@validate_call
def threshold(source: int, *, near: float = 0.1) -> None: ...


@pytest.mark.parametrize(
    ("thing", "arguments", "messages"),
    [
        (
            Neighbours,
            {"K": 3, "on": "x"},
            ["f: r.K: is a key that is not known here. There are: k, on."],
        ),
        (
            Neighbours,
            {"k": 0},
            [
                "f: r.on: is missing. Add it.",
                "f: r.k: got 0; wanted a number of at least 1. "
                "Change the value, described as: How many neighbours.",
            ],
        ),
        (
            threshold,
            {"source": 1, "naer": 3},
            ["f: r.naer: is a key that is not known here. Did you mean 'near'?"],
        ),
        (
            threshold,
            {"near": "x"},
            ["f: r.source: is missing. Add it.", "f: r.near: got 'x'; wanted a number. "],
        ),
    ],
)
def test_dataclasses_and_functions(
    thing: Callable[..., Any], arguments: dict[str, Any], messages: list[str]
) -> None:
    with pytest.raises(ValidationError) as caught:
        thing(**arguments)
    found = [str(fault) for fault in faults_of(caught.value, thing, where="f: r")]
    assert len(found) == len(messages)
    assert all(fault.startswith(message.strip()) for fault, message in zip(found, messages, strict=True)), (
        found
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nothing"),
        ({}, "an empty mapping"),
        ([1], "a list"),
        ((), "an empty list"),
        ("a", "'a'"),
        (3, "3"),
    ],
)
def test_describe(value: Any, text: str) -> None:
    assert describe(value) == text


def test_describe_is_short() -> None:
    assert len(describe("x" * 1000)) == 60
