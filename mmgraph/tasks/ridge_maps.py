"""What ridge regression says of which pairs belong together, fitted in closed form on those of training.

Shapes: T training pairs, K folds of them, R pairs, P and Q widths of two modalities, M of what they are
regressed on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmgraph.tasks.fold_maps import FoldMaps, Shaped, evenly, kept_without, least_loss, unit

Kernel = Literal["linear", "gaussian"]
KERNELS: tuple[Kernel, ...] = ("linear", "gaussian")
PENALTIES = tuple(10 ** (power / 2) for power in range(-3, 3))
"""Strengths of ridge regression, times the mean variance of a direction."""
_LANDMARKS = 1024
_SHARPNESS = 2.0


class Lift(Shaped):
    r"""What a modality is before the regression: less its mean, or its likeness to landmarks.

    The likeness is a Gaussian kernel of vectors of length 1, :math:`\exp(2 (\cos(x, l) - 1))`, of channels
    whose variances were brought nearer to each other. Regression on the likeness to some of the training
    entities is that with the kernel itself on the span of these (Nyström's approximation, `Williams and
    Seeger 2000 <https://papers.nips.cc/paper/1866-using-the-nystrom-method-to-speed-up-kernel-machines>`_).

    Args:
        x: The modality of the training pairs, [T, P].
        kernel: Which of both.
    """

    fitted = ("mean", "factor", "landmarks")
    may_lack = ("landmarks",)
    mean: Tensor
    factor: Tensor
    landmarks: Tensor | None

    def __init__(self, x: Tensor, kernel: Kernel) -> None:
        super().__init__()
        variance = x.var(dim=0, correction=0)
        damped = (variance + variance.mean()).clamp_min(1e-12).rsqrt()
        self.register_buffer("mean", x.mean(dim=0))
        self.register_buffer("factor", torch.ones_like(damped) if kernel == "linear" else damped)
        self.register_buffer("landmarks", None)
        if kernel == "gaussian":
            self.landmarks = F.normalize(self.scaled(evenly(x, _LANDMARKS)), dim=1)

    def scaled(self, x: Tensor) -> Tensor:
        """Return the modality less its mean, as it is compared, [R, P]."""
        return (x - self.mean) * self.factor

    def forward(self, x: Tensor, at: Tensor | None = None) -> Tensor:
        """Return what is regressed on, [R, M].

        Args:
            x: The modality, [R, P].
            at: The modality whose length stands for that of ``x``, [R, P]; by default its own.
        """
        scaled = self.scaled(x)
        if self.landmarks is None:
            return scaled
        direction = unit(scaled, None if at is None else self.scaled(at))
        return (_SHARPNESS * (direction @ self.landmarks.T - 1)).exp()


class RidgeMap(FoldMaps):
    """Ridge regression of one modality on another: one map fitted on all pairs, and one without each fold.

    Args:
        lift: Of the one modality.
        target: Of the other one, linear or not: it is predicted as this scales it.
        weight: The maps, [1 + K, M, Q]; the first is that of all pairs.
        centre: The mean of what each was fitted on, [1 + K, M].
        penalty: Their strength, for whoever wants to know.
    """

    fitted = ("weight", "centre", "penalty")
    penalty: Tensor

    def __init__(self, lift: Lift, target: Lift, weight: Tensor, centre: Tensor, penalty: float) -> None:
        super().__init__(weight, centre)
        self.lift, self.target = lift, target
        self.register_buffer("penalty", torch.tensor(penalty))

    @property
    def kernel(self) -> Kernel:
        """What it is linear in: the modality, or its likeness to landmarks."""
        return "linear" if self.lift.landmarks is None else "gaussian"

    def forward(self, x: Tensor, fold: Tensor, at: Tensor | None = None) -> Tensor:
        """Return what is predicted of the other modality, less its mean, [R, Q].

        Args:
            x: The one modality, [R, P].
            fold: The fold of which each knows nothing, from 1 up to K; 0 for none, int64 [R].
            at: The modality whose length stands for that of ``x``, [R, P]; by default its own.
        """
        return super().forward(self.lift(x, at), fold)


class RidgeLikeness(nn.Module):
    """How alike two modalities are by ridge regression in both directions.

    The cosine of what the query predicts and the answer, and that of what the answer predicts and the query,
    have the same weight.

    Args:
        onwards: From queries to answers.
        back: From answers to queries.
    """

    def __init__(self, onwards: RidgeMap, back: RidgeMap) -> None:
        super().__init__()
        self.onwards, self.back = onwards, back

    @classmethod
    def unfitted(cls) -> RidgeLikeness:
        """Return one that waits for the weights of another."""
        nothing = torch.zeros(1, 1)
        maps = [
            RidgeMap(Lift(nothing, "linear"), Lift(nothing, "linear"), nothing[None], nothing, 0.0)
            for _ in range(2)
        ]
        return cls(*maps)

    def forward(self, query: Tensor, answer: Tensor, fold: Tensor) -> tuple[Tensor, Tensor]:
        """Return vectors of length 1 whose inner products say how alike they are, [R, P + Q] each.

        Args:
            query: The one modality of some pairs, [R, P].
            answer: The other one, [R, Q].
            fold: Which maps are taken of each, int64 [R]; see :class:`RidgeMap`.
        """
        return self.of_query(query, fold), self.of_answer(answer, fold)

    def of_query(self, query: Tensor, fold: Tensor, at: Tensor | None = None) -> Tensor:
        """Return the vectors of queries alone, [R, P + Q].

        Args:
            query: [R, P].
            fold: int64 [R].
            at: The queries by whose lengths vectors are divided, [R, P]; by default their own.
        """
        return _unit(query, lambda x: (self.onwards(x, fold, at), self.back.target.scaled(x)), at)

    def of_answer(self, answer: Tensor, fold: Tensor, at: Tensor | None = None) -> Tensor:
        """Return the vectors of answers alone, [R, P + Q]; see :meth:`of_query`."""
        return _unit(answer, lambda x: (self.onwards.target.scaled(x), self.back(x, fold, at)), at)

    def describe(self) -> dict[str, object]:
        """Return what was chosen in each direction."""
        maps = {"onwards": self.onwards, "back": self.back}
        return {name: {"kernel": map_.kernel, "penalty": float(map_.penalty)} for name, map_ in maps.items()}


def _unit(x: Tensor, parts: Callable[[Tensor], tuple[Tensor, Tensor]], at: Tensor | None) -> Tensor:
    """Return two parts as one vector of length 1, in which both have the same."""
    # Half precision would cost more than what the maps are there for.
    with torch.autocast(x.device.type, enabled=False):
        lengths = (None, None) if at is None else parts(at)
        units = [unit(part, length) for part, length in zip(parts(x), lengths, strict=True)]
        found: Tensor = torch.cat(units, dim=1) * 0.5**0.5
    return found


def fit_ridge(
    query: Tensor, answer: Tensor, fold: Tensor, kernels: Sequence[Kernel] = KERNELS
) -> tuple[RidgeLikeness, float]:
    """Return the likeness by ridge regression on training pairs, and the temperature that suits it.

    Kernel and penalty of each direction, and the temperature, are those by which the pairs of a fold find
    each other best, seen by the maps that were fitted without them: what is least is the contrastive loss
    (:func:`~mmgraph.tasks.objectives.info_nce`), summed over the folds.

    Args:
        query: The one modality of the training pairs, [T, P].
        answer: The other one, [T, Q].
        fold: The fold of each, int64 [T]; see :func:`~mmgraph.tasks.fold_maps.deal`.
        kernels: What to choose among.
    """
    query, answer = query.float(), answer.float()
    maps = []
    for x, y in ((query, answer), (answer, query)):
        found = [fit for kernel in kernels for fit in _fits(x, y, fold, kernel, PENALTIES)]
        losses = [least_loss(fit(x, fold), fit.target.scaled(y), fold)[0] for fit in found]
        maps.append(found[min(range(len(found)), key=lambda number: losses[number])])
    likeness = RidgeLikeness(*maps)
    sides = likeness(query, answer, fold)
    return likeness, least_loss(sides[0], sides[1], fold)[1]


def fit_map(x: Tensor, y: Tensor, fold: Tensor, kernel: Kernel, penalty: float) -> RidgeMap:
    """Return ridge regression of one modality on another.

    Args:
        x: The one modality of the training pairs, [T, P].
        y: The other one, [T, Q].
        fold: The fold of each, int64 [T]; see :func:`~mmgraph.tasks.fold_maps.deal`.
        kernel: What it is linear in.
        penalty: Its strength, times the mean variance of a direction.
    """
    return _fits(x, y, fold, kernel, (penalty,))[0]


def _fits(x: Tensor, y: Tensor, fold: Tensor, kernel: Kernel, penalties: Sequence[float]) -> list[RidgeMap]:
    """Return a fit of one modality on another with each penalty."""
    lift, target = Lift(x, kernel), Lift(y, kernel)
    lifted, wanted = lift(x).double(), target.scaled(y).double()
    root = _root(lift)
    solved = [_solve(lifted[kept] @ root, wanted[kept], penalties) for kept in kept_without(fold)]
    centre = torch.stack([lifted[kept].mean(dim=0) for kept in kept_without(fold)])
    return [
        RidgeMap(lift, target, torch.stack([root @ weight for weight in weights]), centre, penalty)
        for penalty, *weights in zip(penalties, *solved, strict=True)
    ]


def _root(lift: Lift) -> Tensor:
    """Return what makes inner products of likenesses those of the kernel, float64 [M, M]."""
    if lift.landmarks is None:
        return torch.eye(len(lift.mean), dtype=torch.float64)
    own = lift.landmarks.double()
    values, vectors = torch.linalg.eigh((_SHARPNESS * (own @ own.T - 1)).exp())
    # Directions that landmarks hardly span would be rounding.
    root: Tensor = vectors * values.clamp_min(1e-6 * float(values[-1])).rsqrt()
    return root


def _solve(x: Tensor, y: Tensor, penalties: Sequence[float]) -> list[Tensor]:
    """Return the weights of ridge regression with each penalty, float64 [M, Q]."""
    x, y = x - x.mean(dim=0), y - y.mean(dim=0)
    if len(x) < x.shape[1]:
        # Of fewer pairs than directions, the pairs span them all.
        left, lengths, right = torch.linalg.svd(x, full_matrices=False)
        squares, turned = lengths.square().unsqueeze(1), lengths.unsqueeze(1) * (left.T @ y)
        unit = (squares.sum() / x.shape[1]).clamp_min(1e-12)
        return [right.T @ (turned / (squares + penalty * unit)) for penalty in penalties]
    values, vectors = torch.linalg.eigh(x.T @ x)
    values, turned = values.clamp_min(0).unsqueeze(1), vectors.T @ (x.T @ y)
    unit = values.mean().clamp_min(1e-12)
    return [vectors @ (turned / (values + penalty * unit)) for penalty in penalties]
