"""Does having an edge, or how many, all but give the label?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mmgraph.evaluation.audit.figures import Figure
from mmgraph.evaluation.audit.guess import by_tree, figure_of
from mmgraph.evaluation.audit.report import Finding
from mmgraph.evaluation.audit.subject import Subject
from mmgraph.graph.schema import EdgeType

SKILL = 0.8
"""Of what chance leaves open, the number of edges gives at least this much."""


def telling_degrees(subject: Subject) -> Iterator[Finding]:
    """Yield the relations whose numbers of edges, out and in, give the label of held-out entities."""
    for edge_type in subject.relations:
        degrees = _degrees(subject, edge_type)
        if not degrees.shape[1]:
            continue
        guess = by_tree(subject, degrees, np.arange(subject.num_entities))
        figure = figure_of(subject, *guess, tests=len(subject.relations))
        if figure is not None and figure.skill >= SKILL:
            yield _finding(edge_type, figure)


def _degrees(subject: Subject, edge_type: EdgeType) -> NDArray[np.float64]:
    """Return how many edges each entity has at each end that is one of the task's, [N, 0 to 2]."""
    ends = zip((edge_type.source, edge_type.target), subject.ends(edge_type), strict=True)
    counts = [
        np.bincount(rows, minlength=subject.num_entities) for end, rows in ends if subject.is_of_the_task(end)
    ]
    return np.stack(counts, axis=1).astype(np.float64) if counts else np.zeros((subject.num_entities, 0))


def _finding(edge_type: EdgeType, figure: Figure) -> Finding:
    return Finding(
        severity="medium",
        where=f"relation {edge_type.name}",
        what=f"Having an edge, or how many of them, gives the label: {figure}.",
        count=figure.count,
        of=figure.count,
        sure=figure.sure,
        fix=(
            "Ask why entities of one label have such edges; if the edges come from the label, add the "
            "relation to the task's without.relations."
        ),
        figure=figure.value,
        chance=figure.chance,
        at_least=figure.at_least,
    )
