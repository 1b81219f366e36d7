"""Text: n-grams counted by their hashes, without a vocabulary, projected on principal components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field
from sklearn.feature_extraction.text import HashingVectorizer

from mmgraph.data.modalities import RawModality
from mmgraph.encoders.portions import portions
from mmgraph.encoders.projected import ProjectedEncoder
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS

_TEXTS = 1024
_CHARACTERS = 1 << 20
"""About how many characters are counted at a time, which takes some hundred bytes for each."""

_WORD = r"(?u)\w+"


@ENCODERS.register("hashed_ngrams")
@dataclass(kw_only=True, eq=False)
class HashedNGrams(ProjectedEncoder):
    """Text: its words and runs of characters, counted by their hashes, on their principal components.

    The hashing trick (`Weinberger et al. 2009 <https://arxiv.org/abs/0902.2206>`_): no vocabulary is learnt,
    so that a word which no training text has counts in a new text as well, in any language and spelling.
    Counts are taken as their square roots, and both kinds of n-grams have length 1 in each text.

    Args:
        words: The most words in a row that count.
        characters: The most characters in a row, inside words, that count; 0 for none.
        buckets: How many different hashes there are, of words and of characters each.
        components: Principal components to keep at most.

    Example:
        >>> HashedNGrams(buckets=512).widths
        (512, 512)
    """

    kind: ClassVar[str] = "text"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("scikit-learn",)

    words: Annotated[int, Field(ge=1, le=5, description="The most words in a row that count.")] = 2
    characters: Annotated[
        int, Field(ge=0, le=8, description="The most characters in a row that count; 0 for none.")
    ] = 4
    buckets: Annotated[
        int, Field(ge=16, le=8192, description="Different hashes, of words and of characters each.")
    ] = 1024

    def describe(self, raw: RawModality, progress: Progress) -> npt.NDArray[np.float32]:
        """Return the weight of each hash in each text, float32 [M, D]."""
        texts = [str(text) for text in raw.values]
        described = np.empty((len(texts), sum(self.widths)), dtype=np.float32)
        with progress.job("count n-grams", total=len(texts)) as advance:
            start = 0
            for some in portions(texts, characters=_CHARACTERS, most=_TEXTS):
                described[start : start + len(some)] = self._weights(some)
                start += len(some)
                advance(len(some))
        return described

    @property
    def widths(self) -> tuple[int, ...]:
        """The number of hashes of each kind of n-grams."""
        return (self.buckets,) * (2 if self.characters else 1)

    def _weights(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        kinds = [self._hashes("word", 1, self.words)]
        if self.characters:
            kinds.append(self._hashes("char_wb", min(2, self.characters), self.characters))
        return np.hstack([_rooted(kind.transform(texts)) for kind in kinds])

    def _hashes(self, analyzer: str, shortest: int, longest: int) -> Any:
        return HashingVectorizer(
            analyzer=analyzer,
            token_pattern=_WORD,
            ngram_range=(shortest, longest),
            n_features=self.buckets,
            norm=None,
            dtype=np.float64,
        )


def _rooted(counts: Any) -> npt.NDArray[np.float64]:
    """Return signed counts as their square roots, at length 1 for each text that holds any."""
    counts.data = np.sign(counts.data) * np.sqrt(np.abs(counts.data))
    dense: npt.NDArray[np.float64] = counts.toarray()
    rooted: npt.NDArray[np.float64] = dense / np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-12)
    return rooted
