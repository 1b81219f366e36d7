"""What a run has seen that a training which begins from it must not see: its weights may hold it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmgraph.counted import counted
from mmgraph.data.split_spec import HoldOut
from mmgraph.data.task_spec import AnyTaskSpec, LinkTaskSpec
from mmgraph.errors import MMGraphError, RunError
from mmgraph.graph import Graph
from mmgraph.graph.without_links import link_type
from mmgraph.parquet_file import may_start_threads, read_parquet
from mmgraph.tasks import Task
from mmgraph.tasks.labels import SPLITS
from mmgraph.training.assemble import visible_graph
from mmgraph.training.config import TrainConfig
from mmgraph.training.run_folder import RunRecord, read_record


def seen_before(graph: Graph, task: Task, folder: str | Path) -> list[str]:
    """Return what a reader of the metrics should know of a run that a training begins from.

    Its task is looked up in the graph at hand, which may be another one than the run's.

    Args:
        graph: The graph.
        task: What is trained on now.
        folder: The run folder.

    Raises:
        RunError: If the run cannot be read.
    """
    record, config = read_record(Path(folder))
    return _hidden(graph, task.labels.task, record.task, config) + _asked(task, record, Path(folder))


def _hidden(graph: Graph, here: str, there: str, config: TrainConfig) -> list[str]:
    """Return a note where the run's task sees what this one must not."""
    try:
        spec, seen = graph.task(there), visible_graph(graph, there, config)
    except MMGraphError as error:
        # Of another graph, which may have been taken from other data altogether.
        why = error.faults[0].problem
        return [f"whether the run {there} has seen what {here} must not see is not known: {why}"]
    own = graph.view(here)
    nodes = {t.name for t in own.schema.node_types}
    names = [t.name for t in seen.schema.node_types if t.name not in nodes]
    names += [name for name in seen.schema.relations if name not in own.schema.relations]
    names += _held_out_links(graph, seen, graph.task(here), spec)
    return [f"the run {there} has seen {', '.join(names)}, which {here} must not see"] if names else []


def _held_out_links(graph: Graph, seen: Graph, here: AnyTaskSpec, there: AnyTaskSpec) -> list[str]:
    """Return the links that this task holds out for itself, where the run's task has seen them."""
    if not isinstance(here, LinkTaskSpec) or here.relation not in seen.schema.relations:
        return []
    if link_type(graph, here.relation, where="--task").held_out:
        # Of every task.
        return []
    own = here.relation, here.hold_out or HoldOut()
    if isinstance(there, LinkTaskSpec) and (there.relation, there.hold_out or HoldOut()) == own:
        return []
    return [f"links of {here.relation} that are held out"]


def _asked(task: Task, record: RunRecord, folder: Path) -> list[str]:
    """Return a note where the run has learnt from entities that this task is validated or tested on."""
    labels = task.labels
    several = record.target.get("kind") == "multi_task"
    if labels.kind == "link_prediction" or (record.target.get("entity") != labels.entity and not several):
        return []
    file = folder / "predictions.parquet"
    try:
        table = read_parquet(file).to_pandas(use_threads=may_start_threads())
    except (OSError, ValueError) as error:
        raise RunError(f"cannot be read: {error}", where=str(file), fix="Train anew.") from None
    if "id" not in table:
        return []
    if "entity" in table:
        # Of several tasks, which may have asked about several types.
        table = table[table["entity"] == labels.entity]
    learnt = table["split"] == "train"
    if "target" in table:
        learnt &= table["target"].notna()
    held_out = np.concatenate([labels.rows(split) for split in SPLITS[1:]])
    both = int(np.isin(labels.ids[held_out], table.loc[learnt, "id"].to_numpy(dtype=str)).sum())
    if not both:
        return []
    return [
        f"the run {record.task} has learnt from {both:,} of the "
        f"{counted(len(held_out), 'entity', 'entities')} that {labels.task} is validated and tested on"
    ]
