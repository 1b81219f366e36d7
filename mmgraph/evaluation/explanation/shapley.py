"""Shapley values: what each player of a game added, exactly while they are few, else by sampled orders."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_EXACT = 8
"""Of more players than this, orders are sampled."""

Value = Callable[[frozenset[int]], float]
"""What a coalition of players is worth."""


@dataclass(frozen=True, eq=False)
class Shapley:
    """What each player added.

    Args:
        values: float64 [P]; they add up to ``everybody - nobody``.
        errors: The standard error of each by the sampling of orders; 0 where values are exact.
        everybody: What all players together are worth.
        nobody: What is there without any.
        exact: Whether all coalitions were looked at.
        coalitions: How many were.
    """

    values: NDArray[np.float64]
    errors: NDArray[np.float64]
    everybody: float
    nobody: float
    exact: bool
    coalitions: int


class Known:
    """A game that plays no coalition twice.

    Args:
        value: What a coalition is worth.
    """

    def __init__(self, value: Value) -> None:
        self._value = value
        self.found: dict[frozenset[int], float] = {}

    def __call__(self, coalition: Collection[int]) -> float:
        """Return what a coalition is worth."""
        key = frozenset(coalition)
        if key not in self.found:
            self.found[key] = self._value(key)
        return self.found[key]


def shapley(game: Known, players: int, *, orders: int = 64, seed: int = 0) -> Shapley:
    r"""Return the Shapley value of each player (`Shapley 1953 <https://doi.org/10.1515/9781400881970-018>`_).

    With up to :data:`MOST_EXACT` players, the sum over all coalitions of the others,

    .. math::
        \phi_i = \sum_{S \not\ni i} \frac{|S|! \, (P - |S| - 1)!}{P!} \bigl(v(S \cup i) - v(S)\bigr).

    With more, the mean over random orders of what a player adds to those before it, each order with its
    reverse (`Mitchell et al. 2022 <https://arxiv.org/abs/2104.12199>`_); the error is that of the mean over
    pairs.

    Args:
        game: What a coalition is worth.
        players: The number P of players.
        orders: How many orders to sample, an even number of at least 4.
        seed: Draws them.

    Example:
        >>> shapley(Known(lambda who: 3.0 * (0 in who) + 1.0 * ({1, 2} <= who)), 3).values.tolist()
        [3.0, 0.5, 0.5]
    """
    everybody, nobody = game(range(players)), game(())
    if players <= MOST_EXACT:
        values, errors = _exact(game, players), np.zeros(players)
    else:
        values, errors = _sampled(game, players, orders, seed)
    return Shapley(values, errors, everybody, nobody, players <= MOST_EXACT, len(game.found))


def _exact(game: Known, players: int) -> NDArray[np.float64]:
    values = np.zeros(players)
    total = math.factorial(players)
    for number in range(2**players):
        inside = frozenset(p for p in range(players) if number >> p & 1)
        size = len(inside)
        if size == players:
            continue
        weight = math.factorial(size) * math.factorial(players - size - 1) / total
        for player in set(range(players)) - inside:
            values[player] += weight * (game(inside | {player}) - game(inside))
    return values


def _sampled(
    game: Known, players: int, orders: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    pairs = np.zeros((max(orders // 2, 2), players))
    for pair in pairs:
        order = rng.permutation(players)
        for turn in (order, order[::-1]):
            before = game(())
            for place, player in enumerate(turn):
                after = game(turn[: place + 1].tolist())
                pair[player] += (after - before) / 2
                before = after
    errors: NDArray[np.float64] = pairs.std(axis=0, ddof=1) / math.sqrt(len(pairs))
    return pairs.mean(axis=0), errors


def important(found: Shapley, share: float = 0.8) -> frozenset[int]:
    """Return the fewest players who together added this share of what was added in favour, the best first."""
    order = np.argsort(-found.values, kind="stable")
    gains = np.clip(found.values[order], 0, None).cumsum()
    if not len(gains) or gains[-1] <= 0:
        return frozenset()
    count = int(np.searchsorted(gains, share * gains[-1] * (1 - 1e-12))) + 1
    return frozenset(order[:count].tolist())
