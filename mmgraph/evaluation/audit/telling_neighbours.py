"""Do the neighbours that a side sees tell the answer better than the side itself?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mmgraph.counted import counted
from mmgraph.evaluation.audit.figures import FEWEST
from mmgraph.evaluation.audit.ranks import TOP, own_share, surely
from mmgraph.evaluation.audit.report import Finding
from mmgraph.evaluation.audit.side_content import SideContent, side_content
from mmgraph.evaluation.audit.subject import Subject
from mmgraph.evaluation.audit.votes import heard_from
from mmgraph.graph.schema import EdgeType

SKILL = 0.5
"""Of what the side's own nearest neighbours leave open, the neighbours by a relation give at least this."""

_NEAREST = 10


def telling_neighbours(subject: Subject) -> Iterator[Finding]:
    """Yield the relations of a side by which training neighbours have the answers that are looked for.

    A relation that was made from pictures alone cannot know more of names than pictures do. So it is asked
    how often the mean of the neighbours' answers finds the own one, and how often that of the entities does
    that are nearest by the side's own content. A relation that was made from both modalities finds much more.

    Raises:
        CannotLookError: If too few held-out entities have both sides.
    """
    content, task = side_content(subject), subject.pair
    seen = [
        (one, other, t)
        for one, other in zip(task.names, reversed(task.names), strict=True)
        for t in subject.relations
        if t.relation in task.sides[task.names[one]].relations
    ]
    for one, other, edge_type in seen:
        if (found := _guess(subject, edge_type, content[other])) is None:
            continue
        rows, guess = found
        if len(rows) < FEWEST:
            continue
        hits = own_share(guess @ content[other].of_gallery[rows].T)
        usual = own_share(_by_content(content[one], content[other])[rows] @ content[other].of_gallery[rows].T)
        least, floor = surely(hits, len(seen)), max(float(usual.mean()), TOP)
        if least - floor >= SKILL * (1 - floor) and floor < 1:
            yield _finding(one, other, edge_type, hits, least, floor)


def _guess(
    subject: Subject, edge_type: EdgeType, answers: SideContent
) -> tuple[NDArray[np.int64], NDArray[np.float64]] | None:
    """Return which places of the gallery have training neighbours, and the sum of their answers, [., D]."""
    said = np.zeros((subject.num_entities, answers.of_learnt.shape[1] + 1))
    said[answers.learnt, :-1], said[answers.learnt, -1] = answers.of_learnt, 1
    heard = heard_from(subject, edge_type, said)
    if heard is None:
        return None
    heard = heard[answers.gallery]
    rows = np.flatnonzero(heard[:, -1] > 0)
    return rows, heard[rows, :-1]


def _by_content(side: SideContent, answers: SideContent) -> NDArray[np.float64]:
    """Return the sum of the answers of the training entities that are nearest by a side's content, [R, D]."""
    likeness, k = side.of_gallery @ side.of_learnt.T, min(_NEAREST, len(side.learnt))
    nearest = np.argpartition(-likeness, k - 1, axis=1)[:, :k]
    return np.asarray(answers.of_learnt[nearest].sum(axis=1))


def _finding(
    one: str, other: str, edge_type: EdgeType, hits: NDArray[np.bool_], least: float, floor: float
) -> Finding:
    return Finding(
        severity="high",
        where=f"relation {edge_type.name}",
        what=(
            f"Seen on the side {one}, its neighbours tell the {other}: for {hits.mean():.3f} of "
            f"{counted(len(hits), 'held-out entity', 'held-out entities')} the own one is in the first tenth."
        ),
        count=int(hits.sum()),
        of=len(hits),
        sure=f"99 %: at least {least:.3f}, where nearest neighbours by the {one} alone give {floor:.3f}",
        fix=(
            f"Ask what it was made from; if the {other} went into it, take it out of {one}'s side "
            "(query_with, answer_with), or name it in the task's without.relations."
        ),
        figure=float(hits.mean()),
        chance=floor,
        at_least=least,
    )
