"""Regression: learnt standardised, measured and predicted on the target's own scale."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import metrics as sk

from mmgraph.errors import ConfigError, GraphError
from mmgraph.tasks import ClassLoss, Labels, Regression


def regression(labels: Labels) -> Regression:
    return Regression.from_labels(labels, ClassLoss())


@pytest.fixture
def task(make_labels):
    values = [10.0, 30.0, 20.0, 50.0, 70.0, None, 20.0, 40.0]
    return regression(make_labels(values, "tttvvtss", kind="regression"))


def test_it_is_standardised_by_training_entities_alone(task):
    assert task.mean == pytest.approx(20)
    assert task.std == pytest.approx(np.std([10, 30, 20]))


def test_an_output_of_zero_predicts_the_training_mean(task):
    table = task.predictions(torch.zeros(8, 1))
    assert table["prediction"].tolist() == [20.0] * 8
    assert table["target"].tolist()[:5] == [10.0, 30.0, 20.0, 50.0, 70.0]
    assert table["target"].isna().tolist() == [False] * 5 + [True, False, False]


def test_the_loss_is_on_the_standardised_scale(task):
    wanted = np.mean(((np.array([10, 30, 20]) - 20) / task.std) ** 2)
    assert task.loss(torch.zeros(3, 1), task.rows("train")).item() == pytest.approx(wanted)


def test_metrics_equal_scikit_learn_on_the_targets_scale(task):
    output = torch.randn(8, 1, generator=torch.Generator().manual_seed(0))
    predicted = output[:, 0].double().numpy() * task.std + task.mean
    for split, rows, target in (("validation", [3, 4], [50, 70]), ("test", [6, 7], [20, 40])):
        found = task.metrics(output[rows], task.rows(split))
        assert found["r2_score"] == pytest.approx(sk.r2_score(target, predicted[rows]))
        assert found["mean_absolute_error"] == pytest.approx(sk.mean_absolute_error(target, predicted[rows]))
        assert found["mean_squared_error"] == pytest.approx(sk.mean_squared_error(target, predicted[rows]))
    assert task.monitor == (next(iter(found)), "max")


def test_a_constant_target_is_a_fault(make_labels):
    with pytest.raises(GraphError, match="all 2 training entities have the value 3 in 'hue'"):
        regression(make_labels([3.0, 3.0, 4.0, 5.0], "ttvv", kind="regression"))


def test_a_split_of_one_has_no_r2(make_labels):
    with pytest.raises(GraphError, match="the validation split has one entity with a value"):
        regression(make_labels([3.0, 4.0, 4.0], "ttv", kind="regression"))


def test_all_values_that_are_no_finite_numbers_are_named(make_labels):
    labels = make_labels([3.0, np.inf, 4.0, -np.inf], "ttvv", kind="regression")
    with pytest.raises(GraphError, match="wanted a finite number") as caught:
        regression(labels)
    assert [fault.where for fault in caught.value.faults] == [
        "tasks.colour: thing 'thing-1'",
        "tasks.colour: thing 'thing-3'",
    ]


def test_text_is_a_fault(make_labels):
    with pytest.raises(GraphError, match="got 'many' in 'hue'"):
        regression(make_labels(["3", "many", "4", "5"], "ttvv"))


def test_what_needs_classes_is_refused_all_at_once(make_labels):
    labels = make_labels([1.0, 2.0, 3.0, 4.0], "ttvv", kind="regression")
    loss = ClassLoss("focal", class_weights="balanced", label_smoothing=0.1)
    with pytest.raises(
        ConfigError, match="loss: got focal, but 'colour' is a regression and has no cl"
    ) as caught:
        Regression.from_labels(labels, loss)
    assert [fault.where for fault in caught.value.faults] == ["loss", "class_weights", "label_smoothing"]
