"""Audit a graph: every check on one task, and what they found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from mmgraph.data.dataset import Dataset
from mmgraph.data.load import load_dataset
from mmgraph.data.references import LINK_PREDICTION, MATCHING, RETRIEVAL
from mmgraph.errors import ConfigError, GraphError, did_you_mean
from mmgraph.evaluation.audit.checks import Asks, Check, checks_on
from mmgraph.evaluation.audit.report import AuditReport, CheckResult
from mmgraph.evaluation.audit.subject import CannotLookError, Subject
from mmgraph.graph.graph import Graph
from mmgraph.graph.store import load_graph
from mmgraph.progress import Progress
from mmgraph.tasks import Task
from mmgraph.tasks.labels import Labels, find_task, read_labels
from mmgraph.tasks.pair_task import PairTask

HELD_OUT = ("validation", "test")


def audit(
    graph: Graph | str | Path,
    *,
    task: str,
    split: str | None = None,
    dataset: Dataset | str | Path | None = None,
    groups: Sequence[str] = (),
    skip: Sequence[str] = (),
    progress: Progress | None = None,
) -> AuditReport:
    """Look for leakage: what lets a model answer for held-out entities without having learnt to.

    The graph is looked at as the task sees it; of two modalities, as each side does. Held-out labels
    are read, which is what an audit is for; to leave those of test alone, look at validation only.

    Args:
        graph: The graph, or its folder.
        task: The name of the task.
        split: ``validation`` or ``test``, to hold that part alone against training; both by default.
        dataset: The dataset that the graph was built from, or its name or path. With it, columns and whole
            texts are looked at too.
        groups: Columns of the dataset, or relations, whose groups are to stay on one side of the split, in
            addition to that of a grouped split.
        skip: Names of checks to leave out.
        progress: Told what is being looked at.

    Returns:
        What was found; ``report.clean`` if that is nothing.

    Raises:
        ConfigError: If there is no such task, part, check, column or relation.
        GraphError: If the task's labels cannot be used, or the dataset has other entities than the graph.

    Example:
        >>> report = audit("emoji-graph", task="group", dataset="emoji")  # doctest: +SKIP
        >>> [check for check, finding in report.findings]  # doctest: +SKIP
        ['row_order']
    """
    if not isinstance(graph, Graph):
        graph = load_graph(graph)
    progress = progress or Progress(quiet=True)
    asks, labels, asked = _asked(graph, task)
    checks = checks_on(asks)
    parts = HELD_OUT if split is None else (_known(split, HELD_OUT, "held-out part", "--split"),)
    left_out = {_known(name, [check.name for check in checks], "check", "--skip") for name in skip}
    if dataset is not None and not isinstance(dataset, Dataset):
        dataset = load_dataset(dataset, progress=progress)
    if dataset is not None:
        _refuse_other(dataset, graph, labels.entity)
    subject = Subject(graph.view(task), task, labels, parts, dataset, tuple(groups), asked)
    results = []
    with progress.job("audit", total=len(checks)) as advance:
        for check in checks:
            advance(0, check.name)
            results.append(_left_out(check) if check.name in left_out else _run(check, subject))
            advance(1)
    return AuditReport(
        graph=graph.name,
        fingerprint=graph.fingerprint(),
        task=task,
        split=parts,
        dataset=dataset is not None,
        results=tuple(results),
    )


def _asked(graph: Graph, name: str) -> tuple[Asks, Labels, Task | None]:
    """Return what a task asks for, its labels by entity, and the task itself if it asks for no target.

    Raises:
        ConfigError: If there is no such task, or it asks for nothing.
        GraphError: If it cannot be asked, such as of two modalities that see the same thing by name.
    """
    kind = find_task(graph, name).kind
    if kind not in (RETRIEVAL, MATCHING, LINK_PREDICTION):
        return "targets", read_labels(graph, name), None
    task = Task.from_graph(graph, name)
    if isinstance(task, PairTask):
        nothing = pd.Series([None] * len(task.labels), dtype=object)
        return "pairs", replace(task.labels, values=nothing), task
    ids = graph.nodes[task.labels.entity]["id"]
    size = len(ids)
    nothing = pd.Series([None] * size, dtype=object)
    # Links are held out, and no entities.
    labels = replace(task.labels, id_values=ids, values=nothing, split=np.full(size, "", dtype=object))
    return "links", labels, task


def _run(check: Check, subject: Subject) -> CheckResult:
    try:
        return CheckResult(check.name, check.question, tuple(check.look(subject)))
    except CannotLookError as error:
        return CheckResult(check.name, check.question, skipped=str(error))


def _left_out(check: Check) -> CheckResult:
    return CheckResult(check.name, check.question, skipped="left out by --skip")


def _known(name: str, names: Sequence[str], what: str, where: str) -> str:
    if name not in names:
        raise ConfigError(f"there is no {what} {name!r}", where=where, fix=did_you_mean(name, names))
    return name


def _refuse_other(dataset: Dataset, graph: Graph, entity: str) -> None:
    """Raise if the graph was built from something else."""
    ids = graph.nodes[entity]["id"].astype(str).tolist()
    if entity not in dataset.spec.entities or dataset.entity_ids(entity) != ids:
        raise GraphError(
            f"the graph {graph.name!r} was not built from it as it is now: the entities of the type "
            f"{entity!r} are others, or stand in another order",
            where=f"--dataset {dataset.file.parent}",
            fix="Give the dataset that the graph was built from, or build the graph anew.",
        )
