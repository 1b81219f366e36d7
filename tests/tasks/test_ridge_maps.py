"""Ridge regression in closed form equals fits of it, also those that leave a fold out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from torch import Tensor

from mmgraph.tasks.fold_maps import deal, evenly
from mmgraph.tasks.ridge_maps import (
    PENALTIES,
    Kernel,
    Lift,
    RidgeLikeness,
    RidgeMap,
    fit_map,
    fit_ridge,
)

COUNT, P, Q = 26, 5, 4


def pairs(noise: float = 0.3, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return two modalities far from 0, of which one is a linear image of the other and noise."""
    random = torch.Generator().manual_seed(seed)
    query = torch.randn(COUNT, P, generator=random) + 7
    image = query @ torch.randn(P, Q, generator=torch.Generator().manual_seed(9))
    return query, image + noise * torch.randn(COUNT, Q, generator=random) - 3


def cosines(one: Tensor, other: Tensor) -> Tensor:
    return F.normalize(one.float(), dim=1) @ F.normalize(other.float(), dim=1).T


def alpha_of(lifted: Tensor, penalty: float) -> float:
    centred = (lifted - lifted.mean(0)).double()
    return penalty * float(torch.linalg.eigvalsh(centred.T @ centred).mean())


@pytest.mark.parametrize("penalty", PENALTIES[::2])
@pytest.mark.parametrize("count", [COUNT, 6])
def test_each_fold_is_predicted_by_ridge_regression_on_the_others(penalty: float, count: int) -> None:
    """Also of pairs that are fewer, without a fold, than the numbers of the one modality."""
    query, answer = (modality[:count] for modality in pairs())
    fold = deal(count)
    found = fit_map(query, answer, fold, "linear", penalty)
    mean = answer.mean(0)
    for number in range(int(fold.max()) + 1):
        kept = fold != number
        model = Ridge(alpha=alpha_of(query[kept], penalty)).fit(query[kept].double(), answer[kept].double())
        wanted = torch.from_numpy(model.predict(query.double())) - answer[kept].mean(0)
        every = torch.full((count,), number)
        assert torch.allclose(found(query, every), wanted.float(), atol=1e-3), number
    assert torch.allclose(found.target.scaled(answer), answer - mean, atol=1e-5)


def test_on_likenesses_it_is_kernel_ridge_regression() -> None:
    """With all training entities as landmarks, Nystroem's approximation is exact."""
    query, answer = pairs()
    everybody = torch.zeros(COUNT, dtype=torch.int64)
    found = fit_map(query, answer, deal(COUNT), "gaussian", 0.1)
    unit = F.normalize(found.lift.scaled(query), dim=1).double().numpy()
    kernel = np.exp(2 * (unit @ unit.T - 1))
    centre = np.eye(COUNT) - 1 / COUNT
    centred = centre @ kernel @ centre
    wanted = found.target.scaled(answer).double().numpy()
    alpha = 0.1 * np.trace(centred) / COUNT
    model = KernelRidge(alpha=alpha, kernel="precomputed").fit(centred, wanted - wanted.mean(0))
    np.testing.assert_allclose(found(query, everybody).numpy(), model.predict(centred), atol=2e-3)


def test_both_directions_have_the_same_weight() -> None:
    query, answer = pairs()
    new_query, new_answer = pairs(seed=1)
    fold, nobody = deal(COUNT), torch.zeros(COUNT, dtype=torch.int64)
    maps = fit_map(query, answer, fold, "linear", 0.1), fit_map(answer, query, fold, "gaussian", 1.0)
    one, other = RidgeLikeness(*maps)(new_query, new_answer, nobody)
    wanted = cosines(maps[0](new_query, nobody), maps[0].target.scaled(new_answer))
    wanted += cosines(maps[1].target.scaled(new_query), maps[1](new_answer, nobody))
    assert torch.allclose(one @ other.T, wanted / 2, atol=1e-5)
    assert torch.allclose(one.norm(dim=1), torch.ones(COUNT), atol=1e-5)


def test_who_is_in_a_fold_changes_nothing_of_what_is_said_of_it() -> None:
    query, answer = pairs()
    fold = deal(COUNT)
    changed = answer.clone()
    changed[fold == 2] += 5
    found = [fit_map(query, each, fold, "linear", 0.1)(query, fold) for each in (answer, changed)]
    assert torch.allclose(found[0][fold == 2], found[1][fold == 2], atol=1e-5)
    assert not torch.allclose(found[0][fold != 2], found[1][fold != 2], atol=0.1)


def test_the_penalty_follows_what_linear_maps_are_worth() -> None:
    chosen = {}
    for noise in (0.01, 3.0):
        query, answer = pairs(noise)
        chosen[noise] = fit_ridge(query, answer, deal(COUNT), ("linear",))
    (clear, sharp), (noisy, blunt) = chosen.values()
    assert clear.onwards.penalty < noisy.onwards.penalty
    assert sharp < blunt


@pytest.mark.parametrize(("curved", "kernel"), [(False, "linear"), (True, "gaussian")])
def test_the_kernel_follows_what_there_is_to_be_found(curved: bool, kernel: Kernel) -> None:
    query, answer = pairs(1.0)
    if curved:
        query = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
        answer = query.square().log()
    likeness, _ = fit_ridge(query, answer, deal(len(query)))
    assert likeness.onwards.kernel == kernel
    assert likeness.describe()["onwards"] == {"kernel": kernel, "penalty": likeness.onwards.penalty}


@pytest.mark.parametrize("count", [2, 3, 30])
def test_a_modality_that_is_always_the_same_says_nothing(count: int) -> None:
    query = torch.full((count, P), 3.0)
    answer = torch.randn(count, Q, generator=torch.Generator().manual_seed(0))
    likeness, _ = fit_ridge(query, answer, deal(count))
    for side in likeness(query, answer, deal(count)):
        assert torch.isfinite(side).all()


def test_landmarks_are_some_of_the_training_entities() -> None:
    x = torch.randn(2500, 3, generator=torch.Generator().manual_seed(0))
    lift = Lift(x, "gaussian")
    assert lift.landmarks is not None
    assert 800 < len(lift.landmarks) <= 1024
    assert lift(x[:7]).shape == (7, len(lift.landmarks))
    # Each is as like itself as can be.
    assert torch.allclose(lift(evenly(x, 1024)).diagonal(), torch.ones(len(lift.landmarks)), atol=1e-5)


def test_maps_are_buffers() -> None:
    likeness, _ = fit_ridge(*pairs(), deal(COUNT))
    assert isinstance(likeness.onwards, RidgeMap)
    assert not list(likeness.parameters())
    assert {"onwards.weight", "back.centre"} <= likeness.state_dict().keys()
