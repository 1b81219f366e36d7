"""All checks of an audit, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from mmgraph.evaluation.audit.copied_entities import copied_entities
from mmgraph.evaluation.audit.copied_sides import copied_sides
from mmgraph.evaluation.audit.encoder_fit import encoders_beyond_training
from mmgraph.evaluation.audit.future_edges import future_edges
from mmgraph.evaluation.audit.held_out_edges import held_out_edges
from mmgraph.evaluation.audit.label_edges import label_edges
from mmgraph.evaluation.audit.label_in_text import labels_in_texts
from mmgraph.evaluation.audit.named_partner import named_partners
from mmgraph.evaluation.audit.near_duplicates import near_duplicates
from mmgraph.evaluation.audit.own_answer import own_answers
from mmgraph.evaluation.audit.purer_when_held_out import purer_when_held_out
from mmgraph.evaluation.audit.report import Finding
from mmgraph.evaluation.audit.row_order import telling_order
from mmgraph.evaluation.audit.same_content import same_content
from mmgraph.evaluation.audit.shared_neighbours import shared_neighbours
from mmgraph.evaluation.audit.straddling_groups import straddling_groups
from mmgraph.evaluation.audit.subject import Subject
from mmgraph.evaluation.audit.telling_absence import telling_absences
from mmgraph.evaluation.audit.telling_column import telling_columns
from mmgraph.evaluation.audit.telling_degree import telling_degrees
from mmgraph.evaluation.audit.telling_likeness import telling_likenesses
from mmgraph.evaluation.audit.telling_modality import telling_modalities
from mmgraph.evaluation.audit.telling_neighbours import telling_neighbours
from mmgraph.evaluation.audit.telling_relation import telling_relations
from mmgraph.evaluation.audit.twin_links import twin_links

Asks = Literal["targets", "pairs", "links"]
"""What a task asks for: a target of each entity, pairs of modalities (a retrieval), or links."""

_SPLIT = frozenset[Asks]({"targets", "pairs"})
_PAIRS = frozenset[Asks]({"pairs"})
_LINKS = frozenset[Asks]({"links"})


@dataclass(frozen=True)
class Check:
    """One kind of leakage to look for.

    Args:
        name: What it is called, which is the name of its file.
        question: What it asks.
        look: Yields what it finds; raises ``CannotLookError`` if it has not what it needs.
        asks: What tasks it is about.
    """

    name: str
    question: str
    look: Callable[[Subject], Iterator[Finding]]
    asks: frozenset[Asks] = frozenset({"targets"})


CHECKS = (
    Check(
        "held_out_edges",
        "Are edges that are held out in the graph after all?",
        held_out_edges,
        frozenset({"targets", "links"}),
    ),
    Check(
        "encoder_fit", "Has an encoder been fitted on held-out entities?", encoders_beyond_training, _SPLIT
    ),
    Check("straddling_groups", "Do groups stand on both sides of the split?", straddling_groups, _SPLIT),
    Check("copied_entities", "Is an entity there under two ids?", copied_entities, _SPLIT),
    Check("same_content", "Is the same text or media on both sides of the split?", same_content, _SPLIT),
    Check("near_duplicates", "Is nearly the same text or media on both sides?", near_duplicates, _SPLIT),
    Check("future_edges", "Do messages come from the future?", future_edges, _SPLIT),
    Check("label_edges", "Are edges those between equal labels?", label_edges),
    Check("purer_when_held_out", "Do edges of held-out entities know more?", purer_when_held_out),
    Check("telling_relation", "Does a relation all but give the label?", telling_relations),
    Check("telling_degree", "Does the number of edges all but give it?", telling_degrees),
    Check("telling_modality", "Does a modality all but say it by itself?", telling_modalities),
    Check("telling_absence", "Do missing modalities all but give it?", telling_absences),
    Check("telling_column", "Does a single column all but give it?", telling_columns),
    Check("label_in_text", "Does the text, the title or the id name it?", labels_in_texts),
    Check("row_order", "Does the order of rows or ids give it?", telling_order),
    Check(
        "own_answer", "Is the other side of an entity in the message graph of a side?", own_answers, _PAIRS
    ),
    Check("copied_sides", "Does one side hold a copy of the other?", copied_sides, _PAIRS),
    Check("telling_neighbours", "Do neighbours know more of the answer?", telling_neighbours, _PAIRS),
    Check("shared_neighbours", "Do both sides see the same neighbours?", shared_neighbours, _PAIRS),
    Check("twin_links", "Are held-out links there between copies of their ends?", twin_links, _LINKS),
    Check("named_partner", "Does a text name what its entity is linked to?", named_partners, _LINKS),
    Check("telling_likeness", "Does a modality all but say who is linked?", telling_likenesses, _LINKS),
)


def checks_on(asks: Asks) -> list[Check]:
    """Return the checks that are about tasks of a kind, in the order in which they run."""
    return [check for check in CHECKS if asks in check.asks]
