"""Batches whose shape follows from each text alone, so that its vector does not depend on the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mmgraph.encoders.placement import Placement
from mmgraph.encoders.ragged import Ragged
from mmgraph.progress import Progress
from mmgraph.worker_threads import for_each_on_single_cores

Ids = npt.NDArray[np.int64]

_STEPS = ((8, 2), (16, 4), (64, 8), (128, 16), (256, 32))
"""Up to which width they go by which steps; beyond, by 64."""

_TOKENS = 384
"""The most tokens of a batch of several texts: a product of matrices of so many rows is nearly as fast as one
of more, and a single text, or the last ones of a width, pay for a whole batch."""

_TOKENS_ON_GPU = 1 << 14
"""The most there, where larger products are faster still."""


def token_batches(
    ids: Sequence[Sequence[int]],
    *,
    batch_size: int,
    pad: int,
    most: int,
    together: int = _TOKENS,
    padded: bool = True,
) -> Iterator[tuple[Ids, Ids, Ids]]:
    """Yield the positions of some texts, int64 [B], with their tokens and their mask, both int64 [rows, L].

    How a product of matrices adds up depends on its shape. So the length of a text alone decides the width of
    its batch, and the number of rows: texts that are there already fill those that are left. Wide batches
    have fewer rows, so that few are filled. The longest come first, so that a batch for which there is no
    memory fails at once.

    Args:
        ids: The token ids of each text, at least one.
        batch_size: The most rows.
        pad: The token that stands behind the last one of a text.
        most: The most tokens that the model reads.
        together: The most tokens of a batch of several texts.
        padded: Whether texts of about equally many tokens may share a batch; if not, of equally many.

    Example:
        >>> batches = token_batches([[5, 6], [7] * 9, [8]], batch_size=2, pad=0, most=12)
        >>> [(rows.tolist(), tokens.shape) for rows, tokens, _ in batches]
        [([1], (2, 12)), ([0, 2], (2, 2))]
    """
    widths = np.array(
        [min(width_of(len(row)), max(most, len(row))) if padded else len(row) for row in ids], dtype=np.int64
    )
    order = np.argsort(-widths, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(widths[order])) + 1):
        width = int(widths[group[0]])
        rows = rows_of(width, batch_size, together)
        for start in range(0, len(group), rows):
            batch = group[start : start + rows]
            filled = np.resize(batch, rows) if len(batch) < rows else batch
            tokens = np.full((rows, width), pad, dtype=np.int64)
            mask = np.zeros_like(tokens)
            for line, row in enumerate(filled):
                tokens[line, : len(ids[row])] = ids[row]
                mask[line, : len(ids[row])] = 1
            yield batch, tokens, mask


def width_of(length: int) -> int:
    """Return the width of the batches that a text of some tokens goes into.

    Example:
        >>> [width_of(length) for length in (3, 9, 60, 65, 140, 300)]
        [4, 12, 64, 80, 160, 320]
    """
    step = next((step for most, step in _STEPS if length <= most), 64)
    return -(-length // step) * step


def rows_of(width: int, batch_size: int, together: int = _TOKENS) -> int:
    """Return how many rows the batches of a width have.

    Example:
        >>> [rows_of(width, 16) for width in (8, 48, 64, 600)]
        [16, 8, 6, 1]
    """
    return min(batch_size, max(together // max(width, 1), 1))


def describe_tokens(
    ids: Sequence[Sequence[int]],
    vectors_of: Callable[[Any, Any], Any],
    *,
    batch_size: int,
    pad: int,
    most: int,
    where: Placement,
    padded: bool = True,
    progress: Progress,
) -> Any:
    """Return what a model makes of texts, float32 [M, D], or of each of their tokens, a `Ragged`.

    Each batch is computed by one thread, and as many at a time as torch uses threads: the products of
    matrices are too small for two threads to share one well, and what one thread adds up does not depend on
    how many cores there are. On a GPU they follow each other.

    Args:
        ids: The token ids of each text, at least one.
        vectors_of: Takes tokens and mask, int64 tensors [B, L], and returns vectors, a tensor [B, D], or
            those of all tokens, [B, L, D]; called from several threads at a time.
        batch_size: Texts at a time, at most.
        pad: The token that stands behind the last one of a text.
        most: The most tokens that the model reads.
        where: Where the model is.
        padded: Whether padding may stand behind texts.
        progress: Told about every batch.
    """
    import torch

    batches = token_batches(
        ids,
        batch_size=batch_size,
        pad=pad,
        most=most,
        together=_TOKENS if where.on_cpu else _TOKENS_ON_GPU,
        padded=padded,
    )
    rows: dict[int, npt.NDArray[np.float32]] = {}
    telling = threading.Lock()

    def describe(texts: tuple[Ids, Ids, Ids]) -> None:
        batch, tokens, mask = texts
        vectors = where.computed(vectors_of, torch.from_numpy(tokens), torch.from_numpy(mask)).numpy()
        for row, vector in zip(batch.tolist(), vectors, strict=False):
            # A copy lets go of the batch, most of which may be padding.
            rows[row] = vector if vector.ndim == 1 else vector[: len(ids[row])].copy()
        with telling:
            advance(len(batch))

    with progress.job("encode text", total=len(ids)) as advance:
        if where.on_cpu:
            for_each_on_single_cores(batches, describe)
        else:
            for batch in batches:
                describe(batch)
    parts = [rows[row] for row in range(len(ids))]
    return np.stack(parts) if parts[0].ndim == 1 else Ragged.of(parts)
