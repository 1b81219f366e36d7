"""The one error for items that cannot be read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mmgraph.data.columns import shorten
from mmgraph.data.entity_table import EntityTable
from mmgraph.data.modalities import RawModality
from mmgraph.data.pairs import Pair
from mmgraph.data.regions import Regions
from mmgraph.errors import DataError

_SHOWN = 5
_SEVERAL_CELLS = ("pair", "regions")


class BrokenItemsError(DataError):
    """Some of the items that were to be described cannot be read."""

    problems: Mapping[int, str] = {}
    """What is wrong, by the position of the item among those that were to be described."""


def item_name(raw: RawModality, position: int) -> str:
    """Return how messages name an item: a file by its path, all else by its content, cut short.

    Args:
        raw: All items.
        position: The position of the item among them.
    """
    values: Any = raw.values
    item = values.iloc[position].to_dict() if isinstance(values, pd.DataFrame) else values[position]
    return str(item) if isinstance(item, Path) else shorten(item)


def unopened(raw: RawModality) -> dict[int, str]:
    """Return what is wrong with items whose files cannot be opened, by their positions.

    Args:
        raw: All items.
    """
    values: Any = raw.values
    found = {}
    for position, value in enumerate(values):
        for path in _files_of(value):
            try:
                path.open("rb").close()
            except OSError as error:
                found[position] = f"cannot be opened: {error.strerror or error}"
    return found


def _files_of(value: Any) -> list[Path]:
    if isinstance(value, Pair):
        return [*_files_of(value.first), *_files_of(value.second)]
    return [value.path] if isinstance(value, Regions) else [value] if isinstance(value, Path) else []


def broken_items(
    problems: Mapping[int, str], raw: RawModality, table: EntityTable | None = None
) -> BrokenItemsError:
    """Return one error for all items that cannot be read; it names the first few and counts them all.

    Args:
        problems: What is wrong, by the position of the item; at least one.
        raw: All items.
        table: The table of the entities, in whose order items are named then, each with its row.
    """
    values: Any = raw.values
    rows = {at: int(raw.index[at]) for at in sorted(problems)}
    if table:
        rows = dict(sorted(rows.items(), key=lambda item: table.row_number(item[1])))
    told = [
        (f"{values[at]}{f', {table.row_name(row)}' if table else ''}", problems[at])
        for at, row in rows.items()
    ]
    where, problem = told[0]
    what = "pairs" if raw.kind == "pair" else f"{raw.kind} files"
    if len(told) > 1:
        others = "; ".join(f"{place}: {text}" for place, text in told[1:_SHOWN])
        more = f"; and {len(problems) - _SHOWN:,} more" if len(problems) > _SHOWN else ""
        problem += f" ({len(problems):,} of {len(raw):,} {what} cannot be used, also {others}{more})"
    fix = (
        "Mend or replace the file, leave its cell in the table empty, or set on_error: skip for the modality."
    )
    if raw.kind in _SEVERAL_CELLS:
        fix = "Mend or replace it, or leave one of its cells in the table empty."
    error = BrokenItemsError(problem, where=where, fix=fix)
    error.problems = problems
    return error
