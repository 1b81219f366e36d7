"""Threads for what lets go of Python's lock, kernels and torch's operations: as many as torch uses."""

from __future__ import annotations

import bisect
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

Item = TypeVar("Item")

# Below this many numbers to be read a second thread costs more than it brings.
_WORTH_A_THREAD = 1 << 19

# Up to so many rows all of them are counted at once, which for few is quicker than to look for the cuts.
_WORTH_A_SUM = 1 << 18

_pool: ThreadPoolExecutor | None = None
_pool_size = 0
_single: ThreadPoolExecutor | None = None
_single_size = 0
_starting = threading.Lock()


def balanced_rows(pointers: Sequence[Any], parts: int) -> list[int]:
    """Return where to cut rows so that each part has about as many edges, counted over all relations.

    Args:
        pointers: For each relation, where each row's edges begin and end, [rows + 1].
        parts: Into how many.

    Returns:
        ``parts + 1`` ascending rows, from 0 to the last.

    Example:
        >>> balanced_rows([[0, 100, 101, 102, 103]], 2)
        [0, 1, 4]
    """
    num_rows = len(pointers[0]) - 1
    if parts == 1:
        return [0, num_rows]
    if num_rows * len(pointers) < _WORTH_A_SUM:
        # A row without edges is written as well.
        before = np.arange(num_rows + 1)
        for pointer in pointers:
            before += pointer
        return [0, *np.searchsorted(before, before[-1] * np.arange(1, parts) // parts).tolist(), num_rows]

    def work(row: int) -> int:
        return row + sum(int(pointer[row]) for pointer in pointers)

    total = work(num_rows)
    cuts = [
        bisect.bisect_left(range(num_rows + 1), total * part // parts, key=work) for part in range(1, parts)
    ]
    return [0, *cuts, num_rows]


def useful_threads(numbers: int) -> int:
    """Return how many threads are worth their start for so many numbers: at most as many as torch uses."""
    worth = numbers // _WORTH_A_THREAD
    if worth < 2:
        return 1
    # What builds a small graph need not wait for torch.
    import torch

    return min(torch.get_num_threads(), worth)


def run_together(tasks: Sequence[Callable[[], None]]) -> None:
    """Run the tasks, one of them here, and return once all are done."""
    if not tasks:
        return
    pool = _threads(len(tasks) - 1) if len(tasks) > 1 else None
    others = [pool.submit(task) for task in tasks[1:]] if pool else []
    try:
        tasks[0]()
    finally:
        for other in others:
            other.exception()
    for other in others:
        other.result()


def run_on_single_cores(tasks: Sequence[Callable[[], None]]) -> None:
    """Run the tasks, each in a thread in which torch's operations use that thread alone.

    Threads that share an operation wait for each other at its end, so that many small operations in a row are
    slow; here each thread goes through its own.
    """
    done = [_single_threads(len(tasks)).submit(task) for task in tasks]
    for each in done:
        each.exception()
    for each in done:
        each.result()


def for_each_on_single_cores(items: Iterable[Item], work: Callable[[Item], object]) -> None:
    """Do some work for each item, as many items at a time as torch uses threads, each by one thread alone.

    So what an operation gives depends on no number of threads, and small operations, which two threads share
    badly, keep all cores busy. After an error no further item is begun.

    Args:
        items: The items; they are made as they are taken, one after the other.
        work: Takes an item, in a thread of its own; whatever is shared it locks itself.

    Raises:
        Exception: What the work for an item raised, or making one.

    Example:
        >>> found = {}
        >>> for_each_on_single_cores([3, 1, 2], lambda item: found.update({item: item**2}))
        >>> sorted(found.items())
        [(1, 1), (2, 4), (3, 9)]
    """
    import torch

    number = torch.get_num_threads()
    if number == 1:
        for item in items:
            work(item)
        return
    queue, taking, stopped = iter(items), threading.Lock(), threading.Event()

    def work_off() -> None:
        try:
            while not stopped.is_set():
                with taking:
                    item = next(queue, queue)
                if item is queue:
                    return
                work(item)  # type: ignore[arg-type]
        except BaseException:
            stopped.set()
            raise

    try:
        run_on_single_cores([work_off] * number)
    finally:
        # Whoever interrupts the one that waits would else leave the others at work.
        stopped.set()


def _single_threads(wanted: int) -> ThreadPoolExecutor:
    global _single, _single_size
    # Of two that start threads at once, each could wait for one that the other has.
    with _starting:
        if _single is None or _single_size < wanted:
            _single, _single_size = _started(wanted), wanted
        return _single


def _started(wanted: int) -> ThreadPoolExecutor:
    import torch

    together, here = threading.Barrier(wanted), torch.get_num_threads()
    pool = ThreadPoolExecutor(
        wanted, thread_name_prefix="mmgraph-single", initializer=_take_one_core, initargs=(together,)
    )
    try:
        for begun in [pool.submit(int) for _ in range(wanted)]:
            begun.result()
    except BaseException:
        # Those that have begun would wait for the others for ever.
        together.abort()
        raise
    finally:
        # torch keeps the number of the last thread that set it for those that have none yet.
        torch.set_num_threads(here)
    return pool


def _take_one_core(together: threading.Barrier) -> None:
    import torch

    # A thread gets its number when it is first asked for, and not when one is set.
    torch.get_num_threads()
    torch.set_num_threads(1)
    together.wait()


def _threads(wanted: int) -> ThreadPoolExecutor:
    global _pool, _pool_size
    if _pool is None or _pool_size < wanted:
        _pool, _pool_size = ThreadPoolExecutor(wanted, thread_name_prefix="mmgraph"), wanted
    return _pool


def _forget() -> None:
    global _pool, _single, _starting
    _pool = _single = None
    # Whoever held it is not there to let go of it.
    _starting = threading.Lock()


# A forked process has none of its parent's threads.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
