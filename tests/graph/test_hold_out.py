"""Edges that a split holds out: out of the message graph in both directions, and kept beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmgraph.data.dataset import Dataset
from mmgraph.data.split_spec import RandomEdgeSplit, TimeEdgeSplit
from mmgraph.errors import ConfigError, GraphError
from mmgraph.graph import build_graph, summarise
from mmgraph.graph.edges import merge, symmetrise
from mmgraph.graph.hold_out import HeldOutEdges, hold_out
from mmgraph.graph.relation import Edges, RelationBuilder
from mmgraph.graph.store import load_graph

FRACTIONS = {"train": 0.6, "validation": 0.2, "test": 0.2}
BY_EDGE = {"kind": "edges", "relation": "bought_with", "fractions": FRACTIONS}
IDS = np.array([f"n{n}" for n in range(12)], dtype=object)


def _split(edges: Edges, ids: np.ndarray = IDS, **options: Any) -> tuple[Edges, HeldOutEdges]:
    options = {"homogeneous": True, "symmetric": False, "where": "here"} | options
    split = options.pop("split", RandomEdgeSplit(kind="edges", relation="r", fractions=FRACTIONS))
    return hold_out(edges, split, ids=(ids, ids), **options)


def _pairs(edges: Edges) -> set[tuple[int, int]]:
    return set(zip(edges.source.tolist(), edges.target.tolist(), strict=True))


PAIRS = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), min_size=12, max_size=60, unique=True)


@given(PAIRS, st.booleans())
def test_no_pair_is_on_both_sides_and_none_is_lost(pairs: list[tuple[int, int]], symmetric: bool) -> None:
    source, target = np.array(pairs).T
    edges = merge(Edges(source, target), 12)
    if symmetric:
        edges = symmetrise(edges, 12)
    if len({(min(p), max(p)) for p in pairs}) < 9:
        return
    left, held_out = _split(edges, symmetric=symmetric)
    stays, aside = _pairs(left), _pairs(held_out.edges)
    reverse = {(b, a) for a, b in aside}
    assert not stays & (aside | reverse)
    if symmetric:
        assert all(a <= b for a, b in aside)
        assert stays | aside | reverse == _pairs(edges)
    else:
        assert stays | aside == _pairs(edges)


@given(st.permutations(range(12)), st.integers(0, 3))
def test_the_order_of_rows_does_not_count(order: list[int], seed: int) -> None:
    rng = np.random.default_rng(3)
    edges = merge(Edges(rng.integers(12, size=40), rng.integers(12, size=40)), 12)
    place = np.argsort(order)
    moved = merge(Edges(place[edges.source], place[edges.target]), 12)
    split = RandomEdgeSplit(kind="edges", relation="r", fractions=FRACTIONS, seed=seed)

    def named(edges: Edges, ids: np.ndarray) -> set[tuple[str, str]]:
        return set(zip(ids[edges.source], ids[edges.target], strict=True))

    _, one = _split(edges, split=split)
    _, other = _split(moved, IDS[order], split=split)
    for part in ("validation", "test"):
        assert named(one.of(part), IDS) == named(other.of(part), IDS[order])


def test_another_seed_gives_another_split() -> None:
    edges = merge(Edges(*np.triu_indices(12, 1)), 12)
    splits = [RandomEdgeSplit(kind="edges", relation="r", fractions=FRACTIONS, seed=s) for s in (0, 1)]
    one, other = (_split(edges, split=split)[1] for split in splits)
    assert _pairs(one.of("test")) != _pairs(other.of("test"))
    assert len(one.of("test")) == len(other.of("test")) == 13


def test_by_time_the_latest_edges_test() -> None:
    time = np.array([5, 1, 9, 3, 7, 7, 2, 8, 4, 6])
    edges = Edges(np.arange(10), np.arange(10)[::-1].copy(), time=time)
    left, held_out = _split(
        edges, split=TimeEdgeSplit(kind="edges_by_time", relation="r", fractions=FRACTIONS)
    )
    assert left.time is not None
    assert held_out.of("validation").time is not None
    assert left.time.max() < held_out.of("validation").time.min()
    assert held_out.of("validation").time.max() < held_out.of("test").time.min()


@pytest.mark.parametrize(
    ("time", "words"), [(None, "have no times"), (np.array([1, 1, 2, 2]), "2 different times")]
)
def test_times_that_cannot_be_split_by(time: np.ndarray | None, words: str) -> None:
    edges = Edges(np.arange(4), np.arange(4), time=time)
    with pytest.raises(GraphError, match=words):
        _split(edges, split=TimeEdgeSplit(kind="edges_by_time", relation="r", fractions=FRACTIONS))


def test_a_part_without_an_edge_is_refused() -> None:
    with pytest.raises(GraphError, match="no edge is in validation or in test"):
        _split(Edges(np.array([0]), np.array([1])))


@pytest.fixture
def split_shop(make_shop: Callable[..., Dataset], shop_spec: dict[str, Any]) -> Dataset:
    """The shop with a fifth of what was bought together in test, and a fifth in validation."""
    return make_shop(splits=shop_spec["splits"] | {"by_edge": BY_EDGE})


TRIPLE = ("product", "bought_with", "product")
REVERSE = ("product", "rev_bought_with", "product")


def test_the_graph_has_neither_the_edges_nor_their_reverses(split_shop: Dataset) -> None:
    graph = build_graph(split_shop, cache=False, previews=False)
    held_out = graph.held_out["bought_with"]
    aside = _pairs(held_out.edges)
    assert len(aside) == graph.schema.edge_type(TRIPLE).held_out == len(held_out)
    stays = set(map(tuple, graph.edge_index[TRIPLE].T.tolist()))
    back = set(map(tuple, graph.edge_index[REVERSE].T.tolist()))
    assert not stays & aside
    assert not {(b, a) for a, b in aside} & (stays | back)
    assert not aside & back
    assert stays | aside == set(
        map(tuple, build_graph(_whole(split_shop), cache=False).edge_index[TRIPLE].T.tolist())
    )
    counts = {part: len(held_out.of(part)) for part in ("validation", "test")}
    assert graph.manifest["relations"]["bought_with"]["held_out"] == {"split": "by_edge", **counts}
    assert "held_out" not in graph.manifest["relations"]["made_by"]
    relations = summarise(graph)["relations"]
    assert relations["bought_with"]["held_out"] == counts
    assert relations["made_by"]["held_out"] == {}


def _whole(dataset: Dataset) -> Dataset:
    splits = {name: split for name, split in dataset.spec.splits.items() if name != "by_edge"}
    return Dataset(dataset.spec.model_copy(update={"splits": splits}), dataset.folder)


def test_a_relation_made_of_it_does_not_see_them(split_shop: Dataset) -> None:
    seen: list[Edges] = []

    class TwoSteps(RelationBuilder):
        kind = "derived"
        default_name = "two_steps"

        def needs(self) -> tuple[str, ...]:
            return ("bought_with",)

        def endpoints(self, context: Any) -> tuple[str, str]:
            return "product", "product"

        def build(self, context: Any) -> Edges:
            seen.append(context.edges_of("bought_with"))
            return seen[-1]

    graph = build_graph(split_shop, relations=["bought_with", TwoSteps()], cache=False, previews=False)
    assert not _pairs(seen[0]) & _pairs(graph.held_out["bought_with"].edges)
    assert _pairs(seen[0]) == set(map(tuple, graph.edge_index[TRIPLE].T.tolist()))


def test_the_folder_keeps_them(split_shop: Dataset, tmp_path: Path) -> None:
    graph = build_graph(split_shop, cache=False, previews=False)
    graph.save(tmp_path / "graph")
    opened = load_graph(tmp_path / "graph", verify=True)
    one, other = graph.held_out["bought_with"], opened.held_out["bought_with"]
    for name in ("source", "target", "part", "weight"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
    assert other.time is None
    assert other.attr is None
    assert list(opened.held_out) == ["bought_with"]
    # Of what a model can learn from, they are a part: they are what it is asked.
    assert graph._computed_fingerprint == opened._computed_fingerprint
    assert opened.view("price").held_out["bought_with"].part.tolist() == one.part.tolist()
    assert not opened.view("colour").held_out


def test_a_damaged_file_is_told(split_shop: Dataset, tmp_path: Path) -> None:
    build_graph(split_shop, cache=False, previews=False).save(tmp_path / "graph")
    path = tmp_path / "graph" / "held_out" / "bought_with" / "source.npy"
    array = np.load(path)
    np.save(path, np.where(array == array.max(), 10_000, array))
    with pytest.raises(GraphError, match="names nodes that are not there"):
        load_graph(tmp_path / "graph").held_out["bought_with"]
    path.unlink()
    with pytest.raises(GraphError, match=r"source\.npy: is missing"):
        load_graph(tmp_path / "graph")


def test_another_choice_of_held_out_edges_is_another_graph(split_shop: Dataset) -> None:
    splits = dict(split_shop.spec.splits)
    splits["by_edge"] = splits["by_edge"].model_copy(update={"seed": 5})
    other = Dataset(split_shop.spec.model_copy(update={"splits": splits}), split_shop.folder)
    one = build_graph(split_shop, cache=False, previews=False)
    assert one.fingerprint() != build_graph(other, cache=False, previews=False).fingerprint()


def test_faults_of_the_split_are_told_together(
    make_shop: Callable[..., Dataset], shop_spec: dict[str, Any]
) -> None:
    splits = shop_spec["splits"] | {
        "by_edge": BY_EDGE,
        "again": BY_EDGE,
        "unknown": BY_EDGE | {"relation": "bought_wiht"},
    }
    tasks = {"colour": shop_spec["tasks"]["colour"] | {"split": "by_edge"}}
    with pytest.raises(ConfigError) as error:
        make_shop(splits=splits, tasks=tasks)
    text = str(error.value)
    assert "splits.again.relation: the edges of 'bought_with' are split by 'by_edge' already" in text
    assert "splits.unknown.relation: there is no relation 'bought_wiht'. Did you mean 'bought_with'?" in text
    assert "tasks.colour.split: got 'by_edge', a split of edges; wanted one of entities" in text
