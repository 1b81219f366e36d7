"""Sequences of vectors: several an entity, each with its position, from arrays and Parquet files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mmgraph.data.arrays import open_array, read_array, refuse_non_finite, rows_of, vectors_of
from mmgraph.data.columns import pick, row_numbers
from mmgraph.data.tables import read_table
from mmgraph.errors import DataError

VALUES, OFFSETS = "values", "offsets"
"""The names of the arrays of a `.npz`, `.safetensors` or HDF5 file: all vectors, and where each begins."""


@dataclass(frozen=True, eq=False)
class Elements:
    """The elements of all sequences, those of an entity together and in order.

    Args:
        index: The row of each element's entity, ascending, int64 [M].
        values: float32 [M, D].
        position: The position of each element in its sequence, at least 0, int64 [M].
    """

    index: npt.NDArray[np.int64]
    values: npt.NDArray[np.float32]
    position: npt.NDArray[np.int64]


def array_sequences(
    path: Path, *, ids: Sequence[str], where: str, rows: npt.NDArray[np.int64] | None = None
) -> Elements:
    """Return the sequences of a `.npz`, `.safetensors` or HDF5 file.

    It holds ``values`` [M, D], the vectors of all entities in the order of their table's file, and
    ``offsets`` [N + 1]: those of entity n are the rows from ``offsets[n]`` to before ``offsets[n + 1]``. An
    entity without a row lacks the modality.

    Args:
        path: The file.
        ids: The entities' ids, [N].
        where: The modality in ``dataset.yaml``, for messages.
        rows: The row of each entity in its table's file, [N]; nothing if they are in that order.

    Raises:
        DataError: If the file cannot be read, offsets do not part the values, or a value is no finite number.

    Example:
        >>> path = getfixture("tmp_path") / "words.npz"
        >>> np.savez(path, values=np.ones((3, 2)), offsets=[0, 2, 2, 3])
        >>> found = array_sequences(path, ids=["a", "b", "c"], where="dataset.yaml: x")
        >>> found.index.tolist(), found.position.tolist()
        ([0, 0, 2], [0, 1, 0])
    """
    if path.suffix.lower() == ".npy":
        raise DataError(
            "a .npy file holds one array, but sequences need their values and their offsets",
            where=str(path),
            fix="Save both with numpy.savez(file, values=..., offsets=...).",
        )
    array = read_array(path, key=VALUES, where=where)
    offsets = open_array(path, key=OFFSETS, where=where)
    _check_offsets(offsets, len(array), len(ids), str(path))
    starts, stops = offsets[:-1].astype(np.int64), offsets[1:].astype(np.int64)
    if rows is not None:
        starts, stops = starts[rows], stops[rows]
    lengths = stops - starts
    index = np.repeat(np.arange(len(ids), dtype=np.int64), lengths)
    position = np.arange(len(index), dtype=np.int64) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    places = position + np.repeat(starts, lengths)
    with np.errstate(over="ignore"):
        values = array[places].astype(np.float32)
    names = np.array(ids, dtype=object)[index]
    refuse_non_finite(values, file=f"{path}: {VALUES}", rows=places, ids=names)
    return Elements(index, values, position)


def table_sequences(
    path: Path, *, id_column: str, position_column: str, key: str | None, ids: Sequence[str], where: str
) -> Elements:
    """Return the sequences of a Parquet file that has a row for each element.

    Args:
        path: The file.
        id_column: The column that holds the entity's id.
        position_column: The column that holds the position, a whole number of at least 0.
        key: The column that holds lists of numbers; without it, every other column is one dimension.
        ids: The entities' ids, [N].
        where: The modality in ``dataset.yaml``, for messages.

    Raises:
        DataError: If a column is missing, an id is empty or unknown, an entity has a position twice, or a
            value is no finite number.
    """
    frame = read_table(path)
    names = pick(frame, id_column, file=str(path), where=f"{where}.id").id_texts()
    rows = rows_of(names, ids, f"{path}: column {id_column!r}", once=False)
    column = pick(frame, position_column, file=str(path), where=f"{where}.position", ids=list(names))
    numbers = column.filled_numbers()
    wrong = np.flatnonzero((numbers < 0) | (numbers % 1 != 0))
    if len(wrong):
        raise DataError(
            f"got {numbers[wrong[0]]:g}; wanted a whole number of at least 0",
            where=column.place(int(wrong[0])),
            fix="Count the elements of each entity from 0.",
        )
    position = numbers.astype(np.int64)
    values = vectors_of(frame, names, (id_column, position_column), path=path, key=key, where=where)
    order = np.lexsort((position, rows))
    rows, position = rows[order], position[order]
    twins = order[1:][(rows[1:] == rows[:-1]) & (position[1:] == position[:-1])]
    if len(twins):
        raise DataError(
            f"got the position {numbers[twins[0]]:g} of {names[twins[0]]!r} a second time; wanted it once",
            where=f"{path}: column {position_column!r}, {row_numbers(np.sort(twins))}",
            fix="Remove one of the rows, or count them.",
        )
    return Elements(rows, values[order], position)


def _check_offsets(offsets: npt.NDArray[Any], num_values: int, num_entities: int, file: str) -> None:
    """Raise an error unless offsets part the values among the entities."""
    where = f"{file}: {OFFSETS}"
    fix = "Save numpy.concatenate([[0], numpy.cumsum(lengths)]), in the order of the entities' table."
    if offsets.dtype.kind not in "iu" or offsets.shape != (num_entities + 1,):
        raise DataError(
            f"got {offsets.dtype} of shape {offsets.shape}; wanted whole numbers of shape "
            f"({num_entities + 1},): one more than there are entities",
            where=where,
            fix=fix,
        )
    ends = int(offsets[0]), int(offsets[-1])
    if ends != (0, num_values) or (np.diff(offsets.astype(np.int64)) < 0).any():
        raise DataError(
            f"got numbers from {ends[0]} to {ends[1]}; wanted ones that rise from 0 to {num_values}, the "
            "number of values",
            where=where,
            fix=fix,
        )
