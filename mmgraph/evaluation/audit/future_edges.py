"""Do messages come from the future?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mmgraph.counted import agreed, counted
from mmgraph.evaluation.audit.report import Finding
from mmgraph.evaluation.audit.subject import CannotLookError, Subject
from mmgraph.graph.schema import EdgeType
from mmgraph.sampling.graph_times import TIME

_ORDER = {"train": 0.0, "validation": 1.0, "test": 2.0}


def future_edges(subject: Subject) -> Iterator[Finding]:
    """Yield the edge types by which an entity hears from a later one, where the task is split by time.

    The graph knows the time of each entity. One that came from elsewhere may know only that a test entity is
    later than one of validation, and that than one of training. Reverse relations count: they lead to the
    past what led to the future.

    Raises:
        CannotLookError: If the split is not by time.
    """
    split = subject.split_spec
    if split.get("kind") != "time":
        raise CannotLookError("the split is not by time")
    times = _times(subject, str(split["column"]))
    for edge_type in subject.graph.schema.edge_types:
        if edge_type.kind == "of" or not (
            subject.is_of_the_task(edge_type.source) and subject.is_of_the_task(edge_type.target)
        ):
            continue
        source, target = subject.ends(edge_type)
        later = times[source] > times[target]
        if later.any():
            yield _finding(subject, edge_type, source[later], target[later], len(later))


def _times(subject: Subject, column: str) -> NDArray[np.float64]:
    """Return when each entity is, float64 [N]; NaN, which is neither sooner nor later, if that is unknown."""
    table = subject.graph.nodes[subject.entity]
    if TIME in table:
        return table[TIME].to_numpy(dtype=np.float64)
    if subject.dataset is not None:
        return subject.dataset.entity_table(subject.entity).column(column, where="dataset").times()
    return np.array([_ORDER.get(part, np.nan) for part in subject.labels.split])


def _finding(
    subject: Subject, edge_type: EdgeType, source: NDArray[np.int64], target: NDArray[np.int64], of: int
) -> Finding:
    asked = int(subject.held_out[target].sum())
    return Finding(
        severity="high",
        where=f"relation {edge_type.name}",
        what=(
            f"{len(source):,} of {counted(of, 'edge')} {agreed(len(source), 'leads', 'lead')} from a later "
            f"entity to an earlier one, {asked:,} of them "
            "to held-out entities."
        ),
        count=len(source),
        of=of,
        sure="counted",
        fix=(
            "Train with temporal: uniform, by which no entity sees what is later. Or let edges lead from "
            "earlier to later entities alone, and build the relation with scope: training, which makes no "
            "reverse relation."
        ),
        figure=len(source) / of,
        examples=tuple(
            f"{subject.labels.ids[a]} -> {subject.labels.ids[b]}"
            for a, b in zip(source[:3], target[:3], strict=True)
        ),
    )
