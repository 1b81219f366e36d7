"""Scope, filters, relations made of others, what is fitted, and new entities, for any relation builder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from mmgraph.data.dataset import Dataset
from mmgraph.errors import ConfigError, GraphError
from mmgraph.graph import Edges, Filters, RelationBuilder, build_graph, load_graph
from mmgraph.registry import RELATIONS

PRODUCT = ("product", "closest", "product")


@dataclass(frozen=True)
class TwoSteps(RelationBuilder):
    """Two edges of another relation, one after the other."""

    kind: ClassVar = "derived"
    of: str = "bought_with"

    @property
    def default_name(self) -> str:
        return "two_steps"

    def needs(self) -> tuple[str, ...]:
        return (self.of,)

    def endpoints(self, context):
        return "product", "product"

    def build(self, context):
        edges, back = context.edges_of(self.of), context.edges_of(f"rev_{self.of}")
        assert np.array_equal(edges.source, back.target)
        after = {int(s): int(t) for s, t in zip(edges.source, edges.target, strict=True)}
        pairs = [(s, after[t]) for s, t in after.items() if t in after]
        return Edges(*np.array(pairs).T)


def test_by_scope_training_nothing_leaves_a_held_out_entity(shop: Dataset, closest):
    graph = build_graph(shop, relations=["bought_with", closest(scope="training")], cache=False)
    training = graph.nodes["product"]["training"].to_numpy()
    assert 0 < training.sum() < len(training)
    source, target = graph.edge_index[PRODUCT]
    assert training[source].all()
    assert not training[target].all()
    names = [t.name for t in graph.schema.edge_types]
    assert "rev_closest" not in names
    assert "rev_bought_with" in names
    assert graph.manifest["relations"]["closest"]["transductive"] is False


def test_a_given_relation_obeys_the_scope_too(make_shop: Callable[..., Dataset], shop_spec: dict[str, Any]):
    relations = {"bought_with": shop_spec["relations"]["bought_with"] | {"scope": "training"}}
    graph = build_graph(make_shop(relations=relations), cache=False)
    training = graph.nodes["product"]["training"].to_numpy()
    assert training[graph.edge_index["product", "bought_with", "product"][0]].all()
    counts = graph.manifest["relations"]["bought_with"]["counts"]
    assert counts["from_held_out"] + counts["edges"] == 24


def test_symmetrise_and_top_k_decide_what_is_symmetric(shop: Dataset, closest):
    both = build_graph(shop, relations=[closest(filters=Filters(symmetrise=True))], cache=False)
    pairs = set(map(tuple, both.edge_index[PRODUCT].T.tolist()))
    assert pairs == {(t, s) for s, t in pairs}
    assert both.schema.edge_type(PRODUCT).symmetric
    shelf = ("product", "same_shelf", "product")
    shelves = shop.spec.relations["same_shelf"].parameters
    kind = RELATIONS.get("shared_attribute")
    cut = build_graph(shop, relations=[("same_shelf", kind(**shelves, filters={"top_k": 1}))], cache=False)
    assert not cut.schema.edge_type(shelf).symmetric
    assert np.bincount(cut.edge_index[shelf][1]).max() == 1
    assert ("product", "rev_same_shelf", "product") in cut.schema.metadata[1]


def test_filters_that_leave_nothing_and_those_that_cannot_be(shop: Dataset, closest):
    with pytest.raises(GraphError, match="the filters and the scope leave none of 24"):
        build_graph(shop, relations=[closest(filters={"min_weight": 2})], cache=False)
    with pytest.raises(GraphError, match=r"filters.symmetrise: asks for both directions, but by scope"):
        build_graph(shop, relations=[closest(scope="training", filters={"symmetrise": True})], cache=False)


def test_a_relation_of_relations_comes_after_them_and_goes_with_them(shop: Dataset):
    graph = build_graph(shop, relations=[TwoSteps(), "bought_with"], cache=False)
    after = dict(graph.edge_index["product", "bought_with", "product"].T.tolist())
    for source, target in graph.edge_index["product", "two_steps", "product"].T.tolist():
        assert after[after[source]] == target
    assert graph.schema.edge_type(("product", "two_steps", "product")).made_of == ("bought_with",)
    assert graph.without(relations=["bought_with"]).schema.relations == []


def test_relations_of_relations_pass_on_modalities_and_wait_for_features(shop: Dataset):
    graph = build_graph(shop, relations=["looks_like", TwoSteps("looks_like")], cache=False)
    edge_type = graph.schema.edge_type(("product", "two_steps", "product"))
    assert edge_type.made_from == ("product/picture",)
    assert graph.without(modalities=["picture"]).schema.relations == []


def test_relations_that_are_not_there_or_go_in_circles_are_refused(shop: Dataset):
    with pytest.raises(ConfigError, match="is made of 'bought_wth', which is not among the relations"):
        build_graph(shop, relations=["bought_with", TwoSteps("bought_wth")], cache=False)
    circle = [("a", TwoSteps("b")), ("b", TwoSteps("a"))]
    with pytest.raises(ConfigError, match="is made of itself: a -> b -> a"):
        build_graph(shop, relations=circle, cache=False)


@pytest.mark.parametrize("value", [np.array([object()]), [1.0]])
def test_what_is_fitted_must_be_arrays_that_can_be_kept(shop: Dataset, closest, value):
    class Odd(closest):
        def fit(self, context):
            return {"price": value}

    with pytest.raises(GraphError, match=r"its fit\(\) gave .* as 'price'; wanted an array"):
        build_graph(shop, relations=[("closest", Odd())], cache=False)


def test_edges_carry_features_and_times_to_disk_and_to_pyg(shop: Dataset, tmp_path: Path):
    @dataclass(frozen=True)
    class Dated(TwoSteps):
        def needs(self):
            return ()

        def build(self, context):
            index = np.array([0, 0, 1])
            attr = np.arange(6, dtype=np.float32).reshape(3, 2)
            return Edges(index, index + 1, None, attr, ("a", "b"), np.array([5, 3, 4]))

    triple = ("product", "two_steps", "product")
    built = build_graph(shop, relations=[Dated()], cache=False)
    built.save(tmp_path / "graph")
    for graph in (built, load_graph(tmp_path / "graph", verify=True)):
        assert graph.edge_index[triple].tolist() == [[0, 0, 1], [1, 1, 2]]
        assert graph.edge_time[triple].tolist() == [3, 5, 4]
        assert graph.edge_attr[triple].tolist() == [[2, 3], [0, 1], [4, 5]]
        assert graph.schema.edge_type(triple).attr_names == ("a", "b")
        store = graph.data[triple]
        assert store.edge_attr.tolist() == [[2, 3], [0, 1], [4, 5]]
        assert store.time.tolist() == [3, 5, 4]
        back = graph.data["product", "rev_two_steps", "product"]
        assert sorted(back.time.tolist()) == [3, 4, 5]
        assert graph.fingerprint() == built.fingerprint()
