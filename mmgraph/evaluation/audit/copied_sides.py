"""Does one side of an entity hold a copy of the other, or of a part of it?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmgraph.counted import counted
from mmgraph.evaluation.audit.content import features_of, texts_by_entity
from mmgraph.evaluation.audit.figures import FEWEST
from mmgraph.evaluation.audit.ranks import TOP, own_share, surely
from mmgraph.evaluation.audit.report import Finding
from mmgraph.evaluation.audit.subject import Subject
from mmgraph.evaluation.audit.words import stands_in, words_of
from mmgraph.evenly import evenly
from mmgraph.graph.schema import NodeType

SKILL = 0.8
"""Of what chance leaves open, a copied text or number gives at least this much."""

_EQUAL = 1 - 1e-6
_MOST = 1_000


def copied_sides(subject: Subject) -> Iterator[Finding]:
    """Yield couples of modalities, one of each side, that hold the same: a column, a text, a number.

    A column that both sides are read from is told by the graph's manifest. A text is copied where it stands
    in that of the other side, of the same entity and not of others; a number where it is the same up to scale
    and finds the own entity by itself.
    """
    task = subject.pair
    sides = [task.sides[name].modalities for name in task.names.values()]
    by_name = {str(t.modality): t for t in subject.modalities}
    couples = [(by_name[a], by_name[b]) for a, b in product(*map(sorted, sides)) if {a, b} <= by_name.keys()]
    for one, other in couples:
        shared = sorted(_columns(subject, one) & _columns(subject, other))
        if shared:
            yield _of_the_table(subject, one, other, shared)
            continue
        found = (
            _texts(subject, one, other) if one.kind == other.kind == "text" else _numbers(subject, one, other)
        )
        if found is None:
            continue
        least = surely(found, len(couples))
        if least - TOP >= SKILL * (1 - TOP):
            yield _measured(one, other, found, least)


def _columns(subject: Subject, node_type: NodeType) -> set[str]:
    """Return the columns that a modality is read from, as far as the manifest says it."""
    spec: Mapping[str, Any] = subject.graph.manifest.get("dataset", {}).get("spec", {})
    modalities = spec.get("entities", {}).get(node_type.entity, {}).get("modalities", {})
    described = modalities.get(node_type.modality, {})
    return {*described.get("columns", {}), *filter(None, [described.get("column")])}


def _together(subject: Subject, one: NodeType, other: NodeType) -> NDArray[np.int64]:
    """Return the held-out entities that have both modalities, int64 [R]."""
    entities = np.intersect1d(subject.rows(one.name), subject.rows(other.name))
    asked = entities[subject.held_out[entities]]
    return asked[evenly(len(asked), _MOST)]


def _texts(subject: Subject, one: NodeType, other: NodeType) -> NDArray[np.bool_] | None:
    """Return for whom the text of one side stands in that of the other, better than those of others do."""
    asked = _together(subject, one, other)
    if len(asked) < FEWEST:
        return None
    found = [texts_by_entity(subject, node_type) for node_type in (one, other)]
    texts = [[words_of(by_entity[row]) for row in asked.tolist()] for by_entity in found]
    inside = [[stands_in(a, b) or stands_in(b, a) for b in texts[1]] for a in texts[0]]
    scores = np.array(inside, dtype=np.float64)
    return own_share(scores) & (np.diagonal(scores) > 0)


def _numbers(subject: Subject, one: NodeType, other: NodeType) -> NDArray[np.bool_] | None:
    """Return whom a feature that stands on both sides finds by itself; nothing if there is none."""
    asked = _together(subject, one, other)
    if len(asked) < FEWEST:
        return None
    scaled = [_standardised(features_of(subject, node_type, asked)) for node_type in (one, other)]
    likeness = np.abs(scaled[0].T @ scaled[1]) / len(asked)
    best: NDArray[np.bool_] | None = None
    for a, b in np.argwhere(likeness >= _EQUAL):
        sign = np.sign(scaled[0][:, a] @ scaled[1][:, b])
        hits = own_share(-np.abs(scaled[0][:, a, None] - sign * scaled[1][None, :, b]))
        if best is None or hits.sum() > best.sum():
            best = hits
    return best


def _standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = values.std(axis=0)
    return np.asarray((values - values.mean(axis=0)) / np.where(spread > 0, spread, np.inf))


def _of_the_table(subject: Subject, one: NodeType, other: NodeType, shared: list[str]) -> Finding:
    of = int((subject.held_out & subject.complete).sum())
    return Finding(
        severity="high",
        where=f"modalities {one.name} and {other.name}",
        what=f"Both sides are read from {counted(len(shared), 'column')}: {', '.join(shared)}.",
        count=of,
        of=of,
        sure="counted: the graph's manifest says so",
        fix="Let one side alone see it (query_with, answer_with).",
    )


def _measured(one: NodeType, other: NodeType, hits: NDArray[np.bool_], least: float) -> Finding:
    what = (
        "The text of one stands in that of the other"
        if one.kind == other.kind == "text"
        else ("A feature of one is a feature of the other")
    )
    return Finding(
        severity="high",
        where=f"modalities {one.name} and {other.name}",
        what=(
            f"{what}: by it alone {hits.mean():.3f} of "
            f"{counted(len(hits), 'held-out entity', 'held-out entities')} find their other side in "
            "the first tenth."
        ),
        count=int(hits.sum()),
        of=len(hits),
        sure=f"99 %: at least {least:.3f}, where chance gives {TOP:g}",
        fix="Take the copy out of one of them, or let one side alone see it (query_with, answer_with).",
        figure=float(hits.mean()),
        chance=TOP,
        at_least=least,
    )
