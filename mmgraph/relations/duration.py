"""Durations as people write them: ``7d``, ``12 h``, or a plain number."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from mmgraph.errors import GraphError

_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PATTERN = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)\s*")


def _checked(value: float | str) -> float | str:
    number, unit = _parts(value)
    if not 0 < number < float("inf") or unit not in ("", *_SECONDS):
        raise PydanticCustomError(
            "duration",
            "got {value}; wanted a number above 0, with a unit for dates: {units}",
            {"value": repr(value), "units": ", ".join(_SECONDS), "fix": "Write e.g. 7d."},
        )
    return value


Duration = Annotated[float | str, AfterValidator(_checked)]
"""A duration in YAML: a number in the unit of the times (of dates: seconds), or text with a unit."""


def in_units_of(duration: float | str, *, dated: bool, where: str) -> float:
    """Return a duration as a difference of times.

    Args:
        duration: A number, or a number and a unit.
        dated: Whether the times are dates, in seconds.
        where: What gave the duration, for messages.

    Raises:
        GraphError: If it has a unit and the times are plain numbers.

    Example:
        >>> in_units_of("1.5h", dated=True, where="x"), in_units_of(20, dated=False, where="x")
        (5400.0, 20.0)
    """
    number, unit = _parts(duration)
    if unit and not dated:
        raise GraphError(
            f"got {duration!r}, but the times are numbers, not dates",
            where=where,
            fix=f"Write {number:g}, in the unit of the column.",
        )
    return number * _SECONDS.get(unit, 1.0)


def _parts(value: float | str) -> tuple[float, str]:
    """Return the number and the unit; the number is -1 for what is no duration."""
    if not isinstance(value, str):
        return float(value), ""
    found = _PATTERN.fullmatch(value)
    return (float(found[1]), found[2]) if found else (-1.0, "")
