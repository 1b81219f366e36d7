"""Which of this machine's devices a name stands for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mmgraph.errors import ConfigError

if TYPE_CHECKING:
    import torch


def choose_device(name: str) -> torch.device:
    """Return the device that ``auto``, ``cpu``, ``cuda`` or ``cuda:1`` stands for.

    Raises:
        ConfigError: If it is another name, or there is no such device.
    """
    import torch

    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise ConfigError(
            f"got {name!r}; wanted auto, cpu, cuda, or one of several such as cuda:1",
            where="device",
            fix="Write one of these.",
        )
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        why = "is a build without CUDA" if torch.version.cuda is None else "finds no GPU or no driver"
        raise ConfigError(
            f"got {name}, but torch {torch.__version__} {why}; there is the cpu alone",
            where="device",
            fix="Set the device to cpu or auto, or install a build of torch for your GPU (pytorch.org).",
        )
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        there = [f"cuda:{n} ({torch.cuda.get_device_name(n)})" for n in range(torch.cuda.device_count())]
        raise ConfigError(
            f"got {name}, which is not there", where="device", fix=f"There are: {', '.join(there)}."
        )
    return device
