"""The losses of classes: a plain formula, torch's cross-entropy, and what they do at the ends."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from mmgraph.errors import ConfigError
from mmgraph.tasks import ClassLoss
from mmgraph.tasks.class_loss import UNLABELLED

GENERATOR = torch.Generator().manual_seed(0)
OUTPUT = 3 * torch.randn(40, 5, generator=GENERATOR, dtype=torch.float64)
TARGET = torch.randint(0, 5, (40,), generator=GENERATOR)
WEIGHT = torch.tensor([0.5, 1.0, 2.0, 3.0, 0.1], dtype=torch.float64)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_focal_loss_is_the_plain_formula(gamma, smoothing):
    wanted = 0.0
    for row, target in zip(OUTPUT.tolist(), TARGET.tolist(), strict=True):
        shares = [math.exp(logit) for logit in row]
        for position, share in enumerate(shares):
            p = share / sum(shares)
            q = (1 - smoothing) * (position == target) + smoothing / 5
            wanted -= q * WEIGHT[position].item() * (1 - p) ** gamma * math.log(p)
    loss = ClassLoss("focal", gamma, label_smoothing=smoothing)
    assert loss.total(OUTPUT, TARGET, WEIGHT).item() == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_with_a_gamma_of_zero_it_is_the_cross_entropy(smoothing):
    output = OUTPUT.clone().requires_grad_()
    target = TARGET.clone()
    target[::3] = UNLABELLED
    results = []
    for loss in (ClassLoss("focal", 0.0, "none", smoothing), ClassLoss(label_smoothing=smoothing)):
        total = loss.total(output, target, WEIGHT)
        results.append((total, *torch.autograd.grad(total, output)))
    torch.testing.assert_close(results[0], results[1])
    wanted = F.cross_entropy(
        output, target, WEIGHT, ignore_index=UNLABELLED, label_smoothing=smoothing, reduction="sum"
    )
    assert torch.equal(results[1][0], wanted)


def test_gamma_is_two_unless_it_is_set():
    assert torch.equal(
        ClassLoss("focal").total(OUTPUT, TARGET, WEIGHT),
        ClassLoss("focal", 2.0).total(OUTPUT, TARGET, WEIGHT),
    )


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_gradients_are_right_and_finite_where_a_class_is_certain(gamma):
    loss = ClassLoss("focal", gamma)
    output = OUTPUT[:5].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss.total(x, TARGET[:5], WEIGHT), output)
    certain = torch.tensor([[1000.0, 0, 0, 0, 0], [-1000.0, 0, 0, 0, 0]], requires_grad=True)
    loss.total(certain, torch.tensor([0, 0]), WEIGHT.float()).backward()
    assert certain.grad.isfinite().all()


def test_rows_without_a_class_take_no_part():
    target = TARGET.clone()
    target[10:] = UNLABELLED
    loss = ClassLoss("focal", label_smoothing=0.1)
    torch.testing.assert_close(
        loss.total(OUTPUT, target, WEIGHT), loss.total(OUTPUT[:10], TARGET[:10], WEIGHT)
    )


def test_a_gamma_needs_the_focal_loss():
    with pytest.raises(ConfigError, match="focal_gamma: got 1, but the loss is cross_entropy"):
        ClassLoss(focal_gamma=1.0)
