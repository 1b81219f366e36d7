"""Small matrix products by one thread: several would wait for each other longer than they compute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

_ENOUGH = 50_000
"""From so many rows on, several threads are worth it. A single new entity brings some hundred."""


@contextmanager
def few_threads(rows: int) -> Iterator[None]:
    """Let torch compute with one thread where there is little to compute.

    On a machine that does other things as well, a thread that has no core keeps all others waiting at the end
    of each operation: a question that takes 30 ms by one thread took 800 ms by two.

    Args:
        rows: How many rows the operations have.
    """
    before = torch.get_num_threads()
    if rows >= _ENOUGH or before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
