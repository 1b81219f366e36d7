"""Jobs in several processes of this machine, which end with the one that started them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for
from multiprocessing.synchronize import Event
from typing import TypeVar

import torch

from mmgraph.errors import RunError
from mmgraph.plugins import load_plugin, loaded_plugins

J = TypeVar("J")
R = TypeVar("R")

_SECONDS_TO_LOOK = 0.5


def threads_for(jobs: int) -> int:
    """Return how many threads each of several processes may have.

    Example:
        >>> threads_for(1) == torch.get_num_threads()
        True
    """
    return max(torch.get_num_threads() // jobs, 1)


def in_processes(work: Callable[[J], R], jobs: Sequence[J], number: int) -> Iterator[tuple[J, R]]:
    """Yield every job with what came of it, whichever is done first.

    New processes have the plugins of this one loaded, and share the threads that it has. Where the loop over
    the results is left early, jobs that are being done are cut off.

    Args:
        work: A function of a module; what it raises ends all.
        jobs: What to call it with; pickled.
        number: How many processes.

    Raises:
        RunError: If a process is ended from outside.
    """
    context = multiprocessing.get_context("spawn")
    stopping = context.Event()
    arguments = (loaded_plugins(), threads_for(number), stopping)
    pool = ProcessPoolExecutor(min(number, len(jobs)), context, _begin, arguments)
    try:
        waiting: dict[Future[R], J] = {pool.submit(work, job): job for job in jobs}
        while waiting:
            for done in wait(waiting, return_when=FIRST_COMPLETED).done:
                yield waiting.pop(done), done.result()
    except BrokenProcessPool:
        raise RunError(
            "a process was ended from outside, so the comparison stopped",
            where="--jobs",
            fix="So does Linux when memory runs out: take fewer jobs. --resume goes on from what is done. A "
            "script is run once more by new processes: guard what it does by `if __name__ == '__main__':`.",
        ) from None
    except BaseException:
        stopping.set()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(plugins: Sequence[str], threads: int, stopping: Event) -> None:
    """Make a new process ready."""
    # Ctrl-C is for the process that started this one, which tells it to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)
    threading.Thread(target=_end_when_told, args=(stopping,), daemon=True).start()
    for plugin in plugins:
        load_plugin(plugin)


def _end_when_told(stopping: Event) -> None:
    """End this process when it is told to, or when the one that started it is gone."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    while not stopping.is_set():
        if wait_for([parent.sentinel], _SECONDS_TO_LOOK):
            break
    # Whatever it is in the middle of is written whole or not at all.
    os._exit(1)
