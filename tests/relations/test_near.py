"""The search tree at its limits."""

from __future__ import annotations

import numpy as np

from mmgraph.relations.near import Places, Search

NOWHERE = Places(np.full((2, 2), np.nan), np.array(["a", "a"]))
SOMEWHERE = Places(np.zeros((2, 2)), np.array(["a", "b"]))


def test_who_is_nowhere_is_near_nobody():
    for places, asked in ((NOWHERE, SOMEWHERE), (SOMEWHERE, NOWHERE)):
        search = Search(places, asked)
        assert len(search.nearest(2).source) == len(search.within(9.0).source) == 0
        assert search.count_within(9.0) == len(search.within_reach(np.full(2, 9.0)).source) == 0


def test_groups_are_apart_however_far_the_radius():
    search = Search(SOMEWHERE, SOMEWHERE)
    for found in (search.nearest(2), search.within(1e9), search.within_reach(np.full(2, np.inf))):
        assert found.source.tolist() == found.target.tolist() == [0, 1]


def test_the_radius_itself_is_near_enough():
    line = Places(np.array([[0.0], [3.0]]), np.array(["a", "a"]))
    search = Search(line, line)
    assert len(search.nearest(1, radius=3.0, without_self=True).source) == 2
    assert len(search.within(3.0).source) == search.count_within(3.0) == 4
