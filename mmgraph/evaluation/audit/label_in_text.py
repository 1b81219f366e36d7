"""Does the text, the title or the id name the label?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from mmgraph.evaluation.audit.content import texts_of
from mmgraph.evaluation.audit.figures import DOUBT, at_least, chance_of
from mmgraph.evaluation.audit.report import Finding, Severity
from mmgraph.evaluation.audit.subject import Subject

SHARE = 0.05
"""At least this share of the entities names its own label, beyond what chance gives ..."""

RIGHT = 0.5
"""... and where a label is named, it is the entity's own at least this often."""

_SHORTEST = 3


def labels_in_texts(subject: Subject) -> Iterator[Finding]:
    """Yield the texts, titles and ids that hold words of their own label more often than chance would.

    Of a label's name those words count that no other label has. Ids and titles are not given to models, so
    that is of less weight.
    """
    if not subject.is_classification:
        return
    words = _telling_words(subject.classes)
    table = subject.graph.nodes[subject.entity]
    everyone = np.arange(subject.num_entities)
    places: list[tuple[str, Severity, Sequence[str], NDArray[np.int64]]] = [
        (f"modality {t.name}", "medium", texts_of(subject, t), subject.rows(t.name))
        for t in subject.modalities
        if t.kind == "text"
    ]
    places.append((f"ids of {subject.entity}", "low", subject.labels.ids.tolist(), everyone))
    titles = table["title"].astype(object).fillna("").astype(str) if "title" in table else None
    if titles is not None and (titles != table["id"]).any():
        places.append((f"titles of {subject.entity}", "low", titles.tolist(), everyone))
    for where, severity, texts, rows in places:
        yield from _findings(subject, words, where, severity, texts, rows, tests=len(places))


def _telling_words(classes: Sequence[str]) -> dict[str, int]:
    """Return the words that stand in the name of one class alone, with its number."""
    named = [set(_words(name)) for name in classes]
    holders = Counter(word for words in named for word in words)
    return {
        word: number
        for number, words in enumerate(named)
        for word in words
        if holders[word] == 1 and len(word) >= _SHORTEST and not word.isdecimal()
    }


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def _findings(
    subject: Subject,
    words: dict[str, int],
    where: str,
    severity: Severity,
    texts: Sequence[str],
    rows: NDArray[np.int64],
    *,
    tests: int,
) -> Iterator[Finding]:
    asked = (subject.labelled & (subject.training | subject.held_out))[rows]
    places = np.flatnonzero(asked)
    if not len(places) or not words:
        return
    target = subject.target[rows[places]].astype(np.int64)
    named = np.zeros((len(places), len(subject.classes)), dtype=bool)
    for place, position in enumerate(places.tolist()):
        for word in _words(texts[position]):
            if word in words:
                named[place, words[word]] = True
    own = named[np.arange(len(places)), target]
    share = np.bincount(target, minlength=len(subject.classes)) / len(places)
    chance = float((named @ share).mean())
    hits, right = int(own.sum()), float(own.sum() / max(named.sum(), 1))
    doubt = DOUBT / tests
    if hits / len(places) - chance < SHARE or right < RIGHT or chance_of(hits, len(places), chance) > doubt:
        return
    yield Finding(
        severity=severity,
        where=where,
        what=(
            f"{hits:,} of {len(places):,} labelled entities have a word of their own label in it (such as "
            f"{_common(texts, places[own], words)}); {right:.0%} of the labels named are the right ones."
        ),
        count=hits,
        of=len(places),
        sure=(
            f"99 %: at least {at_least(hits, len(places), doubt=doubt):.3f} of them, where chance gives "
            f"{chance:.3f}"
        ),
        fix=(
            "Mask the words of the labels, or add the modality to the task's without.modalities."
            if severity == "medium"
            else "Models are not given it. Keep texts and relations of your own from using it."
        ),
        figure=hits / len(places),
        chance=chance,
        at_least=at_least(hits, len(places), doubt=doubt),
        examples=subject.names(rows[places[own]]),
    )


def _common(texts: Sequence[str], places: NDArray[np.int64], words: dict[str, int]) -> str:
    """Return the commonest words that give a label away."""
    counts = Counter(
        word for place in places.tolist() for word in dict.fromkeys(_words(texts[place])) if word in words
    )
    return ", ".join(repr(word) for word, _ in counts.most_common(3))
