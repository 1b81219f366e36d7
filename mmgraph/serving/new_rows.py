"""New entities as somebody gives them: rows, a table or a folder, as a dataset that joins a graph's."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from mmgraph.counted import agreed, counted
from mmgraph.data.columns import pick
from mmgraph.data.dataset import Dataset
from mmgraph.data.entity_table import check_entity_table
from mmgraph.data.modality_spec import (
    FeaturesModality,
    Modality,
    PairModality,
    RegionsModality,
    TabularModality,
)
from mmgraph.data.spec import DatasetSpec
from mmgraph.data.tables import read_table, rows_table
from mmgraph.errors import ConfigError, DataError, Faults
from mmgraph.graph import Graph
from mmgraph.graph.attach import new_entities, spec_of_new
from mmgraph.progress import Progress

NewEntities: TypeAlias = "pd.DataFrame | Sequence[Mapping[str, Any]] | str | Path"
"""Rows, a table's file, or a folder in the form of the graph's dataset."""

_ROWS = "rows"


def read_new(
    graph: Graph,
    entities: NewEntities,
    *,
    entity: str,
    folder: str | Path | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Return new entities as a dataset that joins a graph's.

    Args:
        graph: The graph as the task sees it.
        entities: Rows, as a table or as mappings from columns to values; the file of a table; or a folder
            with tables under the names that the graph's dataset gives them, for several entity types.
        entity: The entity type of rows and of a single table.
        folder: Where the files are that rows name, and the tables of relations; for a table by default its
            own folder, for rows the current one.
        progress: Told of columns that nothing reads.

    Raises:
        DataError: If a table has no rows, or ids are missing or stand twice, or a column seems misspelt.
        GraphError: If the graph was not built from a dataset.
        ConfigError: If there is nothing at a path.
    """
    progress = progress or Progress(quiet=True)
    if isinstance(entities, (str, Path)):
        path = Path(entities)
        if path.is_dir():
            return new_entities(graph, path)
        if not path.exists():
            raise ConfigError(
                "there is no such file or folder",
                where=str(path),
                fix="Give a table of new entities, or a folder of tables.",
            )
        frame, name, place = read_table(path), str(path), Path(folder or path.parent)
    else:
        frame, name, place = _table_of(entities), _ROWS, Path(folder or ".")
    spec = spec_of_new(graph)
    if spec.entities[entity].table is None:
        raise DataError(
            f"got rows of {entity!r}, which are values of a column and have no table",
            where=name,
            fix="Give entities of another type.",
        )
    # Before columns are added, which would be offered in its place.
    pick(frame, spec.entities[entity].id, file=name, where=f"graph {graph.name}: entities.{entity}.id")
    whole = _with_all_columns(frame.reset_index(drop=True), graph, spec, entity, name, progress)
    where = f"graph {graph.name}: entities.{entity}"
    table = check_entity_table(whole, spec.entities[entity], file=name, where=where)
    return Dataset(spec, place, additional=True, tables={entity: table})


def _table_of(rows: pd.DataFrame | Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as a table whose columns differ.

    Raises:
        DataError: If they are no rows, or two columns have one name.
    """
    if isinstance(rows, pd.DataFrame):
        twice = rows.columns[rows.columns.duplicated()]
        if len(twice):
            raise DataError(
                f"the table has two columns {str(twice[0])!r}",
                where=_ROWS,
                fix="Rename or remove one.",
            )
        return rows
    if isinstance(rows, Mapping) or not all(isinstance(row, Mapping) for row in rows):
        raise DataError(
            "got something else than rows; wanted a table, or a list of mappings from columns to values",
            where=_ROWS,
            fix="Write e.g. [{'id': 'new1', 'title': 'a'}], also for one entity.",
        )
    return rows_table(rows)


def _with_all_columns(
    frame: pd.DataFrame, graph: Graph, spec: DatasetSpec, entity: str, file: str, progress: Progress
) -> pd.DataFrame:
    """Return a table with an empty column for each that could be read and is not there."""
    described = spec.entities[entity]
    modal = _modality_columns(graph, spec, entity)
    related = set(_column_names(graph))
    hidden = {column for modality in described.modalities.values() for column in columns_of(modality)}
    unread = unread_columns(frame.columns, graph, spec, entity)
    faults = Faults()
    for name in unread:
        absent = [column for column in modal if column not in frame.columns]
        near = difflib.get_close_matches(name, absent, n=1, cutoff=0.75)
        if near:
            faults.add(file, f"got the column {name!r}, which nothing reads", f"Did you mean {near[0]!r}?")
    faults.raise_if_any(DataError)
    if unread:
        progress.say(
            f"{file}: {counted(len(unread), 'column')} {agreed(len(unread), 'is', 'are')} read by nothing: "
            f"{', '.join(unread)}"
        )
    wanted = [name for name in (described.title, *modal, *related, *hidden) if name]
    new = list(dict.fromkeys(name for name in wanted if name not in frame.columns))
    empty = pd.DataFrame(None, index=frame.index, columns=new, dtype=object)
    return pd.concat([frame, empty], axis=1) if new else frame


def unread_columns(columns: Iterable[Any], graph: Graph, spec: DatasetSpec, entity: str) -> list[str]:
    """Return those of some columns of new entities that no part of a graph is read from."""
    described = spec.entities[entity]
    hidden = {column for modality in described.modalities.values() for column in columns_of(modality)}
    targets = {task.target for task in graph.entity_tasks.values() if task.entity == entity}
    read = {described.id, described.title, *_column_names(graph), *hidden, *targets}
    return [str(name) for name in columns if name not in read]


def _modality_columns(graph: Graph, spec: DatasetSpec, entity: str) -> list[str]:
    """Return the columns that modalities of the graph are read from."""
    there = {t.modality for t in graph.schema.node_types if t.entity == entity and t.modality is not None}
    named = {name: m for name, m in spec.entities[entity].modalities.items() if name in there}
    return [column for modality in named.values() for column in columns_of(modality)]


def columns_of(modality: Modality) -> list[str]:
    """Return the columns of the entity table that a modality is read from; those of a pair are its parts'."""
    if isinstance(modality, PairModality):
        return []
    if isinstance(modality, RegionsModality):
        return [modality.column, modality.boxes]
    if isinstance(modality, FeaturesModality):
        return [] if modality.present is None else [modality.present]
    return list(modality.columns) if isinstance(modality, TabularModality) else [modality.column]


def _column_names(graph: Graph) -> Iterator[str]:
    """Yield whatever may be the name of a column among the parameters of the graph's relations."""
    for relation in graph.manifest.get("relations", {}).values():
        for value in relation["parameters"].values():
            yield from [value] if isinstance(value, str) else []
            yield from (part for part in value if isinstance(part, str)) if isinstance(value, list) else []
