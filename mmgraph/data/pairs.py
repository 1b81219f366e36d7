"""Pairs: what an entity has of two modalities, looked at together."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmgraph.data.modalities import RawModality
from mmgraph.data.regions import Regions
from mmgraph.errors import DataError

_SHOWN = 40


class Pair(NamedTuple):
    """What an entity has of two modalities.

    Args:
        first: A text, a path, regions, or vectors, float32 [R, D].
        second: The same of the other modality.
    """

    first: Any
    second: Any

    def __str__(self) -> str:
        return " with ".join(_shown(part) for part in self)


def paired(first: RawModality, second: RawModality, *, where: str, may_be_empty: bool = False) -> RawModality:
    """Return pairs of what entities have of two modalities; who lacks either has none.

    Args:
        first: One modality; of a sequence, all its vectors or boxes go into the pair.
        second: The other one.
        where: The place of the pair, for messages.
        may_be_empty: Accept that no entity has both.

    Raises:
        DataError: If no entity has both, or one of them is a table.
    """
    one, other = (_by_entity(raw, where) for raw in (first, second))
    index = np.array(sorted(one.keys() & other.keys()), dtype=np.int64)
    if not len(index) and not may_be_empty:
        raise DataError(
            "no entity has both modalities",
            where=f"{where}.inputs",
            fix="Fill the columns, or remove the pair.",
        )
    return RawModality("pair", index, [Pair(one[row], other[row]) for row in index.tolist()])


def _by_entity(raw: RawModality, where: str) -> dict[int, Any]:
    """Return what each entity has, by its row: of vectors, all that it has, [R, D]."""
    values = raw.values
    if isinstance(values, pd.DataFrame):
        raise DataError(
            "got a table; wanted texts, files or vectors",
            where=f"{where}.inputs",
            fix="Give modalities of other kinds.",
        )
    if isinstance(values, np.ndarray):
        starts = np.flatnonzero(np.diff(raw.index, prepend=-1))
        parts: list[npt.NDArray[np.float32]] = np.split(values, starts[1:]) if len(starts) else []
        return dict(zip(raw.index[starts].tolist(), parts, strict=True))
    found: dict[int, Any] = {}
    for row, value in zip(raw.index.tolist(), values, strict=True):
        whole = isinstance(value, Regions) and row in found
        found[row] = Regions(value.path, found[row].boxes + value.boxes) if whole else value
    return found


def _shown(part: Any) -> str:
    if isinstance(part, np.ndarray):
        return f"vectors {part.shape}"
    if isinstance(part, (Path, Regions)):
        return str(part)
    text = str(part)
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
