"""Counts of words and of runs of characters in texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer

_WORD = r"(?u)\w+"
_BETWEEN_SPACES = r"\S+"
_SHORTEST_RUN = 2


@dataclass(frozen=True)
class NGrams:
    """Counts the n-grams of texts: runs of words, or of two and more characters inside words.

    Args:
        unit: ``words`` or ``characters``.
        longest: The most words, or characters, in a row.

    Example:
        >>> NGrams("words", 2).vocabulary(["small a", "small b"], size=3)
        ['a', 'b', 'small']
    """

    unit: Literal["words", "characters"]
    longest: int

    def vocabulary(self, texts: Sequence[str], *, size: int) -> list[str]:
        """Return the commonest n-grams of texts, sorted.

        Args:
            texts: At least one.
            size: How many to return at most. Among equally common ones the alphabet decides.
        """
        if self.unit == "words":
            terms, counts = _count(self._of_words(), texts)
            total = np.asarray(counts.sum(axis=0)).ravel()
        else:
            words, in_texts = _count(_word_counter(), texts)
            terms, in_words = _count(self._of_characters(), words)
            total = np.asarray(in_texts.sum(axis=0)).ravel() @ in_words
        commonest = np.argsort(-total, kind="stable")[:size]
        return [terms[position] for position in np.sort(commonest)]

    def counter(self, vocabulary: Sequence[str]) -> NGramCounter:
        """Return what counts the n-grams of a vocabulary in texts."""
        of = self._of_words if self.unit == "words" else self._of_characters
        return NGramCounter(of(vocabulary) if vocabulary else None, whole=self.unit == "words")

    def _of_words(self, vocabulary: Sequence[str] | None = None) -> Any:
        return CountVectorizer(
            token_pattern=_WORD, ngram_range=(1, self.longest), vocabulary=vocabulary, dtype=np.float64
        )

    def _of_characters(self, vocabulary: Sequence[str] | None = None) -> Any:
        return CountVectorizer(
            analyzer="char_wb",
            ngram_range=(min(_SHORTEST_RUN, self.longest), self.longest),
            vocabulary=vocabulary,
            dtype=np.float64,
        )


class NGramCounter:
    """Counts the n-grams of a vocabulary, which is looked through once, however often texts come.

    Args:
        vectorizer: That of the n-grams; nothing where there are none.
        whole: Whether texts are counted as a whole; else word by word.
    """

    def __init__(self, vectorizer: Any | None, *, whole: bool) -> None:
        self._vectorizer, self._whole = vectorizer, whole

    def __call__(self, texts: Sequence[str]) -> Any:
        """Return how often each n-gram stands in each text, a sparse matrix [texts, vocabulary]."""
        if self._vectorizer is None:
            return sparse.csr_matrix((len(texts), 0))
        if self._whole:
            return self._vectorizer.transform(texts)
        # Every different word is taken apart only once, which counts where texts are long.
        words, in_texts = _count(_word_counter(), texts)
        return in_texts @ self._vectorizer.transform(words)


def _word_counter() -> Any:
    return CountVectorizer(token_pattern=_BETWEEN_SPACES, dtype=np.float64)


def _count(vectorizer: Any, texts: Sequence[str]) -> tuple[list[str], Any]:
    """Return the terms of texts, sorted, and their counts, a sparse matrix [texts, terms]."""
    analyse = vectorizer.build_analyzer()
    if not any(analyse(text) for text in texts):
        # CountVectorizer refuses texts of which it finds no term at all.
        return [], sparse.csr_matrix((len(texts), 0))
    counts = vectorizer.fit_transform(texts)
    return list(vectorizer.get_feature_names_out()), counts
