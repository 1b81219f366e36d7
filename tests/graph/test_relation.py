"""A relation builder as a third party writes it: a frozen dataclass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pytest
from pydantic import Field

from mmgraph.data.dataset import Dataset
from mmgraph.errors import ConfigError, GraphError
from mmgraph.graph import BuildContext, Edges, RelationBuilder, build_graph


@dataclass(frozen=True)
class Ladder(RelationBuilder):
    """From every product to a later one."""

    kind: ClassVar[Literal["given", "derived"]] = "derived"

    entity: str
    step: Annotated[int, Field(ge=1, description="How far it is.")] = 1
    result: Any = None

    @property
    def default_name(self) -> str:
        return "ladder"

    def endpoints(self, context: BuildContext) -> tuple[str, str]:
        entity = context.entity(self.entity, parameter="entity")
        return entity, entity

    def build(self, context: BuildContext) -> Edges:
        if self.result is not None:
            return self.result
        start = np.arange(context.num_nodes(self.entity) - self.step)
        context.count("steps", self.step)
        context.count("nothing", 0)
        context.warn("it is steep")
        return Edges(start, start + self.step)


def test_it_becomes_a_relation_with_counts_and_warnings(shop: Dataset):
    graph = build_graph(shop, relations=[Ladder("product", 20)], cache=False)
    assert graph.edge_index["product", "ladder", "product"].tolist() == [[0, 1, 2, 3], [20, 21, 22, 23]]
    assert graph.manifest["relations"]["ladder"] == {
        "builder": "Ladder",
        "parameters": Ladder("product", 20).parameters(),
        "kind": "derived",
        "transductive": True,
        "inductive": False,
        "counts": {"steps": 20, "edges": 4},
        "warnings": ["it is steep"],
    }


@pytest.mark.parametrize(
    "result", ["edges", ([0], [99]), Edges(np.array([0]), np.array([1]), np.array([-1.0]))]
)
def test_what_it_gives_is_checked(shop: Dataset, result):
    with pytest.raises(GraphError, match=r"relations\[0\]: gave"):
        build_graph(shop, relations=[Ladder("product", result=result)], cache=False)


def test_no_edge_is_an_error_unless_allowed(shop: Dataset):
    with pytest.raises(GraphError, match="the relation has no edge: the builder returned none"):
        build_graph(shop, relations=[Ladder("product", 24)], cache=False)
    graph = build_graph(shop, relations=[Ladder("product", 24, allow_empty=True)], cache=False)
    assert graph.schema.relations == ["ladder"]


def test_parameters_are_checked_and_converted_in_python():
    assert Ladder("product", "3").step == 3
    with pytest.raises(ConfigError) as caught:
        Ladder(5, 0)
    assert len(caught.value.faults) == 2
    assert "Ladder: step: got 0; wanted a number of at least 1" in str(caught.value)
    assert Ladder("product") == Ladder("product", 1)
    assert len({Ladder("product"), Ladder("product", 1)}) == 1


def test_parameters_are_checked_from_yaml():
    assert Ladder.from_config({"entity": "product", "step": 2}, where="x") == Ladder("product", 2)
    with pytest.raises(ConfigError) as caught:
        Ladder.from_config({"stp": 2}, where="dataset.yaml: relations.l")
    assert [str(fault).partition(". ")[0] for fault in caught.value.faults] == [
        "dataset.yaml: relations.l.entity: is missing",
        "dataset.yaml: relations.l.stp: is a key that is not known here",
    ]


def test_the_schema_of_parameters_has_limits_and_descriptions():
    properties = Ladder.config_model().model_json_schema()["properties"]
    assert properties["step"]["minimum"] == 1
    assert properties["step"]["description"] == "How far it is."
    assert "allow_empty" in properties


def test_an_unknown_entity_type_offers_the_nearest(shop: Dataset):
    with pytest.raises(GraphError, match=r"relations\[0\]: entity: there is no node type 'produkt'. Did you"):
        build_graph(shop, relations=[Ladder("produkt")], cache=False)
