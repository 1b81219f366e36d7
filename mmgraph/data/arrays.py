"""Feature vectors from ``.npy``, ``.npz``, ``.safetensors``, HDF5 and Parquet files, none of it unpickled."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from numbers import Number
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from safetensors import safe_open

from mmgraph.counted import counted
from mmgraph.data import hdf5_file
from mmgraph.data.columns import Column, pick, row_name, row_numbers, shorten
from mmgraph.data.tables import read_table
from mmgraph.errors import DataError, MMGraphError, did_you_mean

ARRAY_ENDINGS = (".npy", ".npz", ".safetensors", *hdf5_file.ENDINGS)
_BLOCK = 1 << 22
"""Elements that are checked at a time, so that a memory-mapped array never has to fit into memory."""


def read_array(path: Path, *, key: str | None, where: str) -> npt.NDArray[Any]:
    """Return a two-dimensional array of numbers; ``.npy`` files are memory-mapped.

    Args:
        path: A `.npy`, `.npz`, `.safetensors`, `.h5` or `.hdf5` file.
        key: The array's name in a file that holds several.
        where: The modality in ``dataset.yaml``, for messages.

    Returns:
        [N, D], of the file's own type.

    Raises:
        DataError: If the file is broken or would need pickle, the key is missing, or the array has not two
            dimensions or holds no numbers.
    """
    array = open_array(path, key=key, where=where)
    if array.ndim == 2 and array.shape[1] == 0:
        raise DataError(
            f"got an array of shape {array.shape}, whose vectors are empty; wanted numbers in them",
            where=str(path),
            fix="Write the file anew from the features.",
        )
    if array.ndim != 2:
        raise DataError(
            f"got an array of shape {array.shape}; wanted two dimensions: one row for each entity",
            where=str(path),
            fix="Save one vector for each entity, e.g. array.reshape(len(array), -1).",
        )
    if array.dtype.kind not in "fiub":
        raise DataError(
            f"got elements of type {array.dtype}; wanted real numbers",
            where=str(path),
            fix="Convert the array with .astype('float32'); text belongs into a table's column.",
        )
    return array


def open_array(path: Path, *, key: str | None, where: str) -> npt.NDArray[Any]:
    """Return an array of any shape and type; ``.npy`` files are memory-mapped.

    Args:
        path: A `.npy`, `.npz`, `.safetensors`, `.h5` or `.hdf5` file.
        key: The array's name in a file that holds several.
        where: The modality in ``dataset.yaml``, for messages.

    Raises:
        DataError: If the file is broken or would need pickle, or the key is missing.
    """
    try:
        return _open(path, key, where)
    except MMGraphError:
        raise
    except Exception as error:
        # A damaged file makes the libraries that read it raise whatever comes: zlib's errors, overflows, ...
        if "allow_pickle" in str(error) or "Python objects" in str(error):
            raise DataError(
                "holds Python objects, which are never unpickled; wanted an array of numbers",
                where=str(path),
                fix="Save it with a numeric dtype, e.g. array.astype('float32').",
            ) from None
        why = str(error) or type(error).__name__
        raise DataError(f"cannot be read: {why}", where=str(path), fix="Write the file anew.") from None


def array_features(
    array: npt.NDArray[Any],
    index: npt.NDArray[np.int64],
    *,
    file: str,
    ids: Sequence[str],
    rows: npt.NDArray[np.int64] | None = None,
) -> npt.NDArray[np.float32]:
    """Return the vectors of entities from an array that has one for each, in the order of their table's file.

    Args:
        array: [N, D].
        index: The entities that are present, [M]; the rows of the others may hold anything.
        file: The array's file, for messages.
        ids: The entities' ids, [N].
        rows: The row of each entity, [N]; nothing if the array has them in their order.

    Returns:
        [M, D]; the array itself where it is all present, in order and of 32 bits already.

    Raises:
        DataError: If the number of rows differs, or a present row holds NaN, infinity or a number too large.
    """
    if len(array) != len(ids):
        raise DataError(
            f"got {counted(len(array), 'row')}; wanted {len(ids)}, one for each entity in the order of its "
            "table",
            where=file,
            fix="Compute the features for the table as it is, or give them as Parquet with an id column.",
        )
    everything = len(index) == len(array)
    places = index if rows is None else rows[index]
    as_it_is = everything and rows is None
    if as_it_is and array.dtype == np.float32:
        result: npt.NDArray[np.float32] = array
    else:
        with np.errstate(over="ignore"):
            result = np.asarray(array if as_it_is else array[places], dtype=np.float32)
    names = ids if everything else [ids[entity] for entity in index]
    refuse_non_finite(result, file=file, rows=places, ids=names)
    return result


def table_features(
    path: Path, *, id_column: str, key: str | None, ids: Sequence[str], where: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return the vectors of a Parquet file, by the ids that it holds.

    Args:
        path: The file.
        id_column: The column that holds the entity's id.
        key: The column that holds lists of numbers; without it, every other column is one dimension.
        ids: The entities' ids, [N].
        where: The modality in ``dataset.yaml``, for messages.

    Returns:
        The rows of the entity table that have a vector, ascending, [M], and their vectors, [M, D].

    Raises:
        DataError: If a column is missing, an id is empty, unknown or stands twice, or a value is no finite
            number.
    """
    frame = read_table(path)
    column = pick(frame, id_column, file=str(path), where=f"{where}.id")
    names = column.id_texts()
    rows = rows_of(names, ids, f"{path}: column {id_column!r}", once=True)
    values = vectors_of(frame, names, (id_column,), path=path, key=key, where=where)
    order = np.argsort(rows)
    return rows[order], values[order]


