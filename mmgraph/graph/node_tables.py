"""The tables of a graph's nodes: ids, titles, targets and splits of entities; previews of modalities."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from mmgraph.data.dataset import Dataset
from mmgraph.data.entity_table import text_series
from mmgraph.data.label_sets import label_sets
from mmgraph.data.task_spec import MultiLabelTaskSpec, PairTaskSpec, PretrainingTaskSpec
from mmgraph.errors import DataError, Faults, MMGraphError
from mmgraph.graph.nodes import NodeFactory
from mmgraph.graph.preview import previews
from mmgraph.progress import Progress


def entity_tables(dataset: Dataset, entities: Iterable[str]) -> dict[str, pd.DataFrame]:
    """Return the tables of entity types.

    Returns:
        By entity type: N rows with ``id``, ``title``, where entities have times ``time`` (float64),
        ``training`` (whether no split holds the entity out), and for every task of the entity type
        ``target:<task>`` (numbers for a regression, else text, for several labels a JSON list; missing where
        unlabelled; of a task that asks for no column the id, of two modalities missing where one of them is)
        and ``split:<task>`` (``train``, ``validation``, ``test`` or empty).

    Raises:
        DataError: With all faults of all columns of times and targets.
    """
    faults = Faults()
    tables = {}
    for entity in entities:
        ids = text_series(dataset.id_text(entity))
        titled = dataset.spec.entities[entity].title is not None
        columns = {"id": ids, "title": pd.Series(dataset.titles(entity), dtype="str") if titled else ids}
        try:
            times = dataset.times(entity)
            if times is not None:
                columns["time"] = pd.Series(times)
            columns["training"] = pd.Series(dataset.training_rows(entity))
        except MMGraphError as error:
            faults.extend(error)
        for task, spec in dataset.spec.entity_tasks.items():
            if spec.entity == entity:
                try:
                    columns[f"target:{task}"] = _target(dataset, task)
                    columns[f"split:{task}"] = pd.Series(dataset.split(spec.split), dtype="str")
                except MMGraphError as error:
                    faults.extend(error)
        for task, untargeted in dataset.spec.untargeted_tasks.items():
            if untargeted.entity == entity:
                try:
                    columns[f"target:{task}"] = _asked_for(dataset, untargeted, ids)
                    columns[f"split:{task}"] = pd.Series(dataset.split(untargeted.split), dtype="str")
                except MMGraphError as error:
                    faults.extend(error)
        tables[entity] = pd.DataFrame(columns)
    faults.raise_if_any(DataError)
    return tables


def _target(dataset: Dataset, task: str) -> pd.Series:
    """Return the answers of a task; CSV cells are text, so what they are depends on the task."""
    spec = dataset.spec.entity_tasks[task]
    table = dataset.entity_table(spec.entity)
    column = table.column(spec.target, where=f"{dataset.file}: tasks.{task}.target")
    if spec.kind == "regression":
        return pd.Series(column.numbers())
    if isinstance(spec, MultiLabelTaskSpec):
        return label_sets(column.values, spec.separator)
    return pd.Series(column.text(), dtype="str")


def _asked_for(dataset: Dataset, task: PairTaskSpec | PretrainingTaskSpec, ids: pd.Series) -> pd.Series:
    """Return the ids of the entities that a task asks for: of two modalities, those with both."""
    has = np.ones(len(ids), dtype=bool)
    for modality in (task.query, task.answer) if isinstance(task, PairTaskSpec) else ():
        has &= np.isin(np.arange(len(ids)), dataset.modality(task.entity, modality).index)
    return ids.where(has)


def modality_table(
    factory: NodeFactory, node_type: str, *, previewed: bool, progress: Progress
) -> pd.DataFrame:
    """Return the table of the nodes of a modality.

    Args:
        factory: Makes the nodes.
        node_type: The modality's node type.
        previewed: Whether to make previews; else they are missing.
        progress: Told about every thumbnail.

    Returns:
        M rows with ``id`` (of the entity), ``entity_index`` (int64, the entity's row), for a sequence
        ``position`` (int64), and ``preview``.
    """
    entity, _ = factory.parts(node_type)
    raw = factory.raw(node_type)
    rows = factory.entity_index(node_type)
    ids = np.array(factory.dataset.entity_ids(entity), dtype=object)[rows]
    shown = (
        previews(raw, name=node_type, progress=progress)
        if previewed and not factory.has_several(node_type)
        else pd.Series([None] * len(ids), dtype=object)
    )
    columns = {"id": pd.Series(ids, dtype="str"), "entity_index": rows}
    if (position := factory.position(node_type)) is not None:
        columns["position"] = position
    return pd.DataFrame(columns | {"preview": shown})
