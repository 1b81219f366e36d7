"""What a graph says about one task: a target and a split for each entity."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmgraph.counted import counted
from mmgraph.data.task_spec import AnyTaskSpec, TaskSpec
from mmgraph.errors import ConfigError, GraphError
from mmgraph.graph.graph import Graph
from mmgraph.graph.unprepared import no_such_task, unprepared_task
from mmgraph.parquet_file import give_back_unused

SPLITS = ("train", "validation", "test")
"""The names of the parts that a split has."""


@dataclass(frozen=True)
class Labels:
    """Targets and split of one task, one entry for each of the N entities of its type.

    Args:
        task: The name of the task.
        kind: The registered name of what the task is, e.g. ``classification``.
        entity: The entity type.
        column: The column of the dataset that the targets come from, for messages.
        id_values: Ids of the entities [N], as the graph has them.
        values: Targets [N]; an empty one is an unlabelled entity.
        split: ``train``, ``validation``, ``test`` or nothing, text [N].
        where: The place, for messages.
        unread: How many labels of training are not among the values, as not all may be read.
    """

    task: str
    kind: str
    entity: str
    column: str
    id_values: pd.Series
    values: pd.Series
    split: npt.NDArray[np.object_]
    where: str
    unread: int = 0

    def __len__(self) -> int:
        """Return the number N of entities."""
        return len(self.split)

    @cached_property
    def ids(self) -> npt.NDArray[np.str_]:
        """Ids of the entities, text [N]; made when they are first asked for, which a training does not."""
        return self.id_values.to_numpy(dtype=str)

    def rows(self, split: str) -> npt.NDArray[np.int64]:
        """Return the positions of the labelled entities of one split, ascending."""
        return np.flatnonzero(self.values.notna().to_numpy() & (self.split == split))


def split_of(column: pd.Series) -> npt.NDArray[np.object_]:
    """Return the part of a split that each entity is in, text [N]: as many references to few texts.

    Args:
        column: The parts, missing where an entity is in none.
    """
    code, parts = pd.factorize(column.fillna(""))
    return np.array([str(part) for part in parts], dtype=object)[code]


def find_task(graph: Graph, task: str) -> AnyTaskSpec:
    """Return what the dataset says about a task of a graph, or what the name of another stands for.

    Raises:
        ConfigError: If the graph has no such task.
    """
    found = graph.tasks.get(task) or unprepared_task(graph, task)
    if found is None:
        raise ConfigError(
            f"the graph has no task {task!r}",
            where="--task",
            fix=no_such_task(graph, task),
        )
    return found


def read_labels(graph: Graph, task: str) -> Labels:
    """Return what a graph says about a task.

    Args:
        graph: The graph.
        task: The name of one of its tasks.

    Returns:
        The labels; there is at least one for training and one for validation.

    Raises:
        ConfigError: If the graph has no such task, or it asks for something else.
        GraphError: If no entity is labelled for training, or none for validation, or if a classification has
            no label of training in validation or test, or labels that differ in the spaces around them.
    """
    spec = find_task(graph, task)
    if not isinstance(spec, TaskSpec):
        raise ConfigError(
            f"{task!r} is a {spec.kind}; wanted a task that asks for a target of each entity",
            where="--task",
            fix="Take a classification, a regression or a multi_label task.",
        )
    table = graph.columns(spec.entity, ["id", f"target:{task}", f"split:{task}"])
    values = table[f"target:{task}"]
    labels = Labels(
        task=task,
        kind=spec.kind,
        entity=spec.entity,
        column=spec.target,
        id_values=table["id"],
        values=values.mask(values.astype("string").str.strip() == ""),
        split=split_of(table[f"split:{task}"]),
        where=f"tasks.{task}",
    )
    _check(labels)
    # Of the table, and of texts on the way, there is several times what is kept.
    give_back_unused()
    return labels


def _check(labels: Labels) -> None:
    """Raise if nothing can be learnt or nothing can be selected on."""
    for split, use in (("train", "to learn from"), ("validation", "to stop on")):
        if len(labels.rows(split)) == 0:
            members = int((labels.split == split).sum())
            raise GraphError(
                f"no entity of the {split} split has a value in {labels.column!r}, so there is nothing {use} "
                f"({counted(members, 'entity is', 'entities are')} in the split, "
                f"{int(labels.values.notna().sum())} of "
                f"{len(labels)} have a value)",
                where=labels.where,
                fix="Check the target's column and the split in dataset.yaml, and build the graph anew.",
            )
    if labels.kind == "classification":
        _check_spelling(labels)
        _check_shared(labels)


def _check_spelling(labels: Labels) -> None:
    """Raise if two classes differ in the spaces around them alone."""
    names = sorted(map(str, labels.values.dropna().unique()))
    first: dict[str, str] = {}
    for name in names:
        twin = first.setdefault(name.strip(), name)
        if twin != name:
            raise GraphError(
                f"the column {labels.column!r} holds {twin!r} and {name!r}, which differ in spaces alone",
                where=labels.where,
                fix="Spell them alike in the table, and build the graph anew.",
            )


def _check_shared(labels: Labels) -> None:
    """Raise if what is asked later has nothing to do with what is learnt."""
    known = set(map(str, labels.values.iloc[labels.rows("train")].unique()))
    for split in ("validation", "test"):
        asked = set(map(str, labels.values.iloc[labels.rows(split)].unique()))
        if asked and not asked & known:
            raise GraphError(
                f"none of the {len(asked):,} values of {labels.column!r} in the {split} split is among the "
                f"{len(known):,} of the train split, so no model could ever be right",
                where=labels.where,
                fix="Choose a target whose values recur, or another split.",
            )
