"""Vectors with their ids as a file: Parquet, or npy with the ids beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mmgraph.atomic import atomic_file, atomic_write, require_file
from mmgraph.counted import counted
from mmgraph.training.memory import memory_told

_FORMATS = (".parquet", ".npy")
_AT_A_TIME = 65_536
"""How many vectors of a large graph, which lie in a temporary file, are in memory at once."""


def check_target(file: Path, *, overwrite: bool) -> None:
    """Make sure that vectors can be written to a file.

    Raises:
        ConfigError: If its name ends in neither ``.parquet`` nor ``.npy``, or if it is there already.
    """
    require_file(file, _FORMATS, overwrite=overwrite)
    for path in _files(file)[1:]:
        require_file(path, overwrite=overwrite)


def write_embeddings(file: Path, ids: Sequence[str], vectors: npt.NDArray[np.float32]) -> list[Path]:
    """Write vectors and ids, and return the files.

    Args:
        file: ``x.parquet``, with the columns ``id`` and ``embedding``, or ``x.npy``, beside which the ids go
            into ``x.ids.csv`` in the same order.
        ids: The ids, [N].
        vectors: float32 [N, D].

    Raises:
        RunError: If memory runs out.
    """
    doing = f"while {counted(len(vectors), 'vector')} of width {vectors.shape[1]} were written"
    with memory_told(doing, fix="Train with a smaller model.hidden_channels, or free some memory."):
        _write(file, ids, vectors)
    return _files(file)


def _write(file: Path, ids: Sequence[str], vectors: npt.NDArray[np.float32]) -> None:
    if file.suffix == ".npy":
        names = pd.DataFrame({"id": list(ids)}).to_csv(index=False, lineterminator="\n")
        atomic_write(_files(file)[1], names)
    with atomic_file(file) as place:
        if file.suffix == ".npy":
            np.save(place, vectors, allow_pickle=False)
        else:
            _write_parquet(place, ids, vectors)


def _write_parquet(place: BinaryIO, ids: Sequence[str], vectors: npt.NDArray[np.float32]) -> None:
    width = vectors.shape[1]
    kinds = pa.schema({"id": pa.string(), "embedding": pa.list_(pa.float32(), width)})
    with pq.ParquetWriter(place, kinds) as writer:
        for first in range(0, len(ids), _AT_A_TIME):
            part = np.ascontiguousarray(vectors[first : first + _AT_A_TIME]).reshape(-1)
            column = pa.FixedSizeListArray.from_arrays(pa.array(part), width)
            names = pa.array(list(ids[first : first + _AT_A_TIME]), pa.string())
            writer.write_table(pa.table([names, column], schema=kinds))


def _files(file: Path) -> list[Path]:
    return [file, file.with_suffix(".ids.csv")] if file.suffix == ".npy" else [file]
