"""What a graph says about one task: a target and a split for each entity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmgraph.counted import counted
from mmgraph.data.task_spec import AnyTaskSpec, TaskSpec
from mmgraph.errors import ConfigError, GraphError, did_you_mean
from mmgraph.graph.graph import Graph
from mmgraph.graph.unprepared import unprepared_task

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
        ids: Ids of the entities, text [N].
        values: Targets [N]; an empty one is an unlabelled entity.
        split: ``train``, ``validation``, ``test`` or nothing, text [N].
        where: The place, for messages.
    """

    task: str
    kind: str
    entity: str
    column: str
    ids: npt.NDArray[np.str_]
    values: pd.Series
    split: npt.NDArray[np.str_]
    where: str

    def rows(self, split: str) -> npt.NDArray[np.int64]:
        """Return the positions of the labelled entities of one split, ascending."""
        return np.flatnonzero(self.values.notna().to_numpy() & (self.split == split))


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
            fix=did_you_mean(task, graph.tasks),
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
    table = graph.nodes[spec.entity]
    values = table[f"target:{task}"]
    labels = Labels(
        task=task,
        kind=spec.kind,
        entity=spec.entity,
        column=spec.target,
        ids=table["id"].to_numpy(dtype=str),
        values=values.mask(values.astype("string").str.strip() == ""),
        split=table[f"split:{task}"].fillna("").to_numpy(dtype=str),
        where=f"tasks.{task}",
    )
    _check(labels)
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
                f"{len(labels.ids)} have a value)",
                where=labels.where,
                fix="Check the target's column and the split in dataset.yaml, and build the graph anew.",
            )
    if labels.kind == "classification":
        _check_spelling(labels)
        _check_shared(labels)


def _check_spelling(labels: Labels) -> None:
    """Raise if two classes differ in the spaces around them alone."""
    names = sorted(labels.values.dropna().astype(str).unique())
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
    known = set(labels.values.iloc[labels.rows("train")].astype(str))
    for split in ("validation", "test"):
        asked = set(labels.values.iloc[labels.rows(split)].astype(str))
        if asked and not asked & known:
            raise GraphError(
                f"none of the {len(asked):,} values of {labels.column!r} in the {split} split is among the "
                f"{len(known):,} of the train split, so no model could ever be right",
                where=labels.where,
                fix="Choose a target whose values recur, or another split.",
            )
