"""Regression and correlations together."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmgraph.tasks.canonical_maps import fit_canonical
from mmgraph.tasks.closed_form import SHARES, ClosedForm, fit_closed_form
from mmgraph.tasks.fold_maps import deal, least_loss
from mmgraph.tasks.ridge_maps import fit_ridge

COUNT = 60


def pairs(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return two modalities of which a part of small variance is common, and much is not."""
    random = torch.Generator().manual_seed(seed)
    common = torch.randn(COUNT, 3, generator=random)
    sides = [torch.cat([common, 8 * torch.randn(COUNT, 4, generator=random)], dim=1) for _ in range(2)]
    return sides[0], sides[1]


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_likeness_is_the_mean_of_both(share: float) -> None:
    query, answer = pairs()
    fold, nobody = deal(COUNT), torch.zeros(COUNT, dtype=torch.int64)
    ridge, canonical = fit_ridge(query, answer, fold)[0], fit_canonical(query, answer, fold)
    one, other = ClosedForm(ridge, canonical, share)(query, answer, nobody)
    by_ridge, by_correlation = (part(query, answer, nobody) for part in (ridge, canonical))
    wanted = (1 - share) * by_ridge[0] @ by_ridge[1].T + share * by_correlation[0] @ by_correlation[1].T
    assert torch.allclose(one @ other.T, wanted, atol=1e-5)
    assert torch.allclose(one.norm(dim=1), torch.ones(COUNT), atol=1e-5)


def test_the_share_is_what_finds_pairs_of_training_best() -> None:
    query, answer = pairs()
    fold = deal(COUNT)
    fitted, temperature = fit_closed_form(query, answer, fold)
    judged = {
        share: least_loss(*ClosedForm(fitted.ridge, fitted.canonical, share)(query, answer, fold), fold)
        for share in SHARES
    }
    best = min(judged, key=lambda share: judged[share][0])
    assert float(fitted.share) == pytest.approx(best)
    assert temperature == judged[best][1]
    assert len({loss for loss, _ in judged.values()}) == len(SHARES)
    assert fitted.describe()["correlations"] == {
        "share": round(best, 3),
        "components": fitted.canonical.query.weight.shape[2],
    }


def test_it_waits_for_weights_of_any_shape() -> None:
    fitted, _ = fit_closed_form(*pairs(), deal(COUNT))
    opened = ClosedForm.unfitted()
    opened.load_state_dict(fitted.state_dict())
    nobody = torch.zeros(COUNT, dtype=torch.int64)
    for one, other in zip(opened(*pairs(1), nobody), fitted(*pairs(1), nobody), strict=True):
        assert torch.equal(one, other)
