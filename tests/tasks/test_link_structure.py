"""Paths and degrees of a pair are those of the graph without the link between both, counted one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmgraph.tasks import link_structure
from mmgraph.tasks.link_structure import LinkStructure, by_degree
from mmgraph.tasks.task_links import TaskLinks


def links(edges: list[tuple[int, int]], shape: tuple[int, int], *, same_type: bool) -> TaskLinks:
    source, target = torch.tensor(sorted(edges)).T
    ends = ("a", "a" if same_type else "b")
    parts = np.array(["train"] * len(edges))
    return TaskLinks((ends[0], "to", ends[1]), *shape, source, target, parts)


def drawn(shape: tuple[int, int], share: float) -> list[tuple[int, int]]:
    there = np.random.default_rng(0).random(shape) < share
    return [(int(a), int(b)) for a, b in np.argwhere(there)]


def counted(edges: set[tuple[int, int]], pair: tuple[int, int], weigh, *, same_type: bool) -> float:
    """Return the weights of the paths between a pair, whose own link is not among the edges."""
    if same_type:
        beside: dict[int, set[int]] = {}
        for a, b in edges:
            if a != b:
                beside.setdefault(a, set()).add(b)
                beside.setdefault(b, set()).add(a)
        common = beside.get(pair[0], set()) & beside.get(pair[1], set())
        return sum(float(weigh(np.array(float(len(beside[node]))))) for node in common)
    total = 0.0
    for a, b in edges:
        if a != pair[0] and b != pair[1] and (pair[0], b) in edges and (a, pair[1]) in edges:
            degrees = sum(e[0] == a for e in edges), sum(e[1] == b for e in edges)
            total += float(np.prod([weigh(np.array(float(degree))) for degree in degrees]))
    return total


@pytest.mark.parametrize("weigh", [np.ones_like, by_degree])
@pytest.mark.parametrize("same_type", [True, False])
def test_a_link_counts_neither_for_its_paths_nor_for_its_degree(weigh, same_type):
    shape = (9, 9) if same_type else (8, 6)
    edges = drawn(shape, 0.35)
    structure = LinkStructure(links(edges, shape, same_type=same_type), weigh)
    source, target = (x.ravel() for x in np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij"))
    paths, degrees = structure.paths(source, target), structure.degrees(source, target)
    for pair, found, degree in zip(
        zip(source.tolist(), target.tolist(), strict=True), paths, degrees, strict=True
    ):
        if same_type and pair[0] == pair[1]:
            continue
        left = set(edges) - ({pair, pair[::-1]} if same_type else {pair})
        assert found == pytest.approx(counted(left, pair, weigh, same_type=same_type)), pair
        assert degree == sum(e[1] == pair[1] for e in set(edges) - {pair}), pair


@pytest.mark.parametrize("same_type", [True, False])
def test_pairs_without_a_link_are_scored_alike_one_by_one_and_all_together(same_type):
    edges = drawn((7, 7), 0.3)
    structure = LinkStructure(links(edges, (7, 7), same_type=same_type), by_degree)
    pairs = np.array([(a, b) for a in range(7) for b in range(7) if (a, b) not in edges])
    found = structure.paths(*pairs.T)
    np.testing.assert_allclose(structure.all_paths(np.arange(7))[tuple(pairs.T)], found)
    np.testing.assert_allclose(structure.all_degrees()[pairs[:, 1]], structure.degrees(*pairs.T))


@pytest.mark.parametrize("same_type", [True, False])
def test_products_are_no_larger_than_what_they_may_be(same_type, monkeypatch):
    shape = (40, 40) if same_type else (40, 30)
    structure = LinkStructure(links(drawn(shape, 0.05), shape, same_type=same_type), by_degree)
    source, target = np.random.default_rng(1).integers(30, size=(2, 500))
    wanted, all_paths = structure.paths(source, target), structure.all_paths(source[:9])
    over, sizes = LinkStructure._over, []

    def noted(self: LinkStructure, asked: np.ndarray) -> object:
        found = over(self, asked)
        sizes.append(found.nnz)
        return found

    monkeypatch.setattr(LinkStructure, "_over", noted)
    monkeypatch.setattr(link_structure, "_AT_ONCE", 60)
    np.testing.assert_array_equal(structure.paths(source, target), wanted)
    np.testing.assert_array_equal(structure.all_paths(source[:9]), all_paths)
    assert len(sizes) > 3
    assert max(sizes) <= 60


def test_a_source_with_more_than_may_be_is_taken_alone(monkeypatch):
    structure = LinkStructure(links(drawn((9, 6), 0.5), (9, 6), same_type=False), by_degree)
    pairs = np.arange(9).repeat(6), np.tile(np.arange(6), 9)
    wanted = structure.paths(*pairs)
    monkeypatch.setattr(link_structure, "_AT_ONCE", 1)
    np.testing.assert_array_equal(structure.paths(*pairs), wanted)
    assert len(structure.paths(*np.empty((2, 0), dtype=np.int64))) == 0
