"""What a training's numbers depend on besides its inputs: versions, threads, random state, kernels."""

from __future__ import annotations

import contextlib
import os
import platform
import random
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from mmgraph.counted import counted
from mmgraph.devices import choose_device
from mmgraph.errors import ConfigError
from mmgraph.training.processes import Processes

_LIBRARIES = ("mmgraph", "torch", "torch-geometric", "lightning", "torchmetrics", "numpy")


def describe_environment() -> dict[str, Any]:
    """Return the versions of what computes, and the number of threads, which rounding depends on."""
    return {
        "python": platform.python_version(),
        **{library: version(library) for library in _LIBRARIES},
        "threads": torch.get_num_threads(),
    }


def own_device(name: str, processes: Processes) -> torch.device:
    """Return the device of this process, of those that train together.

    Args:
        name: ``auto``, ``cpu``, ``cuda``, or where there is one process also e.g. ``cuda:1``.
        processes: The processes.

    Raises:
        ConfigError: If there is no such device, or there are fewer than processes.
    """
    device = choose_device(name)
    if processes.size == 1 or device.type == "cpu":
        return device
    if ":" in name:
        raise ConfigError(
            f"got {name}, which is one device, for {processes.size} of them",
            where="device",
            fix="Set the device to cuda or auto; CUDA_VISIBLE_DEVICES chooses among several.",
        )
    if torch.cuda.device_count() < processes.local_size:
        raise ConfigError(
            f"got {processes.local_size}, but "
            + counted(torch.cuda.device_count(), "GPU is there", "GPUs are there"),
            where="devices",
            fix="Ask for as many, or set the device to cpu.",
        )
    return torch.device("cuda", processes.local_rank)


def check_precision(precision: str, device: torch.device) -> None:
    """Make sure that a device can compute in a precision.

    Args:
        precision: ``32``, ``bf16-mixed`` or ``16-mixed``.
        device: Where to train.

    Raises:
        ConfigError: If it cannot.
    """
    if precision == "16-mixed" and device.type != "cuda":
        raise ConfigError(
            f"got 16-mixed, which needs a GPU, but the training is on the {device.type}",
            where="precision",
            fix="Use bf16-mixed, whose numbers reach as far as those of float32, or 32.",
        )


@contextlib.contextmanager
def reproducible(seed: int, device: torch.device) -> Iterator[None]:
    """Seed every random state and choose kernels whose result does not vary; undo both at the end.

    On the CPU, a kernel that may vary raises; on a GPU, where some have no other, it warns.

    Args:
        seed: The seed, below 2**32.
        device: Where the computation runs.
    """
    if device.type == "cuda":
        # cuBLAS reads it once, at its first call; without it, deterministic algorithms are refused.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    # Its attribute is a property of the module's class, which type checkers do not see.
    kernels = torch.utils.deterministic
    fill = kernels.fill_uninitialized_memory  # type: ignore[attr-defined]
    python_state, numpy_state = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        seed_all(seed)
        torch.use_deterministic_algorithms(True, warn_only=device.type != "cpu")
        # Filling memory that is about to be written costs time and guards only against bugs in kernels.
        kernels.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
            kernels.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
            random.setstate(python_state)
            np.random.set_state(numpy_state)


def seed_all(seed: int) -> None:
    """Seed every random state.

    Args:
        seed: The seed, below 2**32.
    """
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def random_states() -> dict[str, Any]:
    """Return the state of everything random, of plain values and tensors alone; of GPUs, the own one's."""
    version, words, normal = random.getstate()
    name, keys, *rest = np.random.get_state(legacy=True)
    return {
        "python": [version, torch.tensor(words), normal],
        "numpy": [name, torch.from_numpy(np.asarray(keys, dtype=np.int64)), *rest],
        "torch": torch.get_rng_state(),
        "cuda": [torch.cuda.get_rng_state()] if torch.cuda.is_available() else [],
    }


def set_random_states(states: dict[str, Any]) -> None:
    """Set what :func:`random_states` returned."""
    version, words, normal = states["python"]
    name, keys, *rest = states["numpy"]
    random.setstate((version, tuple(words.tolist()), normal))
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(states["torch"])
    if states["cuda"]:
        torch.cuda.set_rng_state(states["cuda"][0])
