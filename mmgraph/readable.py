"""Numbers as a person reads them: ``0.912``, ``52,340``, ``1.2e-06``."""

from __future__ import annotations

import math


def readable(value: float, decimals: int = 3, *, beside: float = 0.0, signed: bool = False) -> str:
    """Return a number as text.

    Numbers below 10 have as many decimals as are asked for. Each further digit before the point takes
    one away, and thousands are parted. A number that all of those decimals would be zeros of has two digits.

    Args:
        value: The number.
        decimals: How many decimals numbers below 10 have.
        beside: The number that it stands beside: the decimals are those of the larger of both.
        signed: Whether there is a sign before it if it is positive.

    Example:
        >>> readable(0.9124), readable(3.14159), readable(42.4242), readable(52339.18)
        ('0.912', '3.142', '42.42', '52,339')
        >>> readable(0.0000012), readable(0.01, beside=52339.18), readable(0.25, signed=True)
        ('1.2e-06', '0', '+0.250')
    """
    if not math.isfinite(value):
        return str(value)
    sign = "+" if signed else ""
    size = max(abs(value), abs(beside))
    if 0 < size < 0.5 * 10**-decimals:
        return f"{value:{sign}.2g}"
    before = math.floor(math.log10(size)) if size >= 1 else 0
    return f"{value:{sign},.{max(decimals - before, 0)}f}"


def with_spread(mean: float, spread: float, decimals: int = 3) -> str:
    """Return a mean and its spread, with the same decimals.

    Example:
        >>> with_spread(0.91234, 0.004), with_spread(52339.18, 870.123)
        ('0.912 ± 0.004', '52,339 ± 870')
    """
    return f"{readable(mean, decimals, beside=spread)} ± {readable(spread, decimals, beside=mean)}"


def interval_text(low: float, high: float, decimals: int = 3, *, signed: bool = False) -> str:
    """Return an interval, both ends with the same decimals.

    Example:
        >>> interval_text(0.9, 0.95), interval_text(-1200.5, 3.25, signed=True)
        ('0.900 to 0.950', '-1,200 to +3')
    """
    first = readable(low, decimals, beside=high, signed=signed)
    return f"{first} to {readable(high, decimals, beside=low, signed=signed)}"
