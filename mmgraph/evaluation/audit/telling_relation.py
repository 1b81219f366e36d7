"""Does a relation all but give the label?"""

from __future__ import annotations

from collections.abc import Iterator

from mmgraph.evaluation.audit.figures import Figure
from mmgraph.evaluation.audit.guess import figure_of
from mmgraph.evaluation.audit.report import Finding
from mmgraph.evaluation.audit.subject import Subject
from mmgraph.evaluation.audit.votes import neighbour_guess
from mmgraph.graph.schema import EdgeType

SKILL = 0.8
"""Of what chance leaves open, the vote of training neighbours gives at least this much."""


def telling_relations(subject: Subject) -> Iterator[Finding]:
    """Yield the relations by which the vote of training neighbours gives the label of held-out entities."""
    for edge_type in subject.relations:
        answer = neighbour_guess(subject, edge_type)
        figure = None if answer is None else figure_of(subject, *answer, tests=len(subject.relations))
        if figure is not None and figure.skill >= SKILL:
            yield _finding(subject, edge_type, figure)


def _finding(subject: Subject, edge_type: EdgeType, figure: Figure) -> Finding:
    asked = int((subject.held_out & subject.labelled).sum())
    return Finding(
        severity="medium",
        where=f"relation {edge_type.name}",
        what=(
            f"The training neighbours of an entity give its label: {figure}, which are those of "
            f"{asked:,} that have such a neighbour."
        ),
        count=figure.count,
        of=asked,
        sure=figure.sure,
        fix=(
            "If the relation says the label in other words, add it to the task's without.relations; if it is "
            "a fact that is known of new entities too, say so where figures are reported."
        ),
        figure=figure.value,
        chance=figure.chance,
        at_least=figure.at_least,
    )
