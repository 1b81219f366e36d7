"""Objectives that need no labels: equal to what was published, and to what PyG has."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch_geometric.nn import DeepGraphInfomax

from mmgraph.tasks.objectives import Infomax, masked_squared_error, scaled_cosine_error, shuffle_features


def test_the_scaled_cosine_error_is_that_of_graphmae():
    # GraphMAE's loss_func.py: sce_loss.
    x, y = torch.randn(6, 4), torch.randn(6, 4)
    for alpha in (1, 2, 3):
        loss = (1 - (F.normalize(x, p=2, dim=-1) * F.normalize(y, p=2, dim=-1)).sum(dim=-1)).pow_(alpha)
        assert scaled_cosine_error(x, y, gamma=alpha).item() == pytest.approx(loss.mean().item(), rel=1e-5)


def test_only_what_is_masked_counts():
    made, wanted = torch.randn(5, 3, requires_grad=True), torch.randn(5, 3)
    masked = torch.rand(5, 3) < 0.5
    loss = masked_squared_error(made, wanted, masked)
    assert loss.item() == pytest.approx(((made - wanted)[masked] ** 2).mean().item())
    loss.backward()
    assert (made.grad[~masked] == 0).all()
    assert masked_squared_error(made, wanted, torch.zeros_like(masked)).item() == 0


def test_infomax_is_that_of_pyg():
    torch.manual_seed(0)
    infomax = Infomax(6)
    theirs = DeepGraphInfomax(6, torch.nn.Identity(), lambda z: z.mean(dim=0).sigmoid(), lambda x: x)
    theirs.weight.data = infomax.weight.data
    state, corrupted = torch.randn(9, 6), torch.randn(9, 6)
    wanted = theirs.loss(state, corrupted, theirs.summary(state))
    assert infomax(state, corrupted).item() == pytest.approx(wanted.item(), abs=1e-5)


def test_infomax_does_not_overflow_where_all_is_told_apart():
    infomax = Infomax(2)
    infomax.weight.data = torch.eye(2) * 1000
    state = torch.full((3, 2), 10.0)
    assert infomax(state, -state).item() == pytest.approx(0)
    assert infomax(-state, state).isfinite()


def test_shuffled_features_are_those_of_the_same_type_in_another_order():
    torch.manual_seed(0)
    x_dict = {"a": torch.arange(20.0)[:, None], "b": torch.empty(3, 0)}
    shuffled = shuffle_features(x_dict)
    assert shuffled["b"].shape == (3, 0)
    assert not torch.equal(shuffled["a"], x_dict["a"])
    assert torch.equal(shuffled["a"].sort(0).values, x_dict["a"])
