"""Does it give the label which modalities an entity lacks?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mmgraph.evaluation.audit.guess import by_value, figure_of
from mmgraph.evaluation.audit.report import Finding
from mmgraph.evaluation.audit.subject import Subject

SKILL = 0.8
"""Of what chance leaves open, the pattern of missing modalities gives at least this much."""


def telling_absences(subject: Subject) -> Iterator[Finding]:
    """Yield a finding if the pattern of missing modalities gives the label of held-out entities."""
    present = np.zeros((subject.num_entities, len(subject.modalities)), dtype=bool)
    for column, node_type in enumerate(subject.modalities):
        present[subject.rows(node_type.name), column] = True
    _, pattern = np.unique(present, axis=0, return_inverse=True)
    everyone = np.ones(subject.num_entities, dtype=bool)
    guess = by_value(subject, pattern.reshape(-1).astype(np.int64), everyone)
    figure = figure_of(subject, guess, everyone, tests=1)
    if figure is None or figure.skill < SKILL:
        return
    lacking = int((~present.all(axis=1) & subject.held_out).sum())
    yield Finding(
        severity="medium",
        where=f"modalities of {subject.entity}",
        what=f"Which modalities an entity lacks gives its label: {figure}.",
        count=lacking,
        of=int(subject.held_out.sum()),
        sure=figure.sure,
        fix=(
            "If modalities are missing because of the label, take them from all entities or from none; "
            "modality dropout in training keeps a model from counting on it."
        ),
        figure=figure.value,
        chance=figure.chance,
        at_least=figure.at_least,
    )
