"""Memory that runs out, told in terms of what was going on."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

import torch

from mmgraph.errors import RunError
from mmgraph.models.fanout import write_fanout
from mmgraph.training.config import USUAL_BATCH_SIZE, TrainConfig

_ALLOCATOR = ("can't allocate memory", "not enough memory", "Cannot allocate memory")
"""What the error of torch's allocator on the CPU says, which is a plain ``RuntimeError``."""


@contextlib.contextmanager
def memory_told(doing: str, *, fix: str) -> Iterator[None]:
    """Make one error of all the kinds in which memory runs out. It serves as a decorator too.

    Where one such block is inside another, the inner one tells, which knows more.

    Args:
        doing: What was going on, and what it holds.
        fix: What helps.

    Raises:
        RunError: If memory runs out.

    Example:
        >>> with memory_told("while 3 vectors were written", fix="Write fewer."):
        ...     raise MemoryError
        Traceback (most recent call last):
        mmgraph.errors.RunError: memory ran out while 3 vectors were written. Write fewer.
    """
    try:
        yield
    except (RuntimeError, MemoryError, OSError) as error:
        if not _is_out_of_memory(error):
            raise
        reason = f" ({detail.partition(chr(10))[0]})" if (detail := str(error)) else ""
        raise RunError(f"memory ran out {doing}{reason}", fix=fix) from error


def training_told(
    config: TrainConfig, device: torch.device, *, tuned: bool = False
) -> contextlib.AbstractContextManager[None]:
    """Return :func:`memory_told` for a training: with what a step was to take, and what makes that less.

    Args:
        config: The config, in which nothing is left open.
        device: Where steps are taken.
        tuned: Whether pre-trained encoders are trained as well.

    Example:
        >>> with training_told(TrainConfig(batch_size=64, fanout=(15, 10)), torch.device("cuda")):
        ...     raise MemoryError
        Traceback (most recent call last):
        mmgraph.errors.RunError: memory ran out in a training with batch_size 64, fanout 15,10, \
hidden_channels 128 and precision 32. Try batch_size 32 (with accumulate 2 for the same steps), a shorter \
fanout, a smaller model.hidden_channels, precision bf16-mixed.
    """
    taken = [f"hidden_channels {config.model.hidden_channels} and precision {config.precision}"]
    if config.fanout:
        taken.insert(0, f"fanout {write_fanout(config.fanout)}")
    if tuned:
        taken.insert(0, f"encoders.batch_size {config.encoders.batch_size}")
    taken.insert(
        0, f"batch_size {config.batch_size}" if config.batch_size else "the whole graph in each step"
    )
    return memory_told(
        f"in a training with {', '.join(taken)}", fix=f"Try {', '.join(_smaller(config, device, tuned))}."
    )


def measuring_told(part: str, at_a_time: int, channels: int) -> contextlib.AbstractContextManager[None]:
    """Return :func:`memory_told` for a model that is passed in parts.

    Args:
        part: How many of what are passed at a time, e.g. ``4,096 nodes``.
        at_a_time: How many these are.
        channels: The width of their states.
    """
    fewer = at_a_time // 2
    return memory_told(
        f"while {part} at a time passed the model with all of their neighbours, in "
        f"hidden_channels {channels}",
        fix=f"Set eval_batch_size to {fewer} (for a run: --eval-batch-size {fewer}); the result is the same."
        if fewer
        else "Train with a smaller model.hidden_channels or fewer layers.",
    )


def _smaller(config: TrainConfig, device: torch.device, tuned: bool) -> list[str]:
    changes = []
    if not config.batch_size:
        changes.append(f"batch_size {USUAL_BATCH_SIZE}")
    elif config.batch_size > 1:
        joined = f"with accumulate {2 * config.accumulate} for the same steps"
        changes.append(f"batch_size {config.batch_size // 2} ({joined})")
    if config.fanout:
        changes.append("a shorter fanout")
    if tuned and config.encoders.batch_size > 1:
        changes.append(f"encoders.batch_size {config.encoders.batch_size // 2}")
    if tuned and config.encoders.trainable != "lora":
        changes.append("encoders.trainable lora")
    changes.append("a smaller model.hidden_channels")
    # On the CPU it is float32 of which networks keep nothing in between.
    if device.type != "cpu" and config.precision == "32":
        changes.append("precision bf16-mixed")
    if device.type == "cpu" and config.precision != "32" and not tuned:
        changes.append("precision 32")
    return changes


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    return any(text in str(error) for text in _ALLOCATOR)
