"""Parquet files, read without threads where the process may not have all the memory that it asks for."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet


def may_start_threads() -> bool:
    """Return whether Arrow may use its threads: not where the process's memory is limited (``ulimit -v``).

    Arrow gives work to its pool and waits for it. If less memory is left than a new thread's stack takes, no
    thread ever takes up the work, and nothing ends the wait: no error, and no signal that Python handles.
    """
    limits = (resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA))
    return all(limit == resource.RLIM_INFINITY for limit in limits)


def open_parquet(path: Path) -> Any:
    """Return a Parquet file, of which only the schema has been read.

    Args:
        path: The file.

    Raises:
        OSError: If it cannot be read.
        pyarrow.ArrowException: If it is no Parquet file.
    """
    # What is read ahead is read by Arrow's threads.
    return pyarrow.parquet.ParquetFile(path, pre_buffer=may_start_threads())


def give_back_unused() -> None:
    """Have Arrow give memory back that it holds for tables to come, as after one that was large."""
    pyarrow.default_memory_pool().release_unused()


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> Any:
    """Return the Arrow table in a Parquet file; what the names of its folders say is no part of it.

    Args:
        path: The file.
        columns: The columns to be read; all by default.

    Raises:
        OSError: If it cannot be read.
        pyarrow.ArrowException: If it is no Parquet file.
        MemoryError: If there is no room for it.
    """
    with open_parquet(path) as file:
        return file.read(columns, use_threads=may_start_threads())
