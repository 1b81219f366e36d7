from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_extraction.text import HashingVectorizer

from mmgraph.encoders import HashedNGrams, hashed_ngrams
from mmgraph.errors import ConfigError

TEXTS = ["red circle", "red red square", "green circle with a square", ""]


def test_words_are_counted_as_scikit_learn_hashes_them(raw, quiet):
    encoder = HashedNGrams(words=2, characters=0, buckets=64)
    described = encoder.describe(raw("text", TEXTS), quiet)
    hashes = HashingVectorizer(ngram_range=(1, 2), n_features=64, norm=None, token_pattern=r"(?u)\w+")
    counts = hashes.transform(TEXTS).toarray()
    roots = np.sign(counts) * np.sqrt(np.abs(counts))
    lengths = np.linalg.norm(roots, axis=1, keepdims=True)
    np.testing.assert_allclose(described, roots / np.where(lengths, lengths, 1), atol=1e-6)
    assert described[:3].any(axis=1).all()
    assert not described[3].any()


def test_a_word_that_no_training_text_has_still_counts(raw, quiet):
    encoder = HashedNGrams(buckets=256)
    encoder.fit(encoder.describe(raw("text", TEXTS), quiet))
    new = encoder.transform(encoder.describe(raw("text", ["circles", "xylophone"]), quiet))
    assert np.abs(new[0] - new[1]).max() > 0.01


def test_many_texts_have_the_bits_of_few(raw, quiet):
    many = HashedNGrams().describe(raw("text", TEXTS * 400), quiet)
    assert many[-4:].tobytes() == HashedNGrams().describe(raw("text", TEXTS), quiet).tobytes()


def test_long_texts_are_counted_a_few_at_a_time_to_the_same_bits(raw, quiet, monkeypatch):
    expected = HashedNGrams(buckets=64).describe(raw("text", TEXTS), quiet)
    counted, weights = [], HashedNGrams._weights
    monkeypatch.setattr(hashed_ngrams, "_CHARACTERS", 30)
    monkeypatch.setattr(
        HashedNGrams, "_weights", lambda self, texts: counted.append(list(texts)) or weights(self, texts)
    )
    described = HashedNGrams(buckets=64).describe(raw("text", TEXTS), quiet)
    assert counted == [TEXTS[:2], TEXTS[2:]]
    assert described.tobytes() == expected.tobytes()


def test_wrong_parameters_are_refused():
    with pytest.raises(ConfigError, match="buckets: got 3; wanted a number of at least 16"):
        HashedNGrams(buckets=3)
