"""Text: TF-IDF over words and runs of characters, reduced by a truncated singular value decomposition."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import normalize
from sklearn.utils.extmath import randomized_svd

from mmgraph.data.modalities import RawModality
from mmgraph.encoders.affine import Affine
from mmgraph.encoders.encoder import Arrays, Encoder, State
from mmgraph.encoders.ngrams import NGramCounter, NGrams
from mmgraph.encoders.one_thread import one_thread
from mmgraph.errors import DataError
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS

_ITERATIONS = 4
_NEGLIGIBLE = 1e-6
"""Directions with less than this share of the greatest singular value are rounding."""


@dataclass(frozen=True, eq=False)
class Terms:
    """The n-grams of one kind that count.

    Args:
        ngrams: Their kind.
        vocabulary: The n-grams, sorted.
        idf: How rare each is among the training texts (inverse document frequency), float64.
    """

    ngrams: NGrams
    vocabulary: list[str]
    idf: npt.NDArray[np.float64]

    def weights(self, texts: Sequence[str]) -> Any:
        """Return the weight of each in each text, a sparse matrix [texts, vocabulary]."""
        return _weigh(self.counts(texts), self.idf)

    @functools.cached_property
    def counts(self) -> NGramCounter:
        """What counts them in texts."""
        return self.ngrams.counter(self.vocabulary)


@dataclass(frozen=True, eq=False)
class Topics:
    """What fitting finds out.

    Args:
        terms: The n-grams that count, by kind.
        directions: The right singular vectors, float32 [terms of all kinds, channels].
        scale: Centres the channels and gives them a mean variance of 1.
    """

    terms: list[Terms]
    directions: npt.NDArray[np.float32]
    scale: Affine


@ENCODERS.register("tfidf")
@dataclass(kw_only=True, eq=False)
class TfIdf(Encoder[npt.NDArray[Any], Topics]):
    """Text: the words and runs of characters that set it apart, reduced to their main directions.

    Latent semantic analysis (Deerwester et al. 1990): TF-IDF weights with logarithmic term frequency, then a
    truncated singular value decomposition. Runs of characters make inflected, compound and misspelt words
    alike. A text of which nothing is known gets the vector of an empty text.

    Args:
        words: The most words in a row that count as a term.
        characters: The most characters in a row, inside words, that count as a term; 0 for none.
        max_features: The commonest terms to keep, of words and of characters each.
        components: Channels to keep at most.

    Raises:
        ConfigError: If parameters cannot be used.

    Example:
        >>> TfIdf(words=1, characters=0)
        TfIdf(words=1, characters=0, max_features=10000, components=384)
    """

    kind: ClassVar[str] = "text"
    version: ClassVar[int] = 1

    words: Annotated[int, Field(ge=1, le=5, description="The most words in a row that count as a term.")] = 2
    characters: Annotated[
        int, Field(ge=0, le=8, description="The most characters in a row that count as a term; 0 for none.")
    ] = 4
    max_features: Annotated[
        int, Field(ge=1, description="The commonest terms to keep, of words and of characters each.")
    ] = 10_000
    components: Annotated[int, Field(ge=1, description="Channels to keep at most.")] = 384

    def describe(self, raw: RawModality, progress: Progress) -> npt.NDArray[Any]:  # noqa: ARG002 - instant
        """Return the texts as they are, [M] of ``str``."""
        texts = np.empty(len(raw), dtype=object)
        texts[:] = [str(text) for text in raw.values]
        return texts

    def fit(self, described: npt.NDArray[Any]) -> None:
        """Learn the vocabulary, how rare each term is, and the main directions.

        Raises:
            DataError: If the texts hold no term at all.
        """
        texts, terms, blocks = list(described), [], []
        for ngrams in self._ngrams():
            vocabulary = ngrams.vocabulary(texts, size=self.max_features)
            counts = ngrams.counter(vocabulary)(texts)
            idf = TfidfTransformer().fit(counts).idf_ if vocabulary else np.zeros(0)
            terms.append(Terms(ngrams, vocabulary, idf))
            blocks.append(_weigh(counts, idf))
        weights = sparse.hstack(blocks, format="csr")
        if not weights.shape[1]:
            raise DataError(
                f"none of the {len(texts):,} training texts holds a word",
                where="tfidf",
                fix="Check the column, or count characters too (characters: 4).",
            )
        self._fitted = Topics(terms, *_main_directions(weights, self.components))

    def transform(self, described: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the vector of each text, float32 [M, channels]."""
        topics = self.fitted
        weights = self._weights(list(described))
        # A product with all directions converts all of them first, however few terms a text has.
        there, columns = np.unique(weights.indices, return_inverse=True)
        few = sparse.csr_matrix((weights.data, columns, weights.indptr), shape=(weights.shape[0], len(there)))
        return topics.scale(few @ topics.directions[there]).astype(np.float32)

    def unseen(self, raw: RawModality) -> list[str]:
        """Return of which texts nothing is known, so that they count as empty ones."""
        texts = [str(text) for text in raw.values]
        found = sum(terms.counts(texts).getnnz(axis=1) for terms in self.fitted.terms)
        return ["" if count else "no known word" for count in found]

    @property
    def channels(self) -> int:
        """The number of directions."""
        return len(self.fitted.scale.shift)

    def fitted_state(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return the vocabularies, how rare each term is, and the directions."""
        topics = self.fitted
        arrays: dict[str, npt.NDArray[Any]] = {
            "directions": topics.directions,
            "shift": topics.scale.shift,
            "factor": topics.scale.factor,
        }
        vocabularies = {}
        for ngrams, terms in zip(self._ngrams(), topics.terms, strict=True):
            vocabularies[ngrams.unit] = terms.vocabulary
            arrays[f"idf_{ngrams.unit}"] = terms.idf
        return {"vocabularies": vocabularies}, arrays

    def restore(self, state: State, arrays: Arrays) -> None:
        """Take over the vocabularies, how rare each term is, and the directions."""
        terms = [
            Terms(ngrams, state["vocabularies"][ngrams.unit], arrays[f"idf_{ngrams.unit}"])
            for ngrams in self._ngrams()
        ]
        self._fitted = Topics(terms, arrays["directions"], Affine(arrays["shift"], arrays["factor"]))

    def _ngrams(self) -> list[NGrams]:
        """Return the kinds of n-grams that count."""
        kinds = [NGrams("words", self.words)]
        return [*kinds, NGrams("characters", self.characters)] if self.characters else kinds

    def _weights(self, texts: list[str]) -> Any:
        """Return the weight of each term in each text, a sparse matrix [texts, terms of all kinds]."""
        return sparse.hstack([terms.weights(texts) for terms in self.fitted.terms], format="csr")


def _weigh(counts: Any, idf: npt.NDArray[np.float64]) -> Any:
    """Return counts [texts, terms] as weights: rare terms weigh more, and every text is of length 1."""
    if not len(idf):
        return counts
    weights = sparse.csr_matrix(counts, dtype=np.float64, copy=True)
    # What sklearn's TfidfTransformer does with sublinear_tf, without all that it checks anew each time.
    weights.data = (np.log(weights.data) + 1) * idf[weights.indices]
    return normalize(weights, copy=False)


def _main_directions(weights: Any, components: int) -> tuple[npt.NDArray[np.float32], Affine]:
    """Return the main directions of training texts [terms, channels], and the scale of the channels.

    One factor for all channels keeps their proportions, and with them the distances between texts.
    """
    with one_thread():
        _, singular, rows = randomized_svd(
            weights, n_components=min(components, *weights.shape), n_iter=_ITERATIONS, random_state=0
        )
    kept = singular > _NEGLIGIBLE * singular.max()
    directions = rows[kept].T.astype(np.float32)
    # Here the channels are one block, whose variance is shared by all of them.
    balanced = Affine.balancing(weights @ directions, [kept.sum()])
    return directions, Affine(balanced.shift, balanced.factor * np.sqrt(kept.sum()))
