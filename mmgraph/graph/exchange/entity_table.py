"""The table of an entity type, from columns as other forms hold them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mmgraph.data.label_sets import read_label_set, write_label_set
from mmgraph.data.references import MULTI_LABEL
from mmgraph.data.task_spec import AnyTaskSpec, EntitiesTaskSpec, TaskSpec
from mmgraph.errors import Faults

PARTS = ("train", "validation", "test")


def entity_table(
    columns: pd.DataFrame, entity: str, tasks: Mapping[str, AnyTaskSpec], *, where: str, faults: Faults
) -> tuple[pd.DataFrame, TaskSpec | None]:
    """Return the node table of an entity type, and the task that its columns ``y`` and ``split`` make.

    Args:
        columns: ``id``; if they are there, ``title``, ``time``, ``training`` and, by task, ``target:<task>``
            and ``split:<task>``; or ``y`` and ``split`` for one task, called after the entity type: a
            classification for text and whole numbers, a regression for others. A missing cell is no label.
            Other columns are left out.
        entity: The entity type.
        tasks: The tasks that are known already.
        where: The place, for messages.
        faults: Told about ids, targets and splits that cannot be used.
    """
    # A table of no rows has columns of any type.
    ids = columns["id"].map(str).astype("str")
    if ids.duplicated().any():
        twin = ids[ids.duplicated()].iloc[0]
        faults.add(f"{where}.id", f"{twin!r} stands more than once", "Give each node an id of its own.")
    table: dict[str, pd.Series[Any]] = {"id": ids, "title": ids}
    if "title" in columns:
        table["title"] = _text(columns["title"]).fillna(ids)
    if "time" in columns:
        table["time"] = _times(columns["time"], f"{where}.time", faults)
    if "training" in columns:
        training = columns["training"]
        if not training.map(lambda value: isinstance(value, bool)).all():
            faults.add(f"{where}.training", "holds something else than true and false", "Mend it.")
            training = training.astype(bool)
        table["training"] = training.astype(bool)
    for name, task in tasks.items():
        if isinstance(task, EntitiesTaskSpec) and task.entity == entity:
            target = _column(columns, f"target:{name}")
            split = _column(columns, f"split:{name}")
            table[f"target:{name}"] = _target(target, task.kind, f"{where}.target:{name}", faults)
            table[f"split:{name}"] = _split(split, f"{where}.split:{name}", faults)
    own = None
    if entity not in tasks and {"y", "split"} <= set(columns):
        kind = "regression" if _has_fractions(columns["y"]) else "classification"
        own = TaskSpec(entity=entity, kind=kind, target="y", split="split", description="")
        table[f"target:{entity}"] = _target(columns["y"], kind, f"{where}.y", faults)
        table[f"split:{entity}"] = _split(columns["split"], f"{where}.split", faults)
    return pd.DataFrame({name: column.reset_index(drop=True) for name, column in table.items()}), own


def _column(columns: pd.DataFrame, name: str) -> pd.Series[Any]:
    """Return a column, or one of missing cells."""
    return columns[name] if name in columns else pd.Series([None] * len(columns), dtype=object)


def _has_fractions(values: pd.Series[Any]) -> bool:
    """Return whether a column holds numbers that are not all whole by type."""
    known = values.dropna()
    return len(known) > 0 and any(isinstance(value, float) for value in known)


def _text(values: pd.Series[Any]) -> pd.Series[Any]:
    return values.map(str, na_action="ignore").astype("str")


def _target(values: pd.Series[Any], kind: str, where: str, faults: Faults) -> pd.Series[Any]:
    """Return numbers for a regression, else text; missing where there is no label."""
    if kind == MULTI_LABEL:
        return _label_sets(values, where, faults)
    if kind != "regression":
        return _text(values)
    numbers = pd.to_numeric(values, errors="coerce").astype(float)
    wrong = values.notna() & (numbers.isna() | numbers.abs().eq(float("inf")))
    if wrong.any():
        first = values[wrong].iloc[0]
        faults.add(where, f"got {first!r}; wanted a finite number", "Mend it, or leave it out.")
    return numbers


def _label_sets(values: pd.Series[Any], where: str, faults: Faults) -> pd.Series[Any]:
    """Return sets of labels as text, from lists of them or from such text."""

    def as_text(value: Any) -> str | None:
        if isinstance(value, (list, tuple, np.ndarray)):
            return write_label_set(map(str, value))
        return None if pd.isna(value) else write_label_set(read_label_set(str(value)))

    try:
        return pd.Series([as_text(value) for value in values], index=values.index, dtype="str")
    except ValueError as error:
        faults.add(where, str(error), 'Give lists of labels, or such text: ["red", "round"].')
        return pd.Series([None] * len(values), index=values.index, dtype="str")


def _times(values: pd.Series[Any], where: str, faults: Faults) -> pd.Series[Any]:
    """Return numbers; missing for an entity that has joined the graph of late."""
    times = pd.to_numeric(values, errors="coerce").astype(float)
    wrong = values.notna() & times.isna()
    if wrong.any():
        got = values[wrong].iloc[0]
        faults.add(where, f"got {got!r}; wanted a number, when the entity comes into being", "Rename it.")
    return times


def _split(values: pd.Series[Any], where: str, faults: Faults) -> pd.Series[Any]:
    """Return the part of each entity; empty where it takes no part."""
    parts = _text(values).fillna("")
    wrong = ~parts.isin([*PARTS, ""])
    if wrong.any():
        got = parts[wrong].iloc[0]
        faults.add(where, f"got {got!r}; wanted {', '.join(PARTS)} or nothing", "Mend it.")
    return parts
