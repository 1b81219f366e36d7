"""Answers are ranked for some queries at a time, as they would be for all."""

from __future__ import annotations

import pytest
import torch

from mmgraph.tasks import gallery
from mmgraph.tasks.gallery import rank_own
from mmgraph.tasks.ranking import rank


@pytest.mark.parametrize("most", [1, 30, 1 << 22])
def test_parts_stand_where_they_do_among_all(monkeypatch, most):
    monkeypatch.setattr(gallery, "_MOST_AT_ONCE", most)
    # Whole numbers, so that some are tied.
    queries, answers = torch.randint(-2, 3, (2, 11, 3), generator=torch.Generator().manual_seed(0)).float()
    ranking, first = rank_own(queries, answers)
    scores = queries @ answers.T
    wanted = rank(scores, torch.eye(11, dtype=torch.bool))
    assert ranking.ranks.tolist() == wanted.ranks.tolist()
    assert ranking.ndcg(3) == wanted.ndcg(3)
    assert torch.equal(scores[torch.arange(11), first], scores.max(dim=1).values)
