"""Does a text of one end of a link name the other end?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mmgraph.counted import counted
from mmgraph.evaluation.audit.content import texts_by_entity
from mmgraph.evaluation.audit.link_pairs import LinkPairs, link_pairs
from mmgraph.evaluation.audit.ranks import surely
from mmgraph.evaluation.audit.report import Finding
from mmgraph.evaluation.audit.subject import Subject
from mmgraph.evaluation.audit.words import stands_in, words_of
from mmgraph.graph.schema import NodeType

SKILL = 0.5
"""Of what chance leaves open, texts name linked ends at least this often."""

_SHORTEST = 3


def named_partners(subject: Subject) -> Iterator[Finding]:
    """Yield the texts that name what their entities are linked to, by its title or its id.

    So it is with a column that lists the very links. Texts of either end are read; how often a text names an
    end that it is not linked to is what comes by chance.

    Raises:
        CannotLookError: If too few links are held out.
    """
    pairs = link_pairs(subject)
    source_type, _, target_type = subject.link_prediction.links.triple
    for entity, named in dict.fromkeys([(source_type, target_type), (target_type, source_type)]):
        for node_type in subject.graph.schema.node_types:
            if node_type.entity != entity or node_type.kind != "text":
                continue
            own, chance = _named(subject, node_type, named, pairs, of_target=entity != source_type)
            if not len(own):
                continue
            least, usual = surely(own, 1), float(chance.mean())
            if least - usual >= SKILL * (1 - usual):
                yield _finding(node_type, own, least, usual)


def _named(
    subject: Subject, node_type: NodeType, named: str, pairs: LinkPairs, *, of_target: bool
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return whether the text of one end names the other one, and whether it names one of another couple."""
    table = subject.graph.nodes[named]
    ids, titles = ([words_of(str(cell)) for cell in table[column]] for column in ("id", "title"))
    texts = {row: words_of(text) for row, text in texts_by_entity(subject, node_type).items()}
    couples = (
        [(pairs.target, pairs.source), (pairs.other, pairs.source)]
        if of_target
        else [(pairs.source, pairs.target), (pairs.source, pairs.other)]
    )
    found = []
    for tellers, told in couples:
        said = [(texts[a], b) for a, b in zip(tellers.tolist(), told.tolist(), strict=True) if a in texts]
        found.append(
            np.array([_named_in(ids[b], text) or _named_in(titles[b], text) for text, b in said], dtype=bool)
        )
    return found[0], found[1]


def _named_in(name: str, text: str) -> bool:
    return len(name.strip()) >= _SHORTEST and stands_in(name, text)


def _finding(node_type: NodeType, own: NDArray[np.bool_], least: float, usual: float) -> Finding:
    return Finding(
        severity="high",
        where=f"modality {node_type.name}",
        what=(
            f"Texts name the other end of {int(own.sum()):,} of {counted(len(own), 'held-out link')}, by its "
            "title or id."
        ),
        count=int(own.sum()),
        of=len(own),
        sure=f"99 %: at least {least:.3f}, where ends of other links are named in {usual:.3f}",
        fix="Take the names of linked entities out of the text, or name it in the task's without.modalities.",
        figure=float(own.mean()),
        chance=usual,
        at_least=least,
    )
