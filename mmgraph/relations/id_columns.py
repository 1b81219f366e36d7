"""Columns that name entities by their ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmgraph.data.columns import Column, shorten
from mmgraph.errors import Faults, did_you_mean
from mmgraph.relations.spans import Positions

Unknown = Literal["error", "skip"]
"""What to do with an id that no entity has."""


def positions_of(
    column: Column,
    known: Sequence[str] | NDArray[np.object_],
    *,
    entity: str,
    unknown: Unknown,
    faults: Faults,
    empty_is_unknown: bool = True,
) -> Positions:
    """Return the position of the entity that each cell names, -1 where it names none, int64 [N].

    Args:
        column: The column.
        known: The ids of the entities.
        entity: Their entity type, for messages.
        unknown: ``error`` to note a fault for ids that nobody has.
        faults: Where to note it.
        empty_is_unknown: Whether an empty cell counts among those.

    Raises:
        DataError: If a cell is neither text nor a whole number.
    """
    ids = column.id_texts()
    index = pd.Index(np.asarray(known, dtype=object), dtype=object)
    rows: Positions = index.get_indexer(pd.Index(ids, dtype=object)).astype(np.int64)
    wrong = np.flatnonzero((rows < 0) & (empty_is_unknown | ~column.missing))
    if len(wrong) and unknown == "error":
        wrong = column.in_file(wrong)
        first = ids[wrong[0]]
        near = "" if first is None else did_you_mean(first, list(known))
        # Where nothing is near, did_you_mean lists all that there is: no help with thousands of ids.
        near = f"{near} " if near.startswith("Did you mean") else ""
        came = "an empty cell" if first is None else shorten(first)
        faults.add(
            column.place(int(wrong[0])),
            f"got {came}; wanted an id of the type {entity!r}{column.also(wrong)}",
            f"{near}Mend the rows, or set unknown to skip.",
        )
    return rows