def vectors_of(
    frame: pd.DataFrame,
    names: npt.NDArray[np.object_],
    others: Sequence[str],
    *,
    path: Path,
    key: str | None,
    where: str,
) -> npt.NDArray[np.float32]:
    """Return the vectors of a feature table, float32 [M, D].

    Args:
        frame: The table.
        names: The id in each row, [M], for messages.
        others: The columns that hold no features.
        path: The table's file, for messages.
        key: The column that holds lists of numbers; without it, every other column is one dimension.
        where: The modality in ``dataset.yaml``, for messages.

    Raises:
        DataError: If a column is missing, or a value is no finite number.
    """
    if key is not None:
        lists = pick(frame, key, file=str(path), where=f"{where}.key").values
        values = _stacked(lists, names, f"{path}: column {key!r}")
    else:
        # pandas writes the index of a table that was sorted or sampled as a column of this name.
        index = [column for column in frame if re.fullmatch(r"__index_level_\d+__", str(column))]
        values = _side_by_side(frame.drop(columns=[*others, *index]), names, str(path))
    refuse_non_finite(values, file=str(path), rows=np.arange(len(values)), ids=names)
    return values


def refuse_non_finite(
    array: npt.NDArray[np.float32],
    *,
    file: str,
    rows: npt.NDArray[np.int64],
    ids: Sequence[str] | npt.NDArray[np.object_],
) -> None:
    """Raise an error that names the first element that is NaN or infinite.

    Args:
        array: [M, D].
        file: Its file, for messages.
        rows: Where each row stands in the file, [M].
        ids: The id of each row, [M].

    Raises:
        DataError: If there is such an element.
    """
    step = max(1, _BLOCK // max(1, array.shape[1]))
    for start in range(0, len(array), step):
        finite = np.isfinite(array[start : start + step])
        if not finite.all():
            row, dimension = (int(i) for i in np.argwhere(~finite)[0])
            row += start
            raise DataError(
                f"got {array[row, dimension]}; wanted a finite number that fits 32 bits",
                where=f"{file}: row {int(rows[row]) + 1} (id {ids[row]!r}), dimension {dimension + 1}",
                fix="Mend the vector, or mark the modality as missing for this entity.",
            )


def _open(path: Path, key: str | None, where: str) -> npt.NDArray[Any]:
    ending = path.suffix.lower()
    if ending == ".npy":
        if key is not None:
            raise DataError(
                f"got {key!r}, but a .npy file holds one array without a name",
                where=f"{where}.key",
                fix="Remove the key.",
            )
        return np.lib.format.open_memmap(path, mode="r")
    if ending == ".npz":
        if not zipfile.is_zipfile(path):
            raise ValueError("it is no .npz archive")
        with np.load(path, allow_pickle=False) as archive:
            return np.asarray(archive[_only(key, archive.files, path, where)])
    if ending == ".safetensors":
        with safe_open(path, framework="numpy") as tensors:
            name = _only(key, list(tensors.keys()), path, where)
            try:
                return np.asarray(tensors.get_tensor(name))
            except (TypeError, AttributeError) as error:
                raise ValueError(f"numpy has no such type ({error}); save it as float32") from None
    if ending in hdf5_file.ENDINGS:
        return hdf5_file.read_hdf5(path, key, lambda names: _only(key, names, path, where))
    raise DataError(
        f"has the ending {ending!r}; wanted one of {', '.join(ARRAY_ENDINGS)}, .parquet",
        where=str(path),
        fix="Convert the features to one of them.",
    )


def _only(key: str | None, names: list[str], path: Path, where: str) -> str:
    """Return the name of the array to read."""
    if key is None and len(names) == 1:
        return names[0]
    if key is None:
        if not names:
            raise DataError("holds no array", where=str(path), fix="Save the features in the file itself.")
        raise DataError(
            f"is missing, but {path} holds {counted(len(names), 'array')}",
            where=f"{where}.key",
            fix=f"Name one of them: {', '.join(sorted(names))}.",
        )
    if key not in names:
        raise DataError(
            f"got {key!r}; {path} has no such array", where=f"{where}.key", fix=did_you_mean(key, names)
        )
    return key


def rows_of(
    names: npt.NDArray[np.object_], ids: Sequence[str], where: str, *, once: bool
) -> npt.NDArray[np.int64]:
    """Return the row of the entity table for each id of a feature table, int64 [M].

    Args:
        names: The ids of the feature table, [M].
        ids: Those of the entities, [N].
        where: The column, for messages.
        once: Whether an id may stand only once.

    Raises:
        DataError: If an id is empty or unknown, or stands twice and must not.
    """
    empty = np.flatnonzero([name is None for name in names])
    if len(empty):
        raise DataError(
            "got an empty cell; wanted an id", where=f"{where}, {row_numbers(empty)}", fix="Fill it."
        )
    twins = np.flatnonzero(pd.Series(names).duplicated())
    if once and len(twins):
        raise DataError(
            f"got {names[twins[0]]!r} for a second time; wanted each id once",
            where=f"{where}, {row_numbers(twins)}",
            fix="Remove one of the rows, or set `sequence: true` if the entity has several vectors.",
        )
    rows = pd.Index(np.array(ids, dtype=object)).get_indexer(pd.Index(names))
    unknown = np.flatnonzero(rows < 0)
    if len(unknown):
        raise DataError(
            f"got {names[unknown[0]]!r}; the entity table has no such id",
            where=f"{where}, {row_numbers(unknown)}",
            fix="Remove the row, or add the entity to its table.",
        )
    return np.asarray(rows, dtype=np.int64)


def _stacked(lists: pd.Series[Any], names: npt.NDArray[np.object_], where: str) -> npt.NDArray[np.float32]:
    """Return a column of lists of numbers as one array."""
    width = -1
    for row, cell in enumerate(lists):
        if not isinstance(cell, (list, np.ndarray)) or not len(cell):
            got, wanted = shorten(cell), "a list of numbers"
        elif width >= 0 and len(cell) != width:
            got, wanted = counted(len(cell), "number"), f"{width}, as in the first row"
        else:
            width = len(cell)
            continue
        raise DataError(
            f"got {got}; wanted {wanted}",
            where=f"{where}, {row_name(row, list(names))}",
            fix="Give every row a vector of the same length.",
        )
    try:
        with np.errstate(over="ignore"):
            stacked = np.stack(list(lists))
            if stacked.dtype.kind not in "fiubO":
                raise TypeError("text or times")
            if stacked.dtype.kind == "O" and not all(isinstance(x, Number) for x in stacked.flat):
                raise TypeError("objects that are no numbers")
            return stacked.astype(np.float32)
    except (ValueError, TypeError):
        raise DataError(
            "the lists hold something else than numbers", where=where, fix="Store lists of float32."
        ) from None


def _side_by_side(frame: pd.DataFrame, names: npt.NDArray[np.object_], file: str) -> npt.NDArray[np.float32]:
    """Return columns of numbers as one array."""
    if not len(frame.columns):
        raise DataError("holds no column but the ids; wanted numbers", where=file, fix="Add the features.")
    columns = [Column(frame[name], str(name), file, list(names)).filled_numbers() for name in frame.columns]
    with np.errstate(over="ignore"):
        return np.stack(columns, axis=1).astype(np.float32)
