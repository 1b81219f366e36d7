"""Baselines for several labels: how frequent they are, and logistic regression for each by itself.

Shapes: N entities, R training entities, D features, L labels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from mmgraph.tasks.label_head import prior_logits, with_threshold
from mmgraph.tasks.label_metrics import best_threshold
from mmgraph.tasks.multi_label import MultiLabel

_INVERSE_STRENGTHS = (1e-4, 1e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 10.0)
_MOST_STEPS = 300


def prior(task: MultiLabel) -> tuple[Tensor, dict[str, Any]]:
    """Return the share of training entities that have each label as the answer for all entities.

    Args:
        task: Several labels for each entity.

    Returns:
        What the task's metrics take, [N, L + 1], and what was chosen on validation: the threshold.
    """
    logits = prior_logits(task.shares()).expand(len(task.labels), -1)
    return settled(task, logits)


def one_vs_rest(task: MultiLabel, features: npt.NDArray[np.float32]) -> tuple[Tensor, dict[str, Any]]:
    """Return logistic regression for each label by itself, with one ``C`` chosen by average precision.

    Args:
        task: Several labels for each entity.
        features: The concatenated features, float32 [N, D].

    Returns:
        What the task's metrics take, [N, L + 1], and what was chosen on validation: ``C`` and the threshold.
    """
    train, held_out = task.rows("train"), task.rows("validation")
    known = torch.from_numpy(features)
    wanted = task.target[train].float()
    weight = torch.zeros(known.shape[1], len(task.names))
    bias = prior_logits(task.shares()).clone()
    best = (-np.inf, 0.0, torch.empty(0))
    # From strong to weak regularisation, each starting from the one before.
    for strength in _INVERSE_STRENGTHS:
        weight, bias = logistic_regressions(known[train], wanted, strength, weight, bias)
        logits = known @ weight + bias
        reached = task.metrics(with_threshold(logits[held_out], 0.0), held_out)["average_precision"]
        if reached > best[0]:
            best = (reached, strength, logits)
    output, chosen = settled(task, best[2])
    return output, {"C": best[1], **chosen}


def logistic_regressions(
    features: Tensor, wanted: Tensor, strength: float, weight: Tensor, bias: Tensor
) -> tuple[Tensor, Tensor]:
    """Return weights and biases of one logistic regression for each label, all fitted at once by L-BFGS.

    They have nothing to do with each other: each minimises scikit-learn's
    :math:`C \\sum_i \\ell_i + \\frac{1}{2} \\lVert w \\rVert^2`, and so does their sum.

    Args:
        features: float32 [R, D].
        wanted: 1 where an entity has a label, else 0, float32 [R, L].
        strength: The inverse C of the strength of regularisation.
        weight: Where to begin, [D, L].
        bias: Where to begin, [L].
    """
    weight, bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
    optimiser = torch.optim.LBFGS(
        [weight, bias],
        max_iter=_MOST_STEPS,
        tolerance_grad=1e-5,
        tolerance_change=1e-9,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        losses = F.binary_cross_entropy_with_logits(features @ weight + bias, wanted, reduction="sum")
        total = (losses + weight.square().sum() / (2 * strength)) / len(features)
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return weight.detach(), bias.detach()


def settled(task: MultiLabel, logits: Tensor) -> tuple[Tensor, dict[str, Any]]:
    """Return logits, [N, L], with the threshold that is best on validation, [N, L + 1], and that alone."""
    rows = task.rows("validation")
    threshold = best_threshold(logits[rows], task.target[rows])
    return with_threshold(logits, threshold), {"threshold": threshold}
