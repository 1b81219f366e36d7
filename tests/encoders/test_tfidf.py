from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from mmgraph.data.modalities import RawModality
from mmgraph.encoders.tfidf import TfIdf
from mmgraph.errors import ConfigError, DataError
from mmgraph.progress import Progress

WORDS = ["latin", "small", "letter", "sign", "greek", "arrow", "digit", "with", "acute", "left", "capital"]
RNG = np.random.default_rng(0)
TEXTS = np.array([" ".join(RNG.choice(WORDS, size=5)) for _ in range(60)], dtype=object)


def fitted(texts=TEXTS, **parameters) -> TfIdf:
    encoder = TfIdf(**parameters)
    encoder.fit(texts)
    return encoder


def cosines(rows: np.ndarray) -> np.ndarray:
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit @ unit.T


def test_without_loss_it_keeps_scikit_learns_distances():
    """All directions kept, it is a rotation of TF-IDF around its mean, on another scale."""
    encoder = fitted(components=1000)
    vectorizers = [
        TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\w+", sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True),
    ]
    plain = sparse.hstack([v.fit_transform(TEXTS) for v in vectorizers]).toarray()
    expected = cosines(plain - plain.mean(axis=0))
    np.testing.assert_allclose(cosines(encoder.transform(TEXTS)), expected, atol=1e-4)


def test_training_texts_get_zero_mean_and_a_mean_variance_of_one():
    features = fitted(components=8).transform(TEXTS)
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-5)
    assert features.var(axis=0).mean() == pytest.approx(1, rel=1e-4)


def test_a_truncated_decomposition_gives_the_same_bits_every_time():
    one, two = (fitted(components=5).transform(TEXTS) for _ in range(2))
    assert one.tobytes() == two.tobytes()


def test_there_are_no_more_channels_than_training_rows_allow():
    assert fitted(TEXTS[:5]).channels <= 5
    assert fitted(np.array(["a b"] * 9, dtype=object)).channels == 1
    assert fitted(components=3).channels == 3


def test_equal_texts_give_zeros():
    features = fitted(np.array(["a b"] * 4, dtype=object)).transform(np.array(["a b", "c"], dtype=object))
    assert not features.any()


def test_text_of_which_nothing_is_known_gets_a_finite_vector_that_does_not_depend_on_it():
    features = fitted().transform(np.array(["☃☃ ☄", "字", "", "a" * 100_000], dtype=object))
    assert np.isfinite(features).all()
    np.testing.assert_array_equal(features[0], features[1])
    np.testing.assert_array_equal(features[0], features[2])


def test_inflected_words_are_alike_by_their_characters():
    texts = np.array([*TEXTS, "dancing", "danced", "thunder"], dtype=object)
    near, far = cosines(fitted(texts).transform(texts))[-3, -2:]
    assert near > far + 0.15
    near, far = cosines(fitted(texts, characters=0).transform(texts))[-3, -2:]
    assert near == pytest.approx(far, abs=0.05)


@settings(max_examples=25)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=8))
def test_any_texts_give_finite_features_or_are_refused(texts):
    array = np.array([*texts, ""], dtype=object)[: len(texts)]
    encoder = TfIdf(max_features=50, components=4)
    if not any(text.strip() for text in texts):
        with pytest.raises(DataError, match="holds a word"):
            encoder.fit(array)
        return
    encoder.fit(array)
    features = encoder.transform(TEXTS)
    assert features.shape == (60, encoder.channels)
    assert np.isfinite(features).all()


def test_training_texts_without_a_word_are_refused():
    with pytest.raises(DataError, match="none of the 2 training texts holds a word"):
        fitted(np.array(["...", "?!"], dtype=object), characters=0)


def test_symbols_count_as_characters():
    assert fitted(np.array(["→→", "←←", "↑"], dtype=object)).channels >= 2


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"wrods": 2}, r"wrods: is a key that is not known here\. Did you mean 'words'\?"),
        ({"words": 0}, "words: got 0; wanted a number of at least 1"),
        ({"characters": -1}, "characters: got -1; wanted a number of at least 0"),
        ({"components": "many"}, "components: got 'many'; wanted an integer"),
    ],
)
def test_wrong_parameters_are_refused(parameters, problem):
    with pytest.raises(ConfigError, match=problem):
        TfIdf.from_config(parameters, where="a.yaml: encoder")


def test_the_description_is_the_text_itself(raw):
    described = TfIdf().describe(raw("text", ["one", "two words"]), Progress(quiet=True))
    assert described.tolist() == ["one", "two words"]


def test_texts_of_which_nothing_is_known_are_told():
    encoder = TfIdf(words=1, characters=0)
    encoder.fit(np.array(["red lamp", "blue lamp"], dtype=object))
    raw = RawModality("text", np.arange(2), ["a red thing", "qqq"])
    assert encoder.unseen(raw) == ["", "no known word"]
