"""A Ray cluster: reached or started, quiet, and with room for the workers that are asked for."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmgraph.counted import counted
from mmgraph.errors import ConfigError, MissingDependencyError, RunError
from mmgraph.plugins import load_plugin, loaded_plugins

_ADDRESS = "RAY_ADDRESS"
_SECONDS_TO_ANSWER = 10.0

MOST_LOSSES = 5
"""How often workers that are lost are replaced before it is given up."""


@dataclass(frozen=True)
class Workers:
    """What each of the workers on a cluster has.

    Args:
        number: How many workers there are.
        cpus: How many CPUs each of them is given.
        gpus: How many GPUs each of them is given, 0 or 1.
    """

    number: int
    cpus: int
    gpus: int

    @property
    def threads(self) -> int:
        """How many threads each of them computes with."""
        return int(os.environ.get("OMP_NUM_THREADS", self.cpus))

    @property
    def resources(self) -> dict[str, float]:
        """What a worker takes of its node, as Ray counts it."""
        return {"CPU": self.cpus, **({"GPU": self.gpus} if self.gpus else {})}


@dataclass(frozen=True)
class Surroundings:
    """What this process has and its workers are to have as well, whatever machine they are on.

    Args:
        directory: Where relative paths begin.
        plugins: The files of the plugins that are loaded.
        threads: How many threads a worker computes with.
    """

    directory: Path
    plugins: tuple[Path, ...]
    threads: int

    @classmethod
    def of(cls, workers: Workers) -> Surroundings:
        """Return those of some workers."""
        plugins = tuple(Path(plugin).absolute() for plugin in loaded_plugins())
        return cls(Path.cwd(), plugins, workers.threads)

    def take_over(self) -> None:
        """Make them those of this process, which is a worker.

        Raises:
            ConfigError: If a plugin is not there on its machine.
        """
        import torch

        # A command of absolute paths alone may be given in a folder that no other machine has.
        if self.directory.is_dir():
            os.chdir(self.directory)
        os.environ["OMP_NUM_THREADS"] = str(self.threads)
        torch.set_num_threads(self.threads)
        for plugin in self.plugins:
            load_plugin(plugin)


_SETTINGS = {
    # Of tasks that make a node's memory run out: else without end.
    "RAY_task_oom_retries": str(MOST_LOSSES),
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    # What is lost is told as part of the progress; Ray tells it on standard output.
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",
}
"""Read when Ray is imported."""


def load_ray() -> Any:
    """Return the library ray, which keeps to itself: no reports of usage, nothing on the terminal.

    Raises:
        MissingDependencyError: If it is not installed.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        with _quiet():
            import ray
    except ImportError as error:
        raise MissingDependencyError(
            f"the engine ray needs Ray, which cannot be loaded: {error}",
            where="engine",
            fix="Install it with `pip install 'mmgraph[ray]'`.",
        ) from None
    return ray


@contextlib.contextmanager
def ray_cluster() -> Iterator[Any]:
    """Yield the library ray, connected to a cluster.

    It is the one that this process is connected to, or that ``RAY_ADDRESS`` names; else one is started that
    has this machine alone, and ends with the block.

    Raises:
        MissingDependencyError: If Ray is not installed.
        RunError: If the cluster cannot be reached.
    """
    ray = load_ray()
    if ray.is_initialized():
        yield ray
        return
    with _quiet():
        _connect(ray)
    try:
        with _sigterm_ends():
            yield ray
    finally:
        with _quiet():
            ray.shutdown()


def room_for(ray: Any, workers: int, *, device: str = "cpu") -> Workers:
    """Return what each of some workers has: an equal part of the cluster's CPUs, and a GPU where it may.

    Args:
        ray: From :func:`ray_cluster`.
        workers: How many.
        device: ``cpu``, ``cuda`` for a GPU each, or ``auto`` for that where there are enough.

    Raises:
        ConfigError: If the cluster is too small for them, or one named GPU is asked for.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    cpus, gpus = ([int(node.get(kind, 0)) for node in nodes] for kind in ("CPU", "GPU"))
    if ":" in device:
        raise ConfigError(
            f"got {device}, which is one device of a machine; workers have any GPU of the cluster",
            where="device",
            fix="Set the device to cuda, auto or cpu.",
        )
    with_gpus = share_of(cpus, workers, gpus)
    wanted = device == "cuda" or (device == "auto" and with_gpus > 0)
    each = with_gpus if wanted else share_of(cpus, workers)
    if not each:
        takes, there = "a CPU", counted(sum(cpus), "CPU")
        if wanted:
            takes, there = f"{takes} and a GPU of one node", f"{there} and {counted(sum(gpus), 'GPU')}"
        raise ConfigError(
            f"got {workers:,}, each of which takes {takes}, but the cluster has {there} on "
            f"{counted(len(nodes), 'node')}",
            where="workers",
            fix="Ask for fewer, or start more nodes (`ray start --address HOST:PORT`).",
        )
    return Workers(workers, each, int(wanted))


def share_of(cpus: Sequence[int], workers: int, gpus: Sequence[int] | None = None) -> int:
    """Return how many CPUs each worker may have, none of them over two nodes; 0 where there are too few.

    Args:
        cpus: Of each node.
        workers: How many there are to be.
        gpus: Of each node, if each worker is to have one of the node that it is on.

    Example:
        >>> share_of([8, 4], 3), share_of([8, 4], 2), share_of([1], 2)
        (4, 4, 0)
        >>> share_of([8, 64], 2, gpus=[2, 0])
        4
    """
    most = [workers] * len(cpus) if gpus is None else gpus
    nodes = list(zip(cpus, most, strict=True))
    shares = range(max(cpus, default=0), 0, -1)
    return next((n for n in shares if sum(min(there // n, room) for there, room in nodes) >= workers), 0)


def _connect(ray: Any) -> None:
    address = os.environ.get(_ADDRESS)
    options = {"log_to_driver": False, "logging_level": logging.ERROR}
    if not address:
        ray.init(address="local", include_dashboard=False, **options)
        return
    try:
        host, _, port = address.rpartition(":")
        if host and port.isdigit() and "/" not in host:
            # Ray itself asks for minutes.
            socket.create_connection((host, int(port)), _SECONDS_TO_ANSWER).close()
        ray.init(address=address, **options)
    except (OSError, RuntimeError, ValueError) as error:
        raise RunError(
            f"there is no cluster that answers at {address}: {error}",
            where=_ADDRESS,
            fix="Start it (`ray start --head`), name another address, or unset the variable for a Ray on "
            "this machine alone.",
        ) from None


@contextlib.contextmanager
def _sigterm_ends() -> Iterator[None]:
    """Let SIGTERM raise SystemExit in the block; Ray's own handler prints a stack and aborts."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Let Ray warn nobody of what becomes of its settings in later versions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
