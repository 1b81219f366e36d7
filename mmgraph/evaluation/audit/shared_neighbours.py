"""Do both sides of an entity see the same neighbours?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mmgraph.counted import counted
from mmgraph.evaluation.audit.figures import FEWEST
from mmgraph.evaluation.audit.ranks import TOP, own_share, surely
from mmgraph.evaluation.audit.report import Finding
from mmgraph.evaluation.audit.side_content import side_content
from mmgraph.evaluation.audit.subject import Subject
from mmgraph.graph.schema import EdgeType

SKILL = 0.8
"""Of what chance leaves open, neighbours in common give at least this much."""


def shared_neighbours(subject: Subject) -> Iterator[Finding]:
    """Yield the couples of relations, one of each side, by which entities have the same neighbours.

    Whoever sees the same neighbours from both sides finds one by the other without a look at what they hold.
    Relations that the task names are asked, as nothing more is known of them; what was made from a side's own
    modality may tell as much of its neighbours as that does.

    Raises:
        CannotLookError: If too few held-out entities have both sides.
    """
    task, gallery = subject.pair, next(iter(side_content(subject).values())).gallery
    sides = [task.sides[name] for name in task.names.values()]
    near = [t for t in subject.relations if any(subject.is_of_the_task(end) for end in (t.source, t.target))]
    seen = [[t for t in near if t.relation in side.relations] for side in sides]
    couples = [
        (one, other) for one in seen[0] for other in seen[1] if not (one.made_from and other.made_from)
    ]
    for one, other in couples:
        ties = [_ties(subject, t) for t in (one, other)]
        if len({_far_type(subject, t) for t in (one, other)}) > 1:
            continue
        first, second = (tie[gallery] for tie in ties)
        has = np.flatnonzero((np.diff(first.indptr) > 0) & (np.diff(second.indptr) > 0))
        if len(has) < FEWEST:
            continue
        common = (first[has] @ second[has].T).toarray()
        either = np.diff(first.indptr)[has, None] + np.diff(second.indptr)[None, has] - common
        hits = own_share(np.asarray(common / either)) & (np.diagonal(common) > 0)
        least = surely(hits, len(couples))
        if least - TOP >= SKILL * (1 - TOP):
            yield _finding(list(task.names), one, other, hits, least)


def _far_type(subject: Subject, edge_type: EdgeType) -> str:
    """Return the entity type of the neighbours that a relation gives."""
    far = edge_type.target if subject.is_of_the_task(edge_type.source) else edge_type.source
    return subject.graph.schema.node_type(far).entity


def _ties(subject: Subject, edge_type: EdgeType) -> Any:
    """Return who has which neighbours by a relation, in either direction, as a sparse matrix [N, K]."""
    here = [subject.is_of_the_task(end) for end in (edge_type.source, edge_type.target)]
    source, target = subject.ends(edge_type)
    if all(here):
        source, target = np.concatenate([source, target]), np.concatenate([target, source])
    elif here[1]:
        source, target = target, source
    width = len(subject.graph.nodes[_far_type(subject, edge_type)])
    ties = sparse.coo_array((np.ones(len(source)), (source, target)), shape=(subject.num_entities, width))
    found = ties.tocsr()
    found.data[:] = 1
    return found


def _finding(
    sides: list[str], one: EdgeType, other: EdgeType, hits: NDArray[np.bool_], least: float
) -> Finding:
    return Finding(
        severity="high",
        where=f"relations {one.name} and {other.name}",
        what=(
            f"By {one.name} the {sides[0]} has the neighbours that the {sides[1]} has by {other.name}: for "
            f"{hits.mean():.3f} of {counted(len(hits), 'held-out entity', 'held-out entities')} those of the "
            "own other side are in the tenth that have most in common."
        ),
        count=int(hits.sum()),
        of=len(hits),
        sure=f"99 %: at least {least:.3f}, where chance gives {TOP:g}",
        fix="Let one side alone see such neighbours, or name one of the relations in the task's without.",
        figure=float(hits.mean()),
        chance=TOP,
        at_least=least,
    )
