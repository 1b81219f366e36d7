"""The one error for items that cannot be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mmgraph.data.modalities import RawModality
from mmgraph.errors import DataError

_SHOWN = 5

Problem = tuple[str, str]
"""The place of an item, and what is wrong with it."""


class BrokenItemsError(DataError):
    """Some of the items that were to be described cannot be read."""

    problems: Mapping[int, Problem] = {}
    """What is wrong, by the position of the item among those that were to be described."""


def broken_items(problems: Sequence[Problem], raw: RawModality) -> BrokenItemsError:
    """Return one error for all items that cannot be read; it names the first few and counts them all.

    Args:
        problems: At least one.
        raw: All items.
    """
    where, problem = problems[0]
    if len(problems) > 1:
        others = "; ".join(f"{place}: {text}" for place, text in problems[1:_SHOWN])
        more = f"; and {len(problems) - _SHOWN:,} more" if len(problems) > _SHOWN else ""
        problem += (
            f" ({len(problems):,} of {len(raw):,} {raw.kind} files cannot be used, also {others}{more})"
        )
    return BrokenItemsError(
        problem,
        where=where,
        fix="Mend or replace the file, leave its cell in the table empty, or set on_error: skip for the "
        "modality.",
    )
