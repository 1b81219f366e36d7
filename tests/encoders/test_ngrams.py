from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from mmgraph.encoders.ngrams import NGrams

TEXTS = ["Latin small letter A", "latin small letter a with acute", "arrow, left!", "ﬁ — Ωmega", "a-b a-b"]


@pytest.mark.parametrize("longest", [2, 4])
@given(texts=st.lists(st.text(st.sampled_from("abc -!Ä☺字\n\t"), max_size=20), min_size=1, max_size=6))
def test_characters_are_counted_as_scikit_learn_does(longest, texts):
    ngrams = NGrams("characters", longest)
    vocabulary = ngrams.vocabulary(texts, size=10_000)
    if not vocabulary:
        assert not any(text.strip() for text in texts)
        return
    expected = CountVectorizer(analyzer="char_wb", ngram_range=(2, longest)).fit(texts)
    assert vocabulary == list(expected.get_feature_names_out())
    np.testing.assert_array_equal(
        ngrams.counter(vocabulary)(texts).toarray(), expected.transform(texts).toarray()
    )


def test_words_of_one_letter_and_runs_of_words_count():
    assert NGrams("words", 2).vocabulary(["a small Arrow"], size=10) == [
        "a",
        "a small",
        "arrow",
        "small",
        "small arrow",
    ]


@pytest.mark.parametrize("unit", ["words", "characters"])
def test_the_commonest_are_kept_and_the_alphabet_decides_between_equals(unit):
    texts = ["dd cc bb", "dd aa", "dd"]
    longest = 1 if unit == "words" else 3
    kept = NGrams(unit, longest).vocabulary(texts, size=3)
    if unit == "words":
        assert kept == ["aa", "bb", "dd"]
    else:
        assert kept == [" d", " dd", "d "]


@pytest.mark.parametrize("unit", ["words", "characters"])
def test_unknown_words_count_for_nothing(unit):
    ngrams = NGrams(unit, 2)
    vocabulary = ngrams.vocabulary(TEXTS, size=100)
    counts = ngrams.counter(vocabulary)(["☃☃☃ ☃", ""])
    assert counts.shape == (2, len(vocabulary))
    assert counts.nnz == 0


@pytest.mark.parametrize("unit", ["words", "characters"])
def test_texts_without_any_term_have_an_empty_vocabulary(unit):
    ngrams = NGrams(unit, 3)
    assert ngrams.vocabulary([" ", "\n"], size=5) == []
    assert ngrams.counter([])(["a", "b"]).shape == (2, 0)
