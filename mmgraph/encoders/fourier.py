"""Sines and cosines of numbers, so that a model can bend sharply along them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def fourier(scaled: npt.NDArray[np.float64], frequencies: int) -> npt.NDArray[np.float64]:
    """Return waves of scaled numbers, [M, 2 * C * frequencies]: sines, then cosines, each by frequency.

    The slowest wave takes four standard deviations for one turn, each further one half as many. After
    `Tancik et al. 2020 <https://arxiv.org/abs/2006.10739>`_, with frequencies that are given, as in
    positional codes, not drawn.

    Args:
        scaled: Numbers of about unit variance, [M, C].
        frequencies: How many frequencies; 0 for no waves.

    Example:
        >>> fourier(np.array([[0.0], [1.0]]), 1).round(2).tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    steps = np.pi / 2 * 2.0 ** np.arange(frequencies)
    angles = (scaled[:, None, :] * steps[:, None]).reshape(len(scaled), -1)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)


def fourier_names(names: Sequence[str], frequencies: int) -> list[str]:
    """Return what each of the waves is of.

    Example:
        >>> fourier_names(["x"], 2)
        ['sine of 1 x', 'sine of 2 x', 'cosine of 1 x', 'cosine of 2 x']
    """
    return [
        f"{wave} of {2**step} {name}".strip()
        for wave in ("sine", "cosine")
        for step in range(frequencies)
        for name in names
    ]
