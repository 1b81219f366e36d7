"""Do the edges of held-out entities know more of the label than those among training entities?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import stats

from mmgraph.evaluation.audit.figures import DOUBT
from mmgraph.evaluation.audit.report import Finding
from mmgraph.evaluation.audit.subject import Subject

DIFFERENCE = 0.1
"""The share of edges between equal labels is greater by at least this much."""

_FEWEST = 30


def purer_when_held_out(subject: Subject) -> Iterator[Finding]:
    """Yield the relations whose edges at held-out entities join equal labels more often than elsewhere.

    Edges cannot know which labels are held out. Where they seem to, somebody has made those edges apart: from
    the answers, or from predictions that saw them.
    """
    if not subject.is_classification:
        return
    train = subject.training & subject.labelled
    asked = subject.held_out & subject.labelled
    for edge_type in subject.relations:
        if not (subject.is_of_the_task(edge_type.source) and subject.is_of_the_task(edge_type.target)):
            continue
        one, other = subject.pairs(edge_type)
        equal = subject.target[one] == subject.target[other]
        inside = train[one] & train[other]
        across = (train[one] & asked[other]) | (asked[one] & train[other])
        if min(inside.sum(), across.sum()) < _FEWEST:
            continue
        known, held_out = float(equal[inside].mean()), float(equal[across].mean())
        # Edges of one entity share its luck: entities are counted, not edges.
        entities = len(np.unique(np.where(asked[one], one, other)[across]))
        spread = np.sqrt(held_out * (1 - held_out) / entities + known * (1 - known) / int(train.sum()))
        chance = stats.norm.sf((held_out - known) / spread) if spread else float(held_out <= known)
        if held_out - known < DIFFERENCE or chance > DOUBT**2 / len(subject.relations):
            continue
        yield Finding(
            severity="high",
            where=f"relation {edge_type.name}",
            what=(
                f"{held_out:.3f} of the edges between a held-out and a training entity join equal labels, "
                f"but only {known:.3f} of those among training entities."
            ),
            count=int(equal[across].sum()),
            of=int(across.sum()),
            sure=f"such a difference comes by chance with a probability of {chance:.1g}",
            fix="Make the edges of all entities alike, without their labels.",
            figure=held_out,
            chance=known,
        )
