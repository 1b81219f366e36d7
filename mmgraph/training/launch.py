"""Processes on this machine that do one thing together: started, watched, and ended together."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Any

import torch
import torch.distributed as dist

from mmgraph.errors import MMGraphError, RunError
from mmgraph.plugins import load_plugin, loaded_plugins

_HOST = "127.0.0.1"

_SECONDS_TO_END = 10.0
"""How long processes have to end by themselves once one has failed, and again once they are told to."""

_SECONDS_TO_HEAR = 2.0
"""How long after one process has lost another it takes at most to be seen that the other is gone."""

# A pipe takes so much whether or not anybody reads.
_LONGEST_TEXT = 10_000


@dataclass(frozen=True)
class _Worker:
    """A process, and where its last word comes from."""

    process: SpawnProcess
    receiver: Connection[Any, Any]


def launch(work: Callable[..., None], arguments: Mapping[str, Any], size: int) -> None:
    """Call a function in several new processes, and return once all of them are done.

    Each finds in its environment what it would find under ``torchrun``, and the same plugins loaded. If one
    of them fails, all end. An interrupt is passed on, and waited for; a second one ends them at once.
    Unlike ``torchrun``'s own launcher, this one hands on errors as they are, and writes nothing.

    Args:
        work: A function of a module.
        arguments: Its arguments, which are pickled.
        size: How many processes.

    Raises:
        RunError: If a process was ended by a signal.
        Exception: What a process raised, if it raised anything.
    """
    context = multiprocessing.get_context("spawn")
    # Held here, as torchrun does: a port that a process would have to bind may be gone by then.
    store = dist.TCPStore(_HOST, 0, is_master=True, wait_for_workers=False)  # type: ignore[attr-defined]
    stopping = context.Event()
    workers: list[_Worker] = []
    try:
        with _deaf_to_interrupts():
            for rank in range(size):
                receiver, sender = context.Pipe(duplex=False)
                told = _environment(rank, size, store.port)
                process = context.Process(
                    name=f"mmgraph-device-{rank}",
                    target=_work,
                    args=(work, dict(arguments), told, loaded_plugins(), stopping, sender),
                )
                process.start()
                sender.close()
                workers.append(_Worker(process, receiver))
        failure = _first_failure(workers)
    except (KeyboardInterrupt, SystemExit) as told_to:
        stopping.set()
        number = signal.SIGINT if isinstance(told_to, KeyboardInterrupt) else signal.SIGTERM
        for worker in workers:
            if worker.process.pid is not None and worker.process.is_alive():
                os.kill(worker.process.pid, number)
        for worker in workers:
            worker.process.join()
        raise
    finally:
        _end(workers)
    if failure is not None:
        raise failure


def _environment(rank: int, size: int, port: int) -> dict[str, str]:
    # Those of a container or a batch system may be fewer than the machine has.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = max(cores // size, 1)
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(size),
        "LOCAL_WORLD_SIZE": str(size),
        "MASTER_ADDR": _HOST,
        "MASTER_PORT": str(port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads)),
    }


def _work(
    work: Callable[..., None],
    arguments: dict[str, Any],
    told: dict[str, str],
    plugins: Sequence[str],
    stopping: Any,
    sender: Connection[Any, Any],
) -> None:
    """Do the work of one process, and send what it raised, or nothing, as the last word."""
    os.environ.update(told)
    torch.set_num_threads(int(told["OMP_NUM_THREADS"]))
    if hasattr(os, "setsid"):
        # Ctrl-C comes from the process that started this one, and not from the terminal as well.
        os.setsid()
    signal.signal(signal.SIGTERM, _exit)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    last_word: BaseException | None = None
    try:
        if stopping.is_set():
            raise KeyboardInterrupt
        for plugin in plugins:
            load_plugin(plugin)
        work(**arguments)
    except BaseException as error:
        last_word = as_told(error)
    with contextlib.suppress(BrokenPipeError):
        # Nobody listens where the process that started this one is gone.
        sender.send(last_word)
    sys.stdout.flush()
    sys.stderr.flush()
    # What libraries do when an interpreter ends may wait for processes that are gone.
    os._exit(0 if last_word is None else 1)


def as_told(error: BaseException) -> BaseException:
    """Return an error as another process can take it, with where it comes from."""
    if isinstance(error, SystemExit):
        return SystemExit(error.code)
    if isinstance(error, KeyboardInterrupt):
        return KeyboardInterrupt()
    if not isinstance(error, MMGraphError):
        # What others raise need not survive being pickled.
        where = traceback.format_exc()
        error = RuntimeError(f"{type(error).__name__}: {error}"[-_LONGEST_TEXT:])
        error.add_note(where[-_LONGEST_TEXT:])
    return error


def _end_with_parent() -> None:
    """Stop as if told to when the process that started this one is gone."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)


def _exit(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what a handler gets
    sys.exit(128 + number)


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Let processes that are started in the block begin without ears for Ctrl-C, until they are ready."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _first_failure(workers: Sequence[_Worker]) -> BaseException | None:
    """Return what the first process raised that failed, once one has; nothing once all are done.

    What others raise afterwards is that they have lost the first; where that was killed, they may be heard of
    before it, so that a process which ended without a word counts more than what another raised.
    """
    waiting: dict[Any, int] = {worker.receiver: rank for rank, worker in enumerate(workers)}
    while waiting:
        for receiver in wait(list(waiting)):
            failure = _last_word(workers, waiting.pop(receiver))
            if failure is None:
                continue
            if not isinstance(failure, MMGraphError):
                others = [_last_word(workers, waiting[one]) for one in wait(list(waiting), _SECONDS_TO_HEAR)]
                return next((other for other in others if isinstance(other, RunError)), failure)
            return failure
    return None


def _last_word(workers: Sequence[_Worker], rank: int) -> BaseException | None:
    """Return what a process raised that has ended, or that it ended without a word."""
    try:
        failure: BaseException | None = workers[rank].receiver.recv()
    except EOFError:
        return _silent(workers[rank].process, rank, len(workers))
    return failure


def _silent(process: SpawnProcess, rank: int, size: int) -> RunError:
    process.join()
    code = process.exitcode or 0
    if code == 1:
        # What Python raised before the work began, it has written by itself.
        return RunError(
            f"process {rank + 1} of {size} ended before it had begun",
            where="devices",
            fix="New processes run the script once more: guard what it does by `if __name__ == '__main__':`, "
            "and run it from a file.",
        )
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return RunError(
        f"process {rank + 1} of {size} was ended from outside ({how}), so the training stopped",
        where="devices",
        fix="So does Linux when memory runs out: take fewer devices or a smaller batch_size. If there is a "
        "checkpoint, --resume goes on from it.",
    )


def _end(workers: Sequence[_Worker]) -> None:
    """Wait until all processes are gone, and see to it."""
    try:
        for act in (lambda _: None, SpawnProcess.terminate):
            for worker in workers:
                if worker.process.is_alive():
                    act(worker.process)
            for worker in workers:
                worker.process.join(_SECONDS_TO_END)
    finally:
        for worker in workers:
            if worker.process.is_alive():
                worker.process.kill()
            worker.process.join()
            worker.receiver.close()
