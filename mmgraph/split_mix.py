"""The hash of SplitMix64, for random numbers that are counted and not drawn from a state.

Source: Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014.
"""

from __future__ import annotations

import numpy as np
from numba import njit

STEP = np.uint64(0x9E3779B97F4A7C15)
"""What lies between two numbers of a stream before they are mixed."""

_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31 = np.uint64(27), np.uint64(30), np.uint64(31)


@njit(nogil=True, cache=True, error_model="numpy")
def mix(number):  # type: ignore[no-untyped-def]
    """Return a uint64 whose every bit depends on every bit of the one that is given."""
    number = (number ^ (number >> _S30)) * _FIRST
    number = (number ^ (number >> _S27)) * _SECOND
    return number ^ (number >> _S31)
