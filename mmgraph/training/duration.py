"""Lengths of time as people write them: ``90s``, ``10m``, ``1h30m``."""

from __future__ import annotations

import re

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([dhms])")


def parse_duration(text: str) -> float:
    """Return a length of time in seconds.

    Args:
        text: Numbers with ``d``, ``h``, ``m`` or ``s`` behind each, or one number, which is of seconds.

    Raises:
        ValueError: If it is neither.

    Example:
        >>> parse_duration("1h30m"), parse_duration("90s"), parse_duration("0.5")
        (5400.0, 90.0, 0.5)
    """
    compact = text.replace(" ", "")
    if not compact or _DURATION.sub("", compact):
        try:
            return float(text)
        except ValueError:
            raise ValueError(f"got {text!r}; wanted a time such as 90s, 10m or 1h30m") from None
    return float(sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(compact)))


def format_duration(seconds: float) -> str:
    """Return a length of time as a person writes it.

    Example:
        >>> format_duration(5400), format_duration(90.04), format_duration(0.25)
        ('1h30m', '1m30s', '0.25s')
    """
    if seconds < 60:
        return f"{seconds:.3g}s"
    whole, parts = round(seconds), []
    for unit, length in _UNITS.items():
        number, whole = divmod(whole, length)
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts)
