"""Canonical correlations of training pairs."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmgraph.relations.cca import CCA
from mmgraph.tasks.canonical_maps import SHRINKAGES, fit_at, fit_canonical
from mmgraph.tasks.fold_maps import deal

COUNT = 60


def pairs(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return two modalities that have three directions in common, among others."""
    random = torch.Generator().manual_seed(seed)
    common = torch.randn(COUNT, 3, generator=random)
    query = torch.cat([common, torch.randn(COUNT, 4, generator=random)], dim=1) + 2
    return query, torch.cat([common * 3, torch.randn(COUNT, 2, generator=random)], dim=1)


def test_they_are_those_of_cca() -> None:
    query, answer = pairs()
    maps = fit_canonical(query, answer, deal(COUNT))
    found = maps(query, answer, torch.zeros(COUNT, dtype=torch.int64))
    fits = [CCA.fit(query.numpy(), answer.numpy(), components=64, shrinkage=s) for s in SHRINKAGES]
    wanted = [
        [F.normalize(torch.from_numpy(fit.place(view, x.numpy())), dim=1) for view, x in enumerate(pairs())]
        for fit in fits
    ]
    near = [all(torch.allclose(a, b, atol=1e-4) for a, b in zip(found, each, strict=True)) for each in wanted]
    assert sum(near) == 1


def test_who_is_in_a_fold_changes_nothing_of_what_is_said_of_it() -> None:
    query, answer = pairs()
    fold = deal(COUNT)
    changed = answer.clone()
    changed[fold == 2] += torch.randn(int((fold == 2).sum()), 5, generator=torch.Generator().manual_seed(1))
    found = [fit_at(query, each, fold, 0.3)[0](query, fold) for each in (answer, changed)]
    assert torch.allclose(found[0][fold == 2], found[1][fold == 2], atol=1e-4)
    assert not torch.allclose(found[0][fold != 2], found[1][fold != 2], atol=1e-2)


def test_few_pairs_of_a_modality_that_never_varies_are_placed() -> None:
    query = torch.full((3, 4), 2.0)
    answer = torch.from_numpy(np.random.default_rng(0).normal(size=(3, 5))).float()
    for side in fit_canonical(query, answer, deal(3))(query, answer, deal(3)):
        assert torch.isfinite(side).all()
