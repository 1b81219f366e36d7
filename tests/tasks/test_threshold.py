"""The threshold is that of the best accuracy, by brute force."""

from __future__ import annotations

import pytest
import torch

from mmgraph.tasks.threshold import best_threshold


def accuracy(right, wrong, threshold):
    return float(torch.cat([right >= threshold, wrong < threshold]).float().mean())


@pytest.mark.parametrize("seed", range(5))
def test_no_other_threshold_is_better(seed):
    generator = torch.Generator().manual_seed(seed)
    # Of few values, so that there are ties.
    right = torch.randint(0, 9, (20,), generator=generator) + 2.0
    wrong = torch.randint(0, 9, (30,), generator=generator) * 1.0
    tried = torch.cat([right, wrong]).unique()
    best = max(accuracy(right, wrong, t) for t in [*(tried - 0.5), *(tried + 0.5)])
    assert accuracy(right, wrong, best_threshold(right, wrong)) == pytest.approx(best)


@pytest.mark.parametrize(("right", "wrong", "wanted"), [([1.0], [5.0, 6.0], 7.0), ([3.0, 2.0], [4.0], 1.0)])
def test_it_may_be_beyond_all_scores(right, wrong, wanted):
    assert best_threshold(torch.tensor(right), torch.tensor(wrong)) == wanted
