"""Does a modality all but say the label by itself?"""

from __future__ import annotations

from collections.abc import Iterator

from mmgraph.evaluation.audit.guess import by_tree, figure_of
from mmgraph.evaluation.audit.report import Finding
from mmgraph.evaluation.audit.subject import Subject

SKILL = 0.9
"""Of what chance leaves open, a small decision tree on the features gives at least this much."""


def telling_modalities(subject: Subject) -> Iterator[Finding]:
    """Yield the modalities whose features give the label of held-out entities to a small decision tree.

    The tree has two leaves a class. It finds a label that was written into the features, or something that
    stands for it; a modality that takes some work to read, however well that can be done, it leaves alone.
    """
    for node_type in subject.modalities:
        rows = subject.rows(node_type.name)
        guess = by_tree(subject, subject.graph.features[node_type.name], rows)
        figure = figure_of(subject, *guess, tests=len(subject.modalities))
        if figure is None or figure.skill < SKILL:
            continue
        yield Finding(
            severity="medium",
            where=f"modality {node_type.name}",
            what=f"A small decision tree reads the label off its features: {figure}.",
            count=figure.count,
            of=int((subject.held_out & subject.labelled).sum()),
            sure=figure.sure,
            fix=(
                "Look whether the label, or what was made from it, is in the modality; if so, mend the data "
                "or add the modality to the task's without.modalities. If not, the task is easy: say so."
            ),
            figure=figure.value,
            chance=figure.chance,
            at_least=figure.at_least,
        )
