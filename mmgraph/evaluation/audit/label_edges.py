"""Are the edges of a relation those between equal labels?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mmgraph.evaluation.audit.figures import DOUBT, at_least
from mmgraph.evaluation.audit.report import Finding
from mmgraph.evaluation.audit.subject import Subject
from mmgraph.graph.schema import EdgeType

SKILL = 0.95
"""Of what chance leaves open, at least this share of the edges joins equal labels ..."""

TOGETHER = 0.5
"""... and following them leads from an entity to at least this share of the others of its class."""


def label_edges(subject: Subject) -> Iterator[Finding]:
    """Yield the relations whose edges exist nearly exactly where labels are equal.

    Pure edges alone are no sign: a capital and its small letter belong to one script. Edges that are made
    from labels also hang together: they lead to most of a class, not to one partner or a small family.
    """
    if not subject.is_classification or len(subject.classes) < 2:
        return
    known = subject.labelled & (subject.training | subject.held_out)
    for edge_type in subject.relations:
        if subject.is_of_the_task(edge_type.source) and subject.is_of_the_task(edge_type.target):
            one, other = subject.pairs(edge_type)
            both = known[one] & known[other]
            yield from _findings(subject, edge_type, one[both], other[both])


def _findings(
    subject: Subject, edge_type: EdgeType, one: NDArray[np.int64], other: NDArray[np.int64]
) -> Iterator[Finding]:
    if not len(one):
        return
    equal = subject.target[one] == subject.target[other]
    pure, count = int(equal.sum()), len(equal)
    least = at_least(pure, count, doubt=DOUBT / len(subject.relations))
    touched = np.union1d(one, other)
    shares = np.bincount(subject.target[touched].astype(np.int64)) / len(touched)
    chance = float((shares**2).sum())
    together = _together(subject, one, other, touched)
    # Where one class has nearly all entities, any edges are pure.
    if chance == 1 or (least - chance) / (1 - chance) < SKILL or together < TOGETHER:
        return
    outside = subject.held_out[one] | subject.held_out[other]
    held_out = int(equal[outside].sum())
    yield Finding(
        severity="high",
        where=f"relation {edge_type.name}",
        what=(
            f"{pure:,} of {count:,} edges between labelled entities join equal labels "
            f"({held_out:,} of {int(outside.sum()):,} at held-out entities), and they tie together "
            f"{together:.0%} of all pairs of one label."
        ),
        count=pure,
        of=count,
        sure=f"99 %: at least {least:.3f} of the edges, where chance gives {chance:.3f}",
        fix="Make the relation without the label, or add it to the task's without.relations.",
        figure=pure / count,
        chance=chance,
        at_least=least,
        examples=tuple(
            f"{subject.labels.ids[a]} - {subject.labels.ids[b]}"
            for a, b in zip(one[equal][:3], other[equal][:3], strict=True)
        ),
    )


def _together(
    subject: Subject, one: NDArray[np.int64], other: NDArray[np.int64], touched: NDArray[np.int64]
) -> float:
    """Return the share of the pairs of one label, among entities with edges, that hang together."""
    size = subject.num_entities
    ties = sparse.coo_array((np.ones(len(one)), (one, other)), shape=(size, size))
    _, component = sparse.csgraph.connected_components(ties, directed=False)
    label = subject.target[touched].astype(np.int64)
    within = _pairs(label * size + component[touched])
    return within / max(_pairs(label), 1)


def _pairs(codes: NDArray[np.int64]) -> int:
    """Return the number of pairs with the same code."""
    counts = np.unique(codes, return_counts=True)[1]
    return int((counts * (counts - 1) // 2).sum())
