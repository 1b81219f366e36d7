"""What all processes of a training make of a batch, for losses in which rows stand against each other."""

from __future__ import annotations

import contextlib
import contextvars
import itertools
from collections.abc import Iterator, Sequence

import torch
import torch.distributed as dist
from torch import Tensor

_ALONE = contextvars.ContextVar("alone", default=False)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Let nobody else be asked for their part within the block: it is one that they do not come to.

    Example:
        >>> with alone():
        ...     [part.tolist() for part in gather(torch.tensor([1, 2]))]
        [[1, 2]]
    """
    token = _ALONE.set(True)
    try:
        yield
    finally:
        _ALONE.reset(token)


def gather(own: Tensor) -> list[Tensor]:
    """Return what each process has, in the order of their numbers; only this one's part has gradients.

    All processes call it, also one that has no rows; but not one that is :func:`alone`. Where each takes the
    gradient of one and the same loss of all parts by its own, the sum of their gradients is that of the loss:
    how CLIP is trained (`Radford et al. 2021 <https://arxiv.org/abs/2103.00020>`_), without sending
    gradients.

    Args:
        own: The rows of this process, [R, ...], of which the others may have more or fewer.

    Example:
        >>> [part.tolist() for part in gather(torch.tensor([1, 2]))]  # of a process that is alone
        [[1, 2]]
    """
    if _ALONE.get() or not dist.is_available() or not dist.is_initialized() or dist.get_world_size() == 1:
        return [own]
    size = dist.get_world_size()
    counts = [torch.zeros(1, dtype=torch.int64, device=own.device) for _ in range(size)]
    dist.all_gather(counts, torch.tensor([len(own)], device=own.device))
    most = max(int(count) for count in counts)
    padded = own.new_zeros(most, *own.shape[1:])
    padded[: len(own)] = own.detach()
    found = [torch.empty_like(padded) for _ in range(size)]
    dist.all_gather(found, padded)
    parts = [part[: int(count)] for part, count in zip(found, counts, strict=True)]
    parts[dist.get_rank()] = own
    return parts


def gather_pairs(own: Tensor, sizes: Sequence[int]) -> Tensor:
    """Return pairs of rows of all processes by their places among all rows, int64 [2, S].

    Args:
        own: Pairs of rows of this process, int64 [2, P].
        sizes: How many rows each process has, in the order of their numbers.
    """
    first = itertools.accumulate(sizes, initial=0)
    return torch.cat([part.T + begin for part, begin in zip(gather(own.T), first, strict=False)], dim=1)


def as_share(loss: Tensor, own: int, total: int) -> Tensor:
    """Return the loss of all rows of all processes with the gradient that stands for a process's own rows.

    What a process has of a batch is weighed by its share of the rows, as if its loss were a mean over these
    alone; a gradient that is already that of the whole must not be made smaller.

    Args:
        loss: The same in all processes, a scalar.
        own: How many rows this process has, at least one.
        total: How many all have.
    """
    return loss.detach() + (loss - loss.detach()) * (total / own)
