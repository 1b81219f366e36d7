"""Controls: the entries that tell what relations and modalities are worth to a model."""

from __future__ import annotations

from typing import Literal

from mmgraph.data.task_spec import LinkTaskSpec
from mmgraph.evaluation.baselines import BASELINES
from mmgraph.evaluation.entries import Entry
from mmgraph.graph.graph import Graph
from mmgraph.tasks.pair_task import PairTask
from mmgraph.tasks.task import Task
from mmgraph.training.config import TrainConfig

Controls = Literal["none", "few", "all"]
CONTROLS: tuple[Controls, ...] = ("none", "few", "all")


def control_entries(
    subject: Entry,
    config: TrainConfig,
    view: Graph,
    task: Task,
    *,
    which: Controls,
    reads_relations: bool,
) -> list[str]:
    """Return the controls of a model, each as the text of an entry.

    Args:
        subject: The model.
        config: Its config.
        view: The graph as the task sees it.
        task: The task.
        which: ``few``: the baselines of the task's kind, ``mlp``, and the model without relations, with
            shuffled ones, and with noise for features; ``all``: also without each relation and without each
            modality; ``none``.
        reads_relations: Whether the model passes messages along relations.
    """
    if which == "none":
        return []
    found = [
        name
        for name, baseline in BASELINES.items()
        if task.labels.kind in baseline.kinds and not baseline.lacks(task, view)
    ]
    found.append("mlp")
    overrides: list[str] = []
    if reads_relations:
        # A model that counts paths would see in them what these hide.
        overrides += [] if config.links.structure else ["edges=none", "edges=shuffled"]
        overrides += [] if isinstance(task, PairTask) else ["features=noise"]
    if which == "all":
        overrides += _parts(view, task, config, reads_relations=reads_relations)
    return found + [_with(subject, override) for override in overrides]


def _parts(view: Graph, task: Task, config: TrainConfig, *, reads_relations: bool) -> list[str]:
    """Return one override for each relation and modality that can be left out and is not the only one.

    Where the model itself leaves out some, an override would bring these back: there are none of that kind.
    """
    spec = view.task(task.labels.task)
    relations = list(view.schema.relations) if reads_relations else []
    modalities = list(dict.fromkeys(t.modality for t in view.schema.node_types if t.modality is not None))
    found = []
    if len(relations) > 1 and not config.without.relations:
        predicted = spec.relation if isinstance(spec, LinkTaskSpec) else None
        found += [f"without.relations={name}" for name in relations if name != predicted]
    if len(modalities) > 1 and not config.without.modalities:
        asked = set(task.names) if isinstance(task, PairTask) else set()
        found += [f"without.modalities={name}" for name in modalities if name not in asked]
    return found


def _with(subject: Entry, override: str) -> str:
    return f"{subject.model}[{','.join([*subject.overrides, override])}]"
