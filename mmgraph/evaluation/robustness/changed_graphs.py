"""Every changed graph that a run is tried on, and what it reaches there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pandas as pd
from torch import Tensor

from mmgraph.evaluation.robustness.missing import ALL, combinations_left, missing_curves
from mmgraph.evaluation.robustness.noise import noise_curves
from mmgraph.evaluation.robustness.subject import Subject
from mmgraph.graph.changed_edges import EDGE_CHANGES, with_changed_edges
from mmgraph.graph.graph import Graph
from mmgraph.progress import Progress
from mmgraph.tasks.pair_task import PairTask

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Of modalities that are missing, and of edges that are changed."""

NOISE = (0.0, 0.25, 0.5, 1.0, 2.0)
"""In standard deviations of each feature."""

Changed = Callable[[int], Iterator[tuple[str, float, Graph]]]


def measure(
    subject: Subject,
    aspects: Sequence[str],
    output: Tensor,
    repeats: int,
    seed: int,
    notes: list[str],
    progress: Progress,
) -> pd.DataFrame:
    """Return the metrics on every changed graph.

    Args:
        subject: The run.
        aspects: What to try: ``missing``, ``noise`` and ``edges`` of it change the graph.
        output: Of the graph as it is.
        repeats: How many draws.
        seed: The seed of the first.
        notes: Told what is left out, and why.
        progress: Told what is going on.

    Returns:
        ``aspect``, ``what``, ``level``, ``repeat`` and the metrics, one row for each graph.
    """
    changes = _changes(subject, aspects, notes)
    as_it_is = subject.metrics(output)
    rows: list[dict[str, Any]] = []
    with progress.job("changed graphs", total=repeats * len(changes)) as advance:
        for aspect, changed in changes.items():
            for repeat in range(repeats):
                for what, level, graph in changed(seed + repeat):
                    once = level == 0 or (aspect in ("missing", "removed") and level == 1)
                    if once and repeat:
                        # No draw decides what nothing or everything is.
                        continue
                    found = as_it_is if level == 0 else subject.metrics(subject.output(graph))
                    rows.append({"aspect": aspect, "what": what, "level": level, "repeat": repeat, **found})
                advance(1, note=aspect)
    return pd.DataFrame(rows)


def _changes(subject: Subject, aspects: Sequence[str], notes: list[str]) -> dict[str, Changed]:
    changes: dict[str, Changed] = {}
    if "missing" in aspects:
        if subject.spare:
            changes["missing"] = lambda seed: missing_curves(subject, SHARES, seed)
        else:
            notes.append(f"missing was left out: {_nothing_to_miss(subject)}")
    if "noise" in aspects:
        if subject.modalities:
            changes["noise"] = lambda seed: noise_curves(subject, NOISE, seed)
        else:
            notes.append(f"noise was left out: {_nothing_to_miss(subject)}")
    if "edges" in aspects:
        if not subject.graph.schema.relations:
            notes.append("edges were left out: the model sees no relation")
        else:
            for change in EDGE_CHANGES:
                changes[change] = _edge_curves(subject, change)
    return changes


def _edge_curves(subject: Subject, change: Any) -> Changed:
    relations = subject.graph.schema.relations
    several = [(ALL, relations)] if len(relations) > 1 else []

    def curves(seed: int) -> Iterator[tuple[str, float, Graph]]:
        for what, hit in [*((name, [name]) for name in relations), *several]:
            for level in SHARES:
                yield what, level, with_changed_edges(subject.graph, change, level, relations=hit, seed=seed)

    return curves


def _nothing_to_miss(subject: Subject) -> str:
    if isinstance(subject.task, PairTask) and subject.modalities:
        return (
            f"{' and '.join(subject.task.names)} are what is compared, and the task sees no other modality "
            f"of {subject.entity}"
        )
    return f"{' and '.join(subject.touched)} has no modality that the task sees"


def combinations(subject: Subject) -> pd.DataFrame:
    """Return the metrics with each combination of modalities: ``left`` and the metrics, a row for each."""
    rows = [
        {"left": " + ".join(left) or "none", **subject.metrics(subject.output(graph))}
        for left, graph in (combinations_left(subject) if subject.spare else ())
    ]
    return pd.DataFrame(rows)
