"""Descriptions as an encoder makes them, and as it says that they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmgraph.counted import counted
from mmgraph.data.modalities import RawModality
from mmgraph.encoders.broken_items import item_name
from mmgraph.encoders.encoder import Encoder
from mmgraph.encoders.ragged import Ragged
from mmgraph.errors import DataError
from mmgraph.progress import Progress


def description_of(encoder: Encoder[Any, Any], raw: RawModality, progress: Progress) -> Any:
    """Return what an encoder makes of items: a description of each, with several rows where it says so.

    What is not cached may be anything that the encoder itself reads.

    Args:
        encoder: The encoder, which may be a user's own.
        raw: The items.
        progress: Told about every item.

    Raises:
        DataError: If an item cannot be read, has no row, or if there are not as many descriptions as items.
    """
    described = encoder.describe(raw, progress)
    where = type(encoder).__name__
    several = isinstance(described, Ragged)
    num_items = len(described) if isinstance(described, Ragged | np.ndarray) else len(raw)
    if several is not encoder.several or num_items != len(raw):
        came, wanted = _rows_of(several, num_items), _rows_of(encoder.several, len(raw))
        raise DataError(
            f"got {came}; wanted {wanted}",
            where=where,
            fix="Mend the encoder's describe, or what its property several says.",
        )
    if isinstance(described, Ragged) and (described.lengths < 1).any():
        first = int(described.lengths.argmin())
        raise DataError(
            f"got no row for {item_name(raw, first)}; wanted at least one for each item",
            where=where,
            fix="Mend the encoder's describe: of an item with nothing in it, let it give a row of zeros.",
        )
    return described


def _rows_of(several: bool, num_items: int) -> str:
    return f"{'several rows' if several else 'one row'} for each of {counted(num_items, 'item')}"
