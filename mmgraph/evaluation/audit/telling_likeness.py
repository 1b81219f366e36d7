"""Does what two ends have in common in one modality all but say that they are linked?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mmgraph.counted import counted
from mmgraph.evaluation.audit.content import features_of
from mmgraph.evaluation.audit.link_pairs import LinkPairs, link_pairs
from mmgraph.evaluation.audit.ranks import surely, units
from mmgraph.evaluation.audit.report import Finding
from mmgraph.evaluation.audit.subject import CannotLookError, Subject
from mmgraph.graph.schema import NodeType

SURE = 0.95
"""The likeness of the ends is above that of an unlinked couple in at least so many cases."""


def telling_likenesses(subject: Subject) -> Iterator[Finding]:
    """Yield the modalities in which linked ends are nearly always more alike than ends that are not linked.

    So it is where links were made from what the modality holds: a list of tags beside the relation of shared
    tags, a column that numbers the groups whose members are linked. Half of the cases come by chance.

    Raises:
        CannotLookError: If the ends are of different types, or too few links are held out.
    """
    links = subject.link_prediction.links
    if not links.same_type:
        raise CannotLookError("the ends of links are of different types")
    pairs = link_pairs(subject)
    for node_type in subject.modalities:
        hits = _alike(subject, node_type, pairs)
        if not len(hits) or (least := surely(hits, len(subject.modalities))) < SURE:
            continue
        yield Finding(
            severity="medium",
            where=f"modality {node_type.name}",
            what=(
                f"The ends of {counted(len(hits), 'held-out link')} are more alike than ends that are not "
                f"linked in {hits.mean():.3f} of the cases."
            ),
            count=int(hits.sum()),
            of=len(hits),
            sure=f"99 %: at least {least:.3f}, where chance gives 0.500",
            fix="If the links were made from it, name the modality in the task's without.modalities.",
            figure=float(hits.mean()),
            chance=0.5,
            at_least=least,
        )


def _alike(subject: Subject, node_type: NodeType, pairs: LinkPairs) -> NDArray[np.bool_]:
    """Return for links whose ends all have the modality whether the linked ones are more alike, [L]."""
    has = np.unique(subject.rows(node_type.name))
    features = features_of(subject, node_type, has)
    ends = np.stack([pairs.source, pairs.target, pairs.other])
    ends = np.searchsorted(has, ends[:, np.isin(ends, has).all(axis=0)])
    unit = units(features, features.mean(axis=0))
    source, target, other = unit[ends[0]], unit[ends[1]], unit[ends[2]]
    return np.asarray((source * target).sum(axis=1) > (source * other).sum(axis=1))
