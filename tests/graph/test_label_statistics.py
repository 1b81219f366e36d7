"""What edges tell about labels, against the formulas of the paper, spelt out."""

from __future__ import annotations

from collections import Counter
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgraph.graph.label_statistics import class_statistics


def by_hand(edges: list[tuple[int, int]]) -> tuple[float, float | None, float | None]:
    """Return edge homophily, adjusted homophily and label informativeness, in loops."""
    both = [*edges, *((t, s) for s, t in edges)]
    same = sum(s == t for s, t in edges) / len(edges)
    share = {c: n / len(both) for c, n in Counter(s for s, _ in both).items()}
    if len(share) == 1:
        return same, None, None
    expected = sum(p**2 for p in share.values())
    information = sum(
        n / len(both) * log(n / len(both) / (share[s] * share[t])) for (s, t), n in Counter(both).items()
    )
    entropy = -sum(p * log(p) for p in share.values())
    return same, (same - expected) / (1 - expected), information / entropy


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=20))
def test_it_is_what_the_formulas_say(edges):
    source, target = np.array(edges).T
    found = class_statistics(source, target, np.array([1, 2, 3, 4]), 4)
    same, adjusted, informativeness = by_hand(edges)
    assert found["by_chance"] == pytest.approx(0.3)
    assert found["same_label"] == pytest.approx(same)
    for value, expected in ((found["adjusted"], adjusted), (found["informativeness"], informativeness)):
        assert value is None if expected is None else value == pytest.approx(expected, abs=1e-12)


def test_a_class_that_is_always_beside_another_tells_it_without_being_like_it():
    """Letters have cases: no neighbour has the same one, and each tells the other's."""
    source = np.array([0, 1, 0, 1])
    found = class_statistics(source, 1 - source, np.array([2, 2]), 2)
    assert (found["adjusted"], found["informativeness"]) == (-1, 1)


def test_random_edges_tell_next_to_nothing():
    rng = np.random.default_rng(0)
    found = class_statistics(*rng.integers(0, 3, (2, 100_000)), np.array([5, 5, 5]), 3)
    assert abs(found["adjusted"]) < 0.01
    assert found["informativeness"] < 0.001


def test_no_edge_and_one_class_are_nothing():
    none = np.empty(0, dtype=np.int64)
    empty = class_statistics(none, none, np.array([3, 1]), 2)
    assert empty == {"same_label": None, "by_chance": 0.625, "adjusted": None, "informativeness": None}
    alone = class_statistics(np.zeros(2, np.int64), np.zeros(2, np.int64), np.array([4]), 1)
    assert alone == {"same_label": 1, "by_chance": 1, "adjusted": None, "informativeness": None}
