"""Metrics of several labels, against scikit-learn's and by brute force."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from mmgraph.tasks import label_metrics
from mmgraph.tasks.label_metrics import average_precision, best_threshold, f1_scores


def drawn(rows: int, labels: int, seed: int, *, levels: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    """Return scores with many ties, and labels of which at least one is there."""
    rng = np.random.default_rng(seed)
    has = rng.random((rows, labels)) < 0.3
    has[rng.integers(rows), rng.integers(labels)] = True
    scores = rng.integers(0, levels, size=(rows, labels)) / 2
    return torch.from_numpy(scores.astype(np.float32)), torch.from_numpy(has)


sizes = {"rows": st.integers(1, 9), "labels": st.integers(1, 6), "seed": st.integers(0, 10**6)}


@settings(max_examples=60)
@given(**sizes)
def test_average_precision_equals_scikit_learn(rows, labels, seed):
    scores, has = drawn(rows, labels, seed)
    there = has.any(dim=0)
    expected = [
        sk.average_precision_score(has[:, label], scores[:, label]) for label in there.nonzero().flatten()
    ]
    assert average_precision(scores.T, has.T).tolist() == pytest.approx(expected)


@settings(max_examples=60)
@given(**sizes)
def test_ranking_average_precision_equals_scikit_learn(rows, labels, seed):
    scores, has = drawn(rows, labels, seed)
    asked = has.any(dim=1)
    expected = sk.label_ranking_average_precision_score(has[asked].numpy(), scores[asked].numpy())
    assert average_precision(scores, has).mean().item() == pytest.approx(expected)


@settings(max_examples=60)
@given(**sizes)
def test_f1_equals_scikit_learn(rows, labels, seed):
    scores, has = drawn(rows, labels, seed)
    told, there = (scores > 1).numpy(), np.flatnonzero(has.any(dim=0).numpy())
    # A single column it would take for classes, of which lacking the label is one.
    micro = sk.f1_score(has.flatten().numpy(), told.flatten(), zero_division=0)
    macro = np.mean([sk.f1_score(has[:, label].numpy(), told[:, label], zero_division=0) for label in there])
    assert f1_scores(torch.from_numpy(told), has) == pytest.approx((micro, macro))


@settings(max_examples=60)
@given(**sizes)
def test_no_other_threshold_has_a_higher_f1(rows, labels, seed):
    scores, has = drawn(rows, labels, seed)
    chosen = best_threshold(scores, has)
    assert chosen not in scores.unique().tolist()
    tried = [f1_scores(scores > value, has)[0] for value in np.arange(-0.75, 3, 0.25)]
    assert f1_scores(scores > chosen, has)[0] == pytest.approx(max(tried))


def test_scores_in_parts_have_the_same_threshold(monkeypatch):
    scores, has = drawn(40, 5, 0, levels=50)
    whole = best_threshold(scores, has)
    monkeypatch.setattr(label_metrics, "_MOST_AT_ONCE", 15)
    assert best_threshold(scores, has) == whole
    told = f1_scores(scores > whole, has)[0]
    assert told == max(f1_scores(scores > value - 0.1, has)[0] for value in scores.unique())
