"""A share of the labels of training: which ones, how many, and that nothing else is hidden."""

from __future__ import annotations

import numpy as np
import pytest

from mmgraph.errors import ConfigError
from mmgraph.tasks.class_loss import ClassLoss
from mmgraph.tasks.classification import Classification
from mmgraph.tasks.few_labels import FewLabels

CLASSES = ["red"] * 40 + ["blue"] * 20 + ["green"] * 2
SPLIT = "t" * 62 + "v" * 3 + "s" * 3 + "-"


@pytest.fixture
def labels(make_labels):
    return make_labels([*CLASSES, *["red", "blue", "green"] * 2, "red"], SPLIT)


def kept(labels, share, seed=0):
    return set(FewLabels(share, seed).of(labels).rows("train").tolist())


def test_of_each_class_the_share_is_kept_and_at_least_one(labels):
    for share, counts in ((0.1, (4, 2, 1)), (0.01, (1, 1, 1)), (0.5, (20, 10, 1)), (1.0, (40, 20, 2))):
        rows = np.array(sorted(kept(labels, share)))
        assert tuple(np.sum(labels.values.iloc[rows] == name) for name in ("red", "blue", "green")) == counts


def test_a_smaller_share_is_part_of_a_larger_one_and_the_seed_says_which(labels):
    assert kept(labels, 0.05) < kept(labels, 0.2) < kept(labels, 0.7)
    assert kept(labels, 0.2) == kept(labels, 0.2)
    assert kept(labels, 0.2) != kept(labels, 0.2, seed=1)


def test_who_is_measured_keeps_its_label(labels):
    few = FewLabels(0.1).of(labels)
    for split in ("validation", "test"):
        assert few.rows(split).tolist() == labels.rows(split).tolist()
    assert few.split.tolist() == labels.split.tolist()
    assert few.values.iloc[-1] == "red"


def test_of_numbers_two_are_kept(make_labels):
    labels = make_labels(range(30), "t" * 20 + "v" * 5 + "s" * 5, kind="regression")
    assert len(kept(labels, 0.01)) == 2
    assert len(kept(labels, 0.5)) == 10


def test_a_task_without_labels_refuses_a_share(labels):
    FewLabels().refuse(labels)
    with pytest.raises(ConfigError, match=r"label_share: got 0\.1, but 'colour' is a classification"):
        FewLabels(0.1).refuse(labels)


def test_a_note_says_how_many_labels_were_read(labels):
    assert Classification.from_labels(labels, ClassLoss()).notes == []
    few = Classification.from_labels(FewLabels(0.1).of(labels), ClassLoss())
    assert few.notes == ["7 of 62 training labels are read"]
