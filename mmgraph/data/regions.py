"""Regions: boxes in an image, from a column of lists."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mmgraph.data.columns import Column
from mmgraph.data.modalities import RawModality
from mmgraph.errors import DataError

MOST = 1_000
"""The most boxes in an image."""

_SHOWN = 5

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels from the upper left corner."""


class Regions(NamedTuple):
    """Boxes in an image.

    Args:
        path: The image file, upright.
        boxes: At least one.
    """

    path: Path
    boxes: tuple[Box, ...]

    def __str__(self) -> str:
        return str(self.path)


def regions_of(
    images: RawModality, boxes: Column, *, sequence: bool, where: str, may_be_empty: bool = False
) -> RawModality:
    """Return the regions of images; an image without boxes has none.

    Args:
        images: The image files.
        boxes: The column of their boxes, one cell for each entity.
        sequence: Whether each box is an item of its own.
        where: The place of the modality, for messages.
        may_be_empty: Accept that no entity has any.

    Raises:
        DataError: If no entity has any, or a cell holds something else than boxes; it names the first few
            and counts them all.
    """
    found: dict[int, tuple[Box, ...]] = {}
    problems: dict[int, str] = {}
    cells = boxes.values.to_numpy(object)
    for row in images.index.tolist():
        if not _is_empty(cells[row]):
            try:
                found[row] = _boxes(cells[row])
            except ValueError as error:
                problems[row] = str(error)
    _raise_if_any(problems, boxes)
    if not any(found.values()) and not may_be_empty:
        raise DataError(
            "no entity has both an image and boxes",
            where=f"{where}.boxes",
            fix="Fill the columns, or remove the modality.",
        )
    index: list[int] = []
    values: list[Regions] = []
    position: list[int] = []
    for row, path in zip(images.index.tolist(), images.values, strict=True):
        own = found.get(row, ())
        parts = [(box,) for box in own] if sequence else [own] if own else []
        index += [row] * len(parts)
        values += [Regions(Path(str(path)), part) for part in parts]
        position += list(range(len(parts)))
    return replace(
        images,
        kind="regions",
        index=np.array(index, dtype=np.int64),
        values=values,
        position=np.array(position, dtype=np.int64) if sequence else None,
    )


def _is_empty(cell: Any) -> bool:
    return cell is None or cell is pd.NA or (isinstance(cell, float) and math.isnan(cell)) or str(cell) == ""


def _boxes(cell: Any) -> tuple[Box, ...]:
    """Return the boxes of a cell.

    Raises:
        ValueError: If it holds something else, with what that is.
    """
    if isinstance(cell, str):
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError):
            raise ValueError(f"got {cell[:40]!r}, which is no list") from None
    if not isinstance(cell, (list, tuple, np.ndarray)) or len(cell) > MOST:
        raise ValueError(f"got {str(cell)[:40]}; wanted a list of at most {MOST:,} boxes")
    return tuple(_box(one) for one in cell)


def _box(value: Any) -> Box:
    if not isinstance(value, (list, tuple, np.ndarray)) or len(value) != 4:
        raise ValueError(f"got {str(value)[:40]} for a box; wanted [left, top, right, bottom]")
    if not all(map(_is_coordinate, value)):
        raise ValueError(f"got the box {str(list(value))[:60]}; wanted four numbers")
    left, top, right, bottom = (float(x) for x in value)
    if not (left < right and top < bottom):
        raise ValueError(f"got the box {[left, top, right, bottom]}, which has no area")
    return left, top, right, bottom


def _is_coordinate(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _raise_if_any(problems: Mapping[int, str], column: Column) -> None:
    if not problems:
        return
    row, problem = next(iter(problems.items()))
    others = ", ".join(column.place(other) for other in list(problems)[1:_SHOWN])
    more = f" ({len(problems) - 1:,} more cells are as wrong: {others})" if others else ""
    raise DataError(
        f"{problem}{more}",
        where=column.place(row),
        fix="Write [[left, top, right, bottom], ...] in pixels; leave the cell empty if there are none.",
    )
