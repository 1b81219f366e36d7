"""Wrong answers: hard ones are tied by an edge or by a node in common, and nobody gets the own one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmgraph.tasks.objectives import neighbours_of
from mmgraph.tasks.wrong_answers import Walks, draw_wrong

SIZES = {"tag": 3, "thing": 6, "thing/text": 6}
EDGES = {
    ("thing", "beside", "thing"): torch.tensor([[0, 4], [1, 5]]),
    ("thing", "tagged", "tag"): torch.tensor([[1, 2, 5, 3], [0, 0, 0, 2]]),
    ("tag", "rev_tagged", "thing"): torch.tensor([[0, 0, 0, 2], [1, 2, 5, 3]]),
    ("thing/text", "of", "thing"): torch.arange(6).repeat(2, 1),
    ("thing", "rev_of", "thing/text"): torch.arange(6).repeat(2, 1),
}


def walks_among(here):
    rows = torch.tensor(here)
    return Walks(neighbours_of(EDGES, SIZES, "thing", rows), rows, 6)


def ends(here):
    """Return where walks from each entity end, by its number, over many tries."""
    walks, rng = walks_among(here), np.random.default_rng(0)
    numbers = np.array([*here, -1])
    found = [walks.step(np.arange(len(here)), rng) for _ in range(60)]
    return {row: set(numbers[[step[place] for step in found]].tolist()) for place, row in enumerate(here)}


def test_walks_end_at_all_who_are_tied_by_an_edge_or_by_a_node_in_common():
    # A tag of nobody else leads nowhere, a text is no tie.
    assert ends([0, 1, 2, 3, 4, 5]) == {0: {1}, 1: {0, 2, 5}, 2: {1, 5}, 3: {-1}, 4: {5}, 5: {1, 2, 4}}


def test_walks_stay_among_those_who_are_asked_for_and_may_lead_by_others():
    # 0 and 2 are both tied to 1, but 0 by an edge and 2 by a tag: only ties to one node count.
    assert ends([2, 5, 0]) == {2: {5}, 5: {2}, 0: {-1}}
    edges = {("thing", "beside", "thing"): torch.tensor([[0, 3], [1, 1]])}
    rows = torch.tensor([0, 3])
    walks = Walks(neighbours_of(edges, SIZES, "thing", rows), rows, 6)
    assert walks.step(np.array([0, 1]), np.random.default_rng(0)).tolist() == [1, 0]


@pytest.mark.parametrize("hard_share", [0.0, 0.5, 1.0])
def test_the_share_of_hard_ones_is_as_asked_for_where_there_are_some(hard_share):
    walks = walks_among([0, 1, 2, 5])
    wrong = draw_wrong(walks, 4, num_negatives=200, hard_share=hard_share, rng=np.random.default_rng(0))
    assert wrong.hard.mean() == pytest.approx(hard_share, abs=0.05)
    assert wrong.whose.shape == (4, 200)
    assert (wrong.whose != np.arange(4)[:, None]).all()
    tied = {(0, 1), (1, 0), (1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2)}
    rows, columns = np.nonzero(wrong.hard)
    assert set(zip(rows.tolist(), wrong.whose[rows, columns].tolist(), strict=True)) <= tied
    if hard_share == 0:
        assert [set(row) for row in wrong.whose.tolist()] == [set(range(4)) - {row} for row in range(4)]


def test_whoever_has_no_neighbour_gets_anybody():
    wrong = draw_wrong(walks_among([3, 0]), 2, num_negatives=3, hard_share=1.0, rng=np.random.default_rng(0))
    assert not wrong.hard.any()
    assert wrong.whose.tolist() == [[1] * 3, [0] * 3]


def test_without_any_edge_all_are_anybodys():
    rows = torch.arange(6)
    walks = Walks(neighbours_of({}, SIZES, "thing", rows), rows, 6)
    assert walks.step(np.arange(6), np.random.default_rng(0)).tolist() == [-1] * 6
