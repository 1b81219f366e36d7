"""The description of items by others, part by part, with the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mmgraph.data.modalities import RawModality
from mmgraph.elsewhere import PARTS_A_WORKER, Elsewhere
from mmgraph.encoders.encoder import Encoder
from mmgraph.progress import Progress


def describe_elsewhere(
    encoder: Encoder[Any, Any], raw: RawModality, elsewhere: Elsewhere, progress: Progress
) -> npt.NDArray[Any]:
    """Return the description of each item, [M, ...], as the encoder itself would make it.

    Args:
        encoder: An encoder whose descriptions are arrays.
        raw: The items; their files are where all see them.
        elsewhere: Who describes them.
        progress: Told about every part.

    Raises:
        DataError: If items cannot be read.
        MissingDependencyError: If an optional library is needed and not installed.
    """
    order, together = encoder.order(raw), encoder.together
    batches = -(-len(order) // together)
    size = -(-batches // (PARTS_A_WORKER * elsewhere.number)) * together
    rows = [order[start : start + size] for start in range(0, len(order), size)]
    with progress.job(f"describe {raw.kind}", total=len(raw)) as advance:
        described = elsewhere.do(
            _describe, encoder, [raw.take(some) for some in rows], lambda part: advance(len(rows[part]))
        )
    result = np.empty((len(raw), *described[0].shape[1:]), dtype=described[0].dtype)
    for some, part in zip(rows, described, strict=True):
        result[some] = part
    return result


def _describe(encoder: Encoder[Any, Any], raw: RawModality) -> Any:
    return encoder.describe(raw, Progress(quiet=True))
