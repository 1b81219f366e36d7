"""Is an entity there twice, under two ids?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmgraph.evaluation.audit.content import content_codes
from mmgraph.evaluation.audit.couples import couples
from mmgraph.evaluation.audit.figures import DOUBT
from mmgraph.evaluation.audit.report import Finding
from mmgraph.evaluation.audit.subject import Subject

FEWEST_PARTS = 2
"""An entity is known by at least so many modalities, or it is no copy of another."""

_DISTINCT = 0.9
_SHORTEST_TITLE = 4


def copied_entities(subject: Subject) -> Iterator[Finding]:
    """Yield a finding if held-out entities agree with a training one in all that is known of them.

    All is at least two modalities. What many share by chance, such as two columns of few values each, is no
    copy. An equal title is a copy where titles are otherwise nearly unique.
    """
    everyone = np.arange(subject.num_entities)
    for part, codes in (("modalities", _modalities(subject)), ("title", _titles(subject))):
        held_out, training = couples(subject, codes, everyone)
        if not len(held_out):
            continue
        of = int(subject.held_out.sum())
        part_in_words = "all of their modalities" if part == "modalities" else "their title"
        alike, known = subject.alike(held_out, training)
        yield Finding(
            # Copies that have another label are a fault of the data, but give no answer away.
            severity="medium" if 2 * alike < known else "high",
            where=f"{part} of {subject.entity}",
            what=(
                f"Held-out entities that agree with a training entity of another id in {part_in_words}: "
                f"{len(held_out):,} of {of:,}{subject.agreement(held_out, training)}."
            ),
            count=len(held_out),
            of=of,
            sure="counted",
            fix="Remove the copies, or keep them together with a grouped split.",
            figure=len(held_out) / of,
            examples=subject.examples(held_out, training),
        )


def _modalities(subject: Subject) -> NDArray[np.int64]:
    """Return a number for all that the modalities of each entity hold, int64 [N]; -1 where that is little."""
    size = subject.num_entities
    columns = np.full((size, len(subject.modalities)), -1, dtype=np.int64)
    by_chance = 1.0
    for place, node_type in enumerate(subject.modalities):
        rows, codes = subject.rows(node_type.name), content_codes(subject, node_type)
        columns[rows, place] = codes
        by_chance *= chance_of_equal(codes)
    enough = (columns >= 0).sum(axis=1) >= FEWEST_PARTS
    pairs = int(subject.training.sum()) * int(subject.held_out.sum())
    if not columns.shape[1] or by_chance * pairs > DOUBT:
        return np.full(size, -1, dtype=np.int64)
    _, numbers = np.unique(columns, axis=0, return_inverse=True)
    return np.where(enough, numbers.reshape(-1), -1)


def chance_of_equal(codes: NDArray[np.int64]) -> float:
    """Return how probable it is that two nodes hold the same."""
    counts = np.unique(codes, return_counts=True)[1]
    total = counts.sum()
    return float((counts * (counts - 1)).sum() / (total * (total - 1))) if total > 1 else 1.0


def _titles(subject: Subject) -> NDArray[np.int64]:
    """Return a number for each title, int64 [N]; -1 where titles are ids or no names."""
    table = subject.graph.nodes[subject.entity]
    nothing = np.full(subject.num_entities, -1, dtype=np.int64)
    if "title" not in table:
        return nothing
    titles = table["title"].astype(object).fillna("").astype(str).str.lower().str.split().str.join(" ")
    named = (titles != "") & (titles.str.len() >= _SHORTEST_TITLE) & (table["title"] != table["id"])
    if not named.any() or titles[named].nunique() < _DISTINCT * named.sum():
        return nothing
    return np.where(named, pd.factorize(titles)[0], -1).astype(np.int64)
