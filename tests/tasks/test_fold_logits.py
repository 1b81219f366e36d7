"""From likeness to logits, by pairs that maps do not know."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmgraph.tasks.fold_logits import fit_logits
from mmgraph.tasks.fold_maps import deal

COUNT = 80


def pairs() -> tuple[Tensor, Tensor]:
    """Return vectors of length 1, of which those of a pair are alike."""
    random = torch.Generator().manual_seed(0)
    query = torch.randn(COUNT, 6, generator=random)
    answer = query + torch.randn(COUNT, 6, generator=random)
    return torch.nn.functional.normalize(query, dim=1), torch.nn.functional.normalize(answer, dim=1)


@pytest.mark.parametrize("num_negatives", [1, 4])
def test_probabilities_are_as_many_as_there_are_right_pairs(num_negatives: int) -> None:
    (query, answer), fold = pairs(), deal(COUNT)
    slope, bias = fit_logits(query, answer, fold, num_negatives)
    assert slope > 1
    own, others = [], []
    for number in fold.unique():
        rows = fold == number
        probability = (slope * query[rows] @ answer[rows].T + bias).sigmoid()
        eye = torch.eye(len(probability), dtype=torch.bool)
        own.append(probability[eye])
        others.append(probability[~eye])
    mean = (torch.cat(own).mean() + num_negatives * torch.cat(others).mean()) / (1 + num_negatives)
    assert mean.item() == pytest.approx(1 / (1 + num_negatives), abs=1e-3)
    assert torch.cat(own).mean() > torch.cat(others).mean() + 0.3


def test_what_other_folds_are_like_counts_for_nothing() -> None:
    (query, answer), fold = pairs(), deal(COUNT)
    found = fit_logits(query, answer, fold, 1)
    # Each fold in directions of its own: whatever is compared across folds has a likeness of 0.
    apart = [torch.zeros(COUNT, 6 * int(fold.max())) for _ in range(2)]
    for place, vectors in zip(apart, (query, answer), strict=True):
        for row, number in enumerate(fold.tolist()):
            place[row, 6 * (number - 1) : 6 * number] = vectors[row]
    assert fit_logits(*apart, fold, 1) == pytest.approx(found, rel=1e-4)


def test_likeness_that_misleads_hardly_counts() -> None:
    query, answer = pairs()
    assert fit_logits(query, -answer, deal(COUNT), 1)[0] == 1e-3


def test_two_pairs_say_nothing_of_wrong_ones() -> None:
    query, answer = pairs()
    assert fit_logits(query[:2], answer[:2], deal(2), 1) == (1e-3, 0.0)
