"""The description of items by others, part by part, with the same bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mmgraph.data.modalities import RawModality
from mmgraph.elsewhere import PARTS_A_WORKER, Elsewhere
from mmgraph.encoders.broken_items import BrokenItemsError, broken_items
from mmgraph.encoders.build import encoder_name
from mmgraph.encoders.description_of import description_of
from mmgraph.encoders.descriptions import require_one_shape
from mmgraph.encoders.encoder import Encoder
from mmgraph.encoders.placement import Placement, placed, placement
from mmgraph.encoders.ragged import Ragged
from mmgraph.progress import Progress


def describe_elsewhere(
    encoder: Encoder[Any, Any], raw: RawModality, elsewhere: Elsewhere, progress: Progress
) -> npt.NDArray[Any] | Ragged:
    """Return the description of each item, [M, ...], as the encoder itself would make it.

    Args:
        encoder: An encoder whose descriptions are arrays.
        raw: The items; their files are where all see them.
        elsewhere: Who describes them.
        progress: Told about every part.

    Raises:
        DataError: If items cannot be read; it tells which, as the encoder itself does.
        MissingDependencyError: If an optional library is needed and not installed.
    """
    size = -(-len(raw) // (PARTS_A_WORKER * elsewhere.number))
    rows = np.split(np.arange(len(raw)), range(size, len(raw), size))
    with progress.job(f"describe {raw.kind}", total=len(raw)) as advance:
        described = elsewhere.do(
            _describe,
            (encoder, placement()),
            [raw.take(some) for some in rows],
            lambda part: advance(len(rows[part])),
        )
    problems = {
        int(rows[part][position]): problem
        for part, found in enumerate(described)
        if isinstance(found, _Broken)
        for position, problem in found.problems.items()
    }
    if problems:
        raise broken_items(problems, raw)
    require_one_shape(described, f"encoder {encoder_name(encoder)}")
    if encoder.several:
        return Ragged.of([part for parts in described for part in parts])
    result: npt.NDArray[Any] = np.concatenate(described)
    return result


def _describe(common: tuple[Encoder[Any, Any], Placement], raw: RawModality) -> Any:
    encoder, where = common
    try:
        with placed(where):
            return description_of(encoder, raw, Progress(quiet=True))
    except BrokenItemsError as error:
        if not error.problems:
            raise
        return _Broken(error.problems)


@dataclass(frozen=True)
class _Broken:
    """What is wrong with items of a part, by their positions in it; an error would not come back whole."""

    problems: Mapping[int, str]
