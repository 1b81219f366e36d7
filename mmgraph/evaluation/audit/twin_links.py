"""Is a held-out link there between copies of its ends?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mmgraph.counted import agreed, counted
from mmgraph.evaluation.audit.content import content_codes
from mmgraph.evaluation.audit.copied_entities import FEWEST_PARTS, chance_of_equal
from mmgraph.evaluation.audit.figures import DOUBT
from mmgraph.evaluation.audit.report import Finding
from mmgraph.evaluation.audit.subject import Subject


def twin_links(subject: Subject) -> Iterator[Finding]:
    """Yield a finding if the graph has held-out links under other ids: between ends that hold the same.

    Two entities hold the same if all of their modalities do, which are at least two; what many share by
    chance, such as two columns of few values each, is no copy.
    """
    links = subject.link_prediction.links
    source_type, relation, target_type = links.triple
    source, target = links.source.numpy(), links.target.numpy()
    one, other = (_codes(subject, name) for name in (source_type, target_type))
    width = int(max(one.max(initial=0), other.max(initial=0))) + 1
    copied = _copied(one)[source] | _copied(other)[target]
    known, asked = links.part == "train", np.isin(links.part, subject.parts) & copied
    learnt = (one[source] * width + other[target])[known]
    there = asked & np.isin(one[source] * width + other[target], learnt)
    if links.same_type:
        # The other way round it is the same question.
        there |= asked & np.isin(other[target] * width + one[source], learnt)
    if not (found := int(there.sum())):
        return
    of = int(np.isin(links.part, subject.parts).sum())
    ids = [subject.graph.nodes[name]["id"].astype(str).to_numpy() for name in (source_type, target_type)]
    yield Finding(
        severity="high",
        where=f"relation {relation}",
        what=(
            f"{found:,} of {counted(of, 'held-out link')} {agreed(found, 'ties', 'tie')} entities of which "
            "copies under other ids are tied in training."
        ),
        count=found,
        of=of,
        sure="counted",
        fix="Make one entity of the copies, and build the graph anew.",
        figure=found / of,
        examples=tuple(f"{ids[0][source[n]]} -> {ids[1][target[n]]}" for n in np.flatnonzero(there)[:3]),
    )


def _codes(subject: Subject, entity: str) -> NDArray[np.int64]:
    """Return the same number for entities of a type that hold the same, and for no others, int64 [N]."""
    size = len(subject.graph.nodes[entity])
    node_types = [t for t in subject.graph.schema.node_types if t.entity == entity and t.modality is not None]
    columns, by_chance = np.full((size, len(node_types)), -1, dtype=np.int64), 1.0
    for place, node_type in enumerate(node_types):
        codes = content_codes(subject, node_type)
        columns[subject.rows(node_type.name), place] = codes
        by_chance *= chance_of_equal(codes)
    alone = np.arange(size, dtype=np.int64)
    if not node_types or by_chance * size * size > DOUBT:
        return alone
    _, numbers = np.unique(columns, axis=0, return_inverse=True)
    known = (columns >= 0).sum(axis=1) >= FEWEST_PARTS
    return np.where(known, size + numbers.reshape(-1), alone)


def _copied(codes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which entities have a copy, bool [N]."""
    return np.asarray(np.bincount(codes)[codes] > 1)
