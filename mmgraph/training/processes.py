"""The processes that do one training together, and what they tell each other."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from mmgraph.errors import ConfigError, MMGraphError, RunError
from mmgraph.training.config import TrainConfig

T = TypeVar("T")

_TOLD = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""What ``torchrun`` tells each of its processes by the environment."""

PATIENCE = timedelta(days=1)
"""How long one process waits for another: one that ends is noticed at once, and a last evaluation is long."""


@dataclass(frozen=True)
class Processes:
    """The processes of a training, one for each device, as one of them sees them; by default it is alone.

    Every method but :meth:`share` is a meeting: all processes call it, in the same order.

    Args:
        rank: The number of this process, from 0.
        size: How many there are.
        local_rank: The number of this process among those of its machine.
        local_size: How many there are on its machine.

    Example:
        >>> Processes(rank=1, size=3).share(torch.arange(8))
        tensor([3, 4, 5])
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and speaks for all."""
        return self.rank == 0

    def share(self, rows: Tensor) -> Tensor:
        """Return this process's part of some rows; together the parts are all of them, in their order.

        Args:
            rows: Any tensor [R, ...].

        Returns:
            [R / size, ...], rounded up in the first processes; it may be empty.
        """
        return torch.tensor_split(rows, self.size)[self.rank] if self.size > 1 else rows

    def join(self, part: Tensor, rows: int) -> Tensor:
        """Return what :meth:`share` took apart.

        Args:
            part: Of this process, [R / size, ...].
            rows: The number R of all rows.
        """
        if self.size == 1:
            return part
        whole = part.new_zeros(rows, *part.shape[1:])
        self.share(whole).copy_(part)
        # Exact: each number is added to zeros alone.
        dist.all_reduce(whole)
        return whole

    def mean(self, value: float, count: int) -> tuple[float, int]:
        """Return the mean over the things of all processes, and how many these are.

        Args:
            value: The mean over the things of this process.
            count: How many it has; if none, the value does not matter.
        """
        if self.size == 1:
            return value, count
        sums = torch.tensor([value * count if count else 0.0, count], dtype=torch.float64)
        dist.all_reduce(sums)
        return (sums[0] / sums[1]).item(), int(sums[1])

    def most(self, *values: int) -> list[int]:
        """Return the largest that any process has of each value, so that all decide alike."""
        if self.size == 1:
            return list(values)
        largest = torch.tensor(values)
        dist.all_reduce(largest, dist.ReduceOp.MAX)
        return [int(value) for value in largest]

    def gather(self, value: T) -> list[T]:
        """Return what each process has, in the order of their numbers."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def from_first(self, make: Callable[[], T]) -> T:
        """Return what the first process makes; the others wait for it.

        Args:
            make: Called in the first process alone.

        Raises:
            MMGraphError: In all processes, if the first one raises it.
        """
        if self.size == 1:
            return make()
        made: list[Any] = [None, None]
        if self.first:
            try:
                made[0] = make()
            except MMGraphError as error:
                made[1] = error
        dist.broadcast_object_list(made, src=0)
        if made[1] is not None:
            raise made[1]
        result: T = made[0]
        return result


ALONE = Processes()
"""One process, which trains by itself."""


def told_processes() -> Processes:
    """Return the processes that the environment tells of, as ``torchrun`` sets it; else this one alone."""
    if any(name not in os.environ for name in _TOLD):
        return ALONE
    size = int(os.environ["WORLD_SIZE"])
    return Processes(
        rank=int(os.environ["RANK"]),
        size=size,
        local_rank=int(os.environ["LOCAL_RANK"]),
        local_size=int(os.environ.get("LOCAL_WORLD_SIZE", size)),
    )


def for_processes(config: TrainConfig, processes: Processes) -> TrainConfig:
    """Return a config with as many devices as there are processes, if somebody else has started these.

    Raises:
        ConfigError: If it asks for another number, or for Ray to start them.
    """
    if processes.size == 1:
        return config
    if config.engine == "ray":
        raise ConfigError(
            "got ray, but torchrun has started the processes",
            where="engine",
            fix="Leave it out, or give the command without torchrun.",
        )
    if config.devices not in (1, processes.size):
        raise ConfigError(
            f"got {config.devices}, but torchrun has started {processes.size} processes",
            where="devices",
            fix="Leave devices out under torchrun, or give the same number.",
        )
    return config.model_copy(update={"devices": processes.size})


def backend_of(device_type: str) -> str:
    """Return what the processes of a training on devices of a type, ``cpu`` or ``cuda``, talk through.

    Tensors on the CPU always go through gloo: what processes agree on never waits for a GPU.
    """
    return "gloo" if device_type == "cpu" else "cpu:gloo,cuda:nccl"


def has_lost_others(error: Exception) -> bool:
    """Return whether a process raised an error because another one is gone, or cannot be reached.

    Args:
        error: What it raised.

    Example:
        >>> has_lost_others(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
        False
    """
    # gloo raises bare RuntimeErrors, which begin with the place in its source.
    of_gloo = isinstance(error, RuntimeError) and "gloo/transport/" in str(error)
    return of_gloo or isinstance(error, dist.DistError)


@contextlib.contextmanager
def connected(processes: Processes, device: torch.device, asked: Any) -> Iterator[None]:
    """Let processes meet within the block, and make sure that they have the same in mind.

    If the block raises, the connection stays, so that the others learn of it when this process ends, and
    not before it has told why.

    Args:
        processes: The processes.
        device: Where this one trains.
        asked: What it is going to do.

    Raises:
        ConfigError: If another process is going to do something else.
        RunError: If the processes cannot reach each other.
    """
    if processes.size == 1:
        yield
        return
    if mine := not dist.is_initialized():
        backend = backend_of(device.type)
        try:
            dist.init_process_group(backend, rank=processes.rank, world_size=processes.size, timeout=PATIENCE)
        except (RuntimeError, ValueError) as error:
            raise RunError(
                f"process {processes.rank + 1} of {processes.size} cannot reach the others: "
                f"{str(error).partition(chr(10))[0]}",
                where="devices",
                fix="Name a network interface that is there by GLOO_SOCKET_IFNAME (and NCCL_SOCKET_IFNAME), "
                "e.g. lo on one machine; under torchrun, check MASTER_ADDR and MASTER_PORT as well.",
            ) from None
    if any(other != asked for other in processes.gather(asked)):
        raise ConfigError(
            f"the {processes.size} processes were asked for different trainings",
            where="devices",
            fix="Give each the same graph, task and config.",
        )
    yield
    if mine:
        dist.destroy_process_group()
