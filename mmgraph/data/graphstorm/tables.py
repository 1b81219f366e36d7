"""The files of a construction file as tables: lists, wildcards and folders, inside the folder of the file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmgraph.counted import agreed, counted
from mmgraph.data.columns import pick
from mmgraph.data.graphstorm.construct import CustomSplit
from mmgraph.data.tables import read_table
from mmgraph.errors import DataError
from mmgraph.paths import inside


def expand(folder: Path, names: Sequence[str], *, where: str) -> list[Path]:
    """Return the files that names with wildcards stand for.

    Args:
        folder: The folder that they are relative to, and may not leave.
        names: Paths, in which ``*`` stands for any part of a name; one folder stands for its files.
        where: The place, for messages.

    Raises:
        DataError: If a name leads out of the folder, or to no file.
    """
    found = []
    for name in names:
        path = inside(folder, name, where=where)
        if "*" in name:
            files = sorted(file for file in folder.glob(name) if file.is_file())
        elif path.is_dir() and len(names) == 1:
            files = sorted(file for file in path.iterdir() if file.is_file())
        else:
            files = [path] if path.is_file() else []
        if not files:
            raise DataError(f"{name!r} leads to no file in {folder}", where=where, fix="Check the path.")
        # A link may lead out of the folder.
        found += [inside(folder, str(file.relative_to(folder)), where=where) for file in files]
    return found


def read_files(files: Sequence[Path], ending: str, *, where: str) -> pd.DataFrame:
    """Return the rows of several files, one after the other.

    Args:
        files: The files.
        ending: What their names must end in, ``csv`` or ``parquet``.
        where: The place, for messages.

    Raises:
        DataError: If a file cannot be read, or has other columns than the first one.
    """
    tables: list[pd.DataFrame] = []
    for file in files:
        if file.suffix.lower() != f".{ending}":
            raise DataError(f"{file} does not end in .{ending}, which is its format", where=where)
        table = read_table(file)
        if tables and list(table) != list(tables[0]):
            raise DataError(
                f"has other columns than {files[0].name}", where=str(file), fix="Give both the same."
            )
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def id_texts(table: pd.DataFrame, column: str, file: Path, *, where: str) -> list[str]:
    """Return a column of ids as text.

    Raises:
        DataError: If there is no such column, or a cell is empty.
    """
    texts = pick(table, column, file=str(file), where=where).id_texts()
    empty = [row for row, text in enumerate(texts) if text is None]
    if empty:
        raise DataError(
            f"{counted(len(empty), 'cell')} of {column!r} {agreed(len(empty), 'is', 'are')} empty, first in "
            f"row {empty[0] + 1}",
            where=str(file),
            fix="Give every row an id.",
        )
    return [str(text) for text in texts]


def split_column(split: CustomSplit, ids: Sequence[str], folder: Path, *, where: str) -> list[str]:
    """Return the part of each entity, empty where no file names it.

    Args:
        split: The files.
        ids: The ids of the entities.
        folder: The folder that the files are relative to.
        where: The place, for messages.

    Raises:
        DataError: If a file cannot be read, or names an id that is not there or that another part has.
    """
    rows = {id: row for row, id in enumerate(ids)}
    parts = [""] * len(ids)
    for key, part in (("train", "train"), ("valid", "validation"), ("test", "test")):
        for file in expand(folder, getattr(split, key) or (), where=f"{where}.{key}"):
            for id in _listed(file, split, f"{where}.column"):
                if id not in rows:
                    raise DataError(f"names {id!r}, which is no node's id", where=str(file))
                if parts[rows[id]] not in ("", part):
                    other = parts[rows[id]]
                    raise DataError(f"names {id!r}, which is in {other} as well", where=str(file))
                parts[rows[id]] = part
    return parts


def _listed(file: Path, split: CustomSplit, where: str) -> list[str]:
    """Return the ids that a file lists."""
    if file.suffix.lower() == ".parquet":
        if len(split.column) != 1:
            raise DataError("wanted the name of the column with the ids", where=where, fix="Add it.")
        return id_texts(read_table(file), split.column[0], file, where=where)
    try:
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"is no list of ids, one a line: {error}", where=str(file)) from None
    return [str(line) for line in lines]


def stacked(
    cells: pd.Series[Any], file: Path, separator: str | None, width: int | None
) -> np.ndarray[Any, np.dtype[np.float32]] | None:
    """Return a column of vectors as an array, float32 [N, D]; nothing if its cells are single values.

    Args:
        cells: Lists of numbers or, with a separator, text.
        file: Their file, for messages.
        separator: What stands between the numbers of a text.
        width: How many numbers of each vector to keep; nothing for all.

    Raises:
        DataError: If the vectors have different lengths, or hold something else than finite numbers.
    """
    values = list(cells)
    if separator is not None:
        values = [None if cell is None else str(cell).split(separator) for cell in values]
    elif not values or not isinstance(values[0], (list, np.ndarray)):
        return None
    try:
        array = np.array([np.asarray(cell, dtype=np.float32) for cell in values])
    except (TypeError, ValueError):
        array = np.empty(0, dtype=np.float32)
    if array.ndim != 2 or not array.shape[1] or not np.isfinite(array).all():
        raise DataError(
            "holds something else than a vector of finite numbers of one length in each row",
            where=f"{file}: column {cells.name!r}",
            fix="Mend it, or leave the feature out.",
        )
    return array if width is None else array[:, :width]
