"""Too little memory for a training, told in its own terms."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from mmgraph.errors import RunError
from mmgraph.models.fanout import write_fanout
from mmgraph.training.batching import USUAL_BATCH_SIZE
from mmgraph.training.config import TrainConfig

_ALLOCATOR = ("can't allocate memory", "not enough memory", "Cannot allocate memory")
"""What the error of torch's allocator on the CPU says, which is a plain ``RuntimeError``."""


@contextlib.contextmanager
def memory_told(config: TrainConfig) -> Iterator[None]:
    """Make one error of all the kinds in which memory runs out, with what a step was to take and what helps.

    Args:
        config: The config; what it leaves open is not told.

    Raises:
        RunError: If memory runs out.

    Example:
        >>> with memory_told(TrainConfig(batch_size=64, fanout=(15, 10))):
        ...     raise MemoryError
        Traceback (most recent call last):
        mmgraph.errors.RunError: memory ran out in a training with batch_size 64, fanout 15,10, \
hidden_channels 128 and precision 32. Try batch_size 32 (with accumulate 2 for the same steps), a shorter \
fanout, a smaller model.hidden_channels, precision bf16-mixed.
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
    taken = [f"hidden_channels {config.model.hidden_channels} and precision {config.precision}"]
    if config.fanout:
        taken.insert(0, f"fanout {write_fanout(config.fanout)}")
    if config.batch_size is not None:
        size = f"batch_size {config.batch_size}" if config.batch_size else "the whole graph in each step"
        taken.insert(0, size)
    reason = f" ({detail.partition(chr(10))[0]})" if detail else ""
    return f"memory ran out in a training with {', '.join(taken)}{reason}"


def _remedy(config: TrainConfig) -> str:
    changes = []
    if config.batch_size == 0:
        changes.append(f"batch_size {USUAL_BATCH_SIZE}")
    elif config.batch_size is not None and config.batch_size > 1:
        joined = f"with accumulate {2 * config.accumulate} for the same steps"
        changes.append(f"batch_size {config.batch_size // 2} ({joined})")
    if config.fanout:
        changes.append("a shorter fanout")
    changes.append("a smaller model.hidden_channels")
    if config.precision == "32":
        changes.append("precision bf16-mixed")
    return f"Try {', '.join(changes)}."
