"""How good a guess is, what chance would give, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from mmgraph.counted import counted

DOUBT = 0.01
"""The chance that a check may be wrong about a graph that is clean, all that it looks at together."""

FEWEST = 10
"""Of fewer guesses than this nothing is said."""


@dataclass(frozen=True)
class Figure:
    """How good a guess is.

    Args:
        name: ``accuracy``, or ``R squared``.
        value: What was measured.
        chance: What the best guess without looking gives: the commonest class, or the mean.
        at_least: What the value is at the least, with the confidence that was asked for.
        right: How many guesses are right, of a classification.
        count: How many there are.
    """

    name: str
    value: float
    chance: float
    at_least: float
    right: int
    count: int

    @property
    def skill(self) -> float:
        """How much of what chance leaves open the guess gives at the least: 0 for nothing, 1 for all."""
        return max(0.0, (self.at_least - self.chance) / (1 - self.chance)) if self.chance < 1 else 0.0

    @property
    def sure(self) -> str:
        """How sure the value is, in words."""
        return f"99 %: at least {self.at_least:.3f}, where chance gives {self.chance:.3f}"

    def __str__(self) -> str:
        return (
            f"{self.name} {self.value:.3f} on {counted(self.count, 'held-out entity', 'held-out entities')}"
        )


def measure(guess: NDArray[np.float64], truth: NDArray[np.float64], *, classes: bool, tests: int) -> Figure:
    """Return how good guesses are.

    Args:
        guess: Numbers of classes, or values, float64 [N].
        truth: What is true, float64 [N].
        classes: Whether these are numbers of classes.
        tests: How many figures the check looks at; all of them together may err with a chance of 1 %.

    Example:
        >>> right = np.arange(200) % 2
        >>> round(measure(right, right, classes=True, tests=1).at_least, 3)
        0.977
    """
    count, doubt = len(truth), DOUBT / max(tests, 1)
    if classes:
        right = int((guess == truth).sum())
        _, counts = np.unique(truth, return_counts=True)
        chance = float(counts.max() / count) if count else 1.0
        value = right / count if count else 0.0
        return Figure("accuracy", value, chance, at_least(right, count, doubt=doubt), right, count)
    return Figure("R squared", *_r_squared(guess, truth, doubt), right=0, count=count)


def at_least(hits: int, count: int, *, doubt: float) -> float:
    """Return what a share is at the least: Clopper and Pearson's one-sided bound.

    Args:
        hits: How many of them.
        count: Out of how many.
        doubt: The chance that the share is less.
    """
    return float(stats.beta.ppf(doubt, hits, count - hits + 1)) if hits else 0.0


def chance_of(hits: int, count: int, share: float) -> float:
    """Return how probable so many hits or more are, if each comes with a probability of ``share``."""
    return float(stats.binom.sf(hits - 1, count, share)) if hits else 1.0


def _r_squared(
    guess: NDArray[np.float64], truth: NDArray[np.float64], doubt: float
) -> tuple[float, float, float]:
    """Return the squared correlation, 0 for chance, and what it is at the least by Fisher's transform."""
    if len(truth) < FEWEST or guess.std() == 0 or truth.std() == 0:
        return 0.0, 0.0, 0.0
    correlation = min(float(np.corrcoef(guess, truth)[0, 1]), 1 - 1e-12)
    low = np.tanh(np.arctanh(correlation) - stats.norm.isf(doubt) / np.sqrt(len(truth) - 3))
    return max(correlation, 0.0) ** 2, 0.0, float(max(low, 0.0) ** 2)
