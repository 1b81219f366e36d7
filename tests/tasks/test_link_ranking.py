"""Links are ranked among the targets that nobody knows of, whatever is asked and however it is cut."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor

from mmgraph.tasks import link_ranking
from mmgraph.tasks.link_ranking import RankedLinks, rank_links, recommend
from mmgraph.tasks.task_links import TaskLinks

NODES = 30


@pytest.fixture
def links() -> TaskLinks:
    """Random links among thirty nodes; node 0 is linked to all others."""
    rng = np.random.default_rng(0)
    pairs = {(int(a), int(b)) for a, b in rng.integers(1, NODES, (160, 2)) if a != b}
    pairs |= {(0, node) for node in range(1, NODES)}
    source, target = np.array(sorted(pairs)).T
    part = rng.choice(["train", "validation", "test"], len(source), p=[0.6, 0.2, 0.2])
    return TaskLinks(("a", "to", "a"), NODES, NODES, torch.from_numpy(source), torch.from_numpy(target), part)


@pytest.fixture
def scores() -> Tensor:
    return torch.randn(NODES, NODES, generator=torch.Generator().manual_seed(0))


def _rows(links: TaskLinks, part: str) -> Tensor:
    return torch.from_numpy(np.flatnonzero(links.part == part))


@pytest.mark.parametrize(("target_type", "cold"), [("a", [2, 4]), ("b", [2, 3, 4])])
def test_a_link_is_cold_if_either_end_has_no_training_link(target_type: str, cold: list[int]) -> None:
    source, target = torch.tensor([[0, 1, 3, 2, 0], [1, 2, 1, 0, 4]])
    part = np.array(["train", "train", "validation", "validation", "test"])
    links = TaskLinks(("a", "to", target_type), 5, 5, source, target, part)
    # Among nodes of one type, a link makes both of its ends known, whatever its direction.
    assert links.cold.nonzero().flatten().tolist() == cold


def test_ranks_equal_brute_force_in_the_order_of_the_rows(links: TaskLinks, scores: Tensor) -> None:
    rows = _rows(links, "test").flip(0)
    ranked = RankedLinks.of(rank_links(links, rows, lambda sources: scores[sources]))
    known = torch.zeros(NODES, NODES, dtype=torch.bool)
    known[links.source, links.target] = True
    known.fill_diagonal_(True)
    for place, row in enumerate(rows.tolist()):
        source, target = int(links.source[row]), int(links.target[row])
        others = scores[source][~known[source]]
        assert ranked.score[place] == scores[source, target]
        assert ranked.above[place] == (others > scores[source, target]).sum()
        assert ranked.num_candidates[place] == len(others) + 1
        negative = (scores[source] == ranked.negative[place]).nonzero().item()
        assert negative == target if source == 0 else not known[source, negative]


def test_curves_equal_scikit_learn_and_leave_out_links_without_others(
    links: TaskLinks, scores: Tensor
) -> None:
    rows = _rows(links, "test")
    ranked = RankedLinks.of(rank_links(links, rows, lambda sources: scores[sources]))
    asked = links.source[rows] > 0
    assert not asked.all()
    truth = [1] * int(asked.sum()) + [0] * int(asked.sum())
    said = torch.cat([ranked.score[asked], ranked.negative[asked]]).tolist()
    assert ranked.curves() == {
        "auroc": pytest.approx(roc_auc_score(truth, said)),
        "average_precision": pytest.approx(average_precision_score(truth, said)),
    }


def test_how_it_is_cut_makes_no_difference(
    links: TaskLinks, scores: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, ids = _rows(links, "validation"), np.array([f"n{node}" for node in range(NODES)], dtype=object)

    def everything() -> tuple[Tensor, list[list[object]]]:
        output = rank_links(links, rows, lambda sources: scores[sources])
        table = recommend(links, (ids, ids), lambda sources: scores[sources], k=4)
        return output, table.to_numpy().tolist()

    output, table = everything()
    monkeypatch.setattr(link_ranking, "_MOST_AT_ONCE", 3 * NODES)
    again, same_table = everything()
    assert torch.equal(output, again)
    assert table == same_table


def test_a_source_that_is_linked_to_all_has_few_targets_left(links: TaskLinks, scores: Tensor) -> None:
    ids = np.array([f"n{node}" for node in range(NODES)], dtype=object)
    table = recommend(links, (ids, ids), lambda sources: scores[sources], k=20)
    held_out = _rows(links, "validation").tolist() + _rows(links, "test").tolist()
    expected = {ids[int(links.target[row])] for row in held_out if links.source[row] == 0}
    own = table[table["source"] == "n0"]
    assert set(own["target"]) == expected
    assert set(own["split"]) == {"validation", "test"}
    assert own["rank"].tolist() == list(range(1, len(expected) + 1))
