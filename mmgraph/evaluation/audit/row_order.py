"""Does the order of rows or ids give the label?"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mmgraph.evaluation.audit.guess import figure_of
from mmgraph.evaluation.audit.report import Finding
from mmgraph.evaluation.audit.subject import Subject

SKILL = 0.5
"""Of what chance leaves open, the training entity that stands nearest gives at least this much."""


def telling_order(subject: Subject) -> Iterator[Finding]:
    """Yield the order of the entities, by row or by id, if the nearest training one gives the label."""
    orders = {"rows": np.arange(subject.num_entities)}
    ids = subject.labels.ids.tolist()
    by_id = np.array(sorted(range(len(ids)), key=lambda row: _natural(ids[row])))
    if (by_id != orders["rows"]).any():
        orders["ids"] = by_id
    figures = {
        name: figure_of(subject, *_nearest(subject, order), tests=len(orders))
        for name, order in orders.items()
    }
    told = {name: figure for name, figure in figures.items() if figure is not None and figure.skill >= SKILL}
    if not told:
        return
    # Ids that follow the rows, or nearly so, say the same once more.
    name, figure = max(told.items(), key=lambda pair: pair[1].value)
    yield Finding(
        severity="low",
        where=f"order of the {name} of {subject.entity}",
        what=f"The training entity that stands nearest gives the label: {figure}.",
        count=figure.count,
        of=int((subject.held_out & subject.labelled).sum()),
        sure=figure.sure,
        fix=(
            "No model of mmgraph reads the order of nodes. Keep relations, columns and encoders of your own "
            "from following it (neighbours in the order of ids, a number of the row), or shuffle the table."
        ),
        figure=figure.value,
        chance=figure.chance,
        at_least=figure.at_least,
    )


def _nearest(subject: Subject, order: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the label of the training entity that stands nearest to each, the earlier one of two."""
    learnt = (subject.training & subject.labelled)[order]
    places = np.flatnonzero(learnt)
    guess = np.full(subject.num_entities, np.nan)
    if not len(places):
        return guess, np.zeros(subject.num_entities, dtype=bool)
    place = np.arange(len(order))
    after = np.searchsorted(places, place)
    before = places[np.maximum(after - 1, 0)]
    following = places[np.minimum(after, len(places) - 1)]
    nearer = np.abs(place - before) <= np.abs(following - place)
    guess[order] = subject.target[order][np.where(nearer, before, following)]
    return guess, np.ones(subject.num_entities, dtype=bool)


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Return a key that sorts p2 before p10."""
    return [
        (part.isdecimal(), int(part) if part.isdecimal() else 0, part)
        for part in re.findall(r"[0-9]+|[^0-9]+", name)
    ]
