"""Too little memory for a training, told in its own terms."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from mmgraph.errors import RunError
from mmgraph.training.config import TrainConfig

_ALLOCATOR = ("can't allocate memory", "not enough memory", "Cannot allocate memory")
"""What the error of torch's allocator on the CPU says, which is a plain ``RuntimeError``."""


@contextlib.contextmanager
def memory_told(config: TrainConfig) -> Iterator[None]:
    """Make one error of all the kinds in which memory runs out, with what a step was to take and what helps.

    Args:
        config: The config, in which nothing is left open.

    Raises:
        RunError: If memory runs out.

    Example:
        >>> with memory_told(TrainConfig(batch_size=64, fanout=(15, 10))):
        ...     raise MemoryError
        Traceback (most recent call last):
        mmgraph.errors.RunError: memory ran out in a training with batch_size 64, fanout 15,10, \
hidden_channels 128 and precision 32. Set batch_size to 32, a shorter fanout, a smaller \
model.hidden_channels, or precision to bf16-mixed.
    """
    try:
        yield
    except (RuntimeError, MemoryError, OSError) as error:
        if not _is_out_of_memory(error):
            raise
        raise RunError(_told(config, str(error)), fix=_remedy(config)) from error


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return any(text in str(error) for text in _ALLOCATOR)


def _told(config: TrainConfig, detail: str) -> str:
    batch = f"batch_size {config.batch_size}" if config.batch_size else "the whole graph in each step"
    fanout = f", fanout {','.join(map(str, config.fanout))}" if config.fanout else ""
    reason = f" ({detail.partition(chr(10))[0]})" if detail else ""
    return (
        f"memory ran out in a training with {batch}{fanout}, hidden_channels {config.model.hidden_channels} "
        f"and precision {config.precision}{reason}"
    )


def _remedy(config: TrainConfig) -> str:
    size = max((config.batch_size or 2048) // 2, 1)
    shorter = ", a shorter fanout" if config.fanout else ""
    half = ", or precision to bf16-mixed" if config.precision == "32" else ""
    return f"Set batch_size to {size}{shorter}, a smaller model.hidden_channels{half}."
