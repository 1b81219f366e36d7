"""Linear algebra that gives the same bits on any number of cores."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep BLAS and OpenMP to one thread: how they share out a sum changes its last bits.

    Example:
        >>> import numpy as np
        >>> with one_thread():
        ...     float(np.ones(3) @ np.ones(3))
        3.0
    """
    with _libraries(len(sys.modules)).limit(limits=1):
        yield


@functools.lru_cache(maxsize=1)
def _libraries(modules: int) -> ThreadpoolController:  # noqa: ARG001 - the key
    """Return the libraries that have threads, looked for anew only when a module has come that may bring one.

    Looking takes milliseconds, which a single new entity would wait for.

    Args:
        modules: How many modules are loaded.
    """
    return ThreadpoolController()
