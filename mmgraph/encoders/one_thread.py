"""Linear algebra that gives the same bits on any number of cores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep BLAS and OpenMP to one thread: how they share out a sum changes its last bits.

    Example:
        >>> import numpy as np
        >>> with one_thread():
        ...     float(np.ones(3) @ np.ones(3))
        3.0
    """
    with threadpool_limits(limits=1):
        yield
