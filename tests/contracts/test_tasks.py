"""What every registered task that asks for a target of each entity keeps to, built in or plugged in."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch

from mmgraph.errors import GraphError, UserError
from mmgraph.registry import TASKS
from mmgraph.tasks import SPLITS, ClassLoss, EntityTask, Labels

SPLIT = np.array(["train"] * 6 + ["validation"] * 3 + ["test"] * 3 + ["train", ""])
CLASSES = [f"{value}" for value in (1, 2, 3, 1, 2, 3, 1, 2, 3, 3, 2, 1)]

EXAMPLES = {
    "classification": pd.Series([*CLASSES, None, "1"], dtype="str"),
    "multi_label": pd.Series(
        [f'["{value}", "{value}{value}"]' for value in CLASSES] + [None, '["1"]'], dtype="str"
    ),
    "regression": pd.Series([*map(float, CLASSES), np.nan, 1.0]),
}
"""For each registered task, targets of 14 entities in ``SPLIT``; the last but one has none."""


def labels_of(kind: str, values: pd.Series | None = None) -> Labels:
    return Labels(
        task="colour",
        kind=kind,
        entity="thing",
        column="hue",
        id_values=pd.Series([f"thing-{row}" for row in range(len(SPLIT))]),
        values=EXAMPLES[kind] if values is None else values,
        split=SPLIT,
        where="tasks.colour",
    )


def task_of(kind: str, values: pd.Series | None = None) -> EntityTask:
    return TASKS.get(kind).from_labels(labels_of(kind, values), ClassLoss())


def test_every_registered_task_has_an_example():
    assert set(EXAMPLES) == {name for name, kind in TASKS.items() if issubclass(kind, EntityTask)}


@pytest.fixture(params=sorted(EXAMPLES))
def kind(request):
    return request.param


@pytest.fixture
def task(kind):
    return task_of(kind)


@pytest.fixture
def output(task):
    return torch.randn(len(SPLIT), task.out_channels, generator=torch.Generator().manual_seed(0))


def test_rows_are_the_labelled_entities_of_a_split(task):
    assert {split: task.rows(split).tolist() for split in SPLITS} == {
        "train": [0, 1, 2, 3, 4, 5],
        "validation": [6, 7, 8],
        "test": [9, 10, 11],
    }
    assert task.labelled_splits() == list(SPLITS)


def test_the_loss_is_a_finite_scalar_that_sends_gradients_to_every_row(task, output):
    rows = task.rows("train")
    asked = output[rows].requires_grad_()
    loss = task.loss(asked, rows)
    assert loss.shape == ()
    assert math.isfinite(loss.item())
    loss.backward()
    assert (asked.grad.abs().sum(dim=1) > 0).all()


def test_following_the_gradient_makes_the_loss_smaller_and_the_monitor_better(task, output):
    rows = task.rows("train")
    metric, direction = task.monitor
    before = task.metrics(output[rows], rows)[metric]
    parameter = output[rows].clone().requires_grad_()
    optimiser = torch.optim.Adam([parameter], lr=0.1)
    first = task.loss(parameter, rows).item()
    for _ in range(100):
        optimiser.zero_grad()
        loss = task.loss(parameter, rows)
        loss.backward()
        optimiser.step()
    after = task.metrics(parameter.detach(), rows)[metric]
    assert loss.item() < first / 2
    assert after > before if direction == "max" else after < before


def test_metrics_are_plain_numbers_with_the_monitor_among_them(task, output):
    rows = task.rows("test")
    metrics = task.metrics(output[rows], rows)
    assert task.monitor[0] in metrics
    assert all(type(value) is float for value in metrics.values())


def test_metrics_and_loss_do_not_depend_on_the_order_of_rows(task, output):
    rows = task.rows("test")
    metrics, turned = (task.metrics(output[these], these) for these in (rows, rows.flip(0)))
    assert turned == pytest.approx(metrics)
    losses = [task.loss(output[these], these) for these in (rows, rows.flip(0))]
    assert torch.allclose(*losses)


def test_held_out_answers_do_not_reach_the_training_loss(kind, output):
    values = EXAMPLES[kind].copy()
    values[6:12] = values[6:12].to_numpy()[::-1]
    task, changed = task_of(kind), task_of(kind, values)
    rows = task.rows("train")
    assert torch.equal(rows, changed.rows("train"))
    assert torch.equal(task.loss(output[rows], rows), changed.loss(output[rows], rows))


def test_predictions_have_one_row_for_each_entity(task, output):
    table = task.predictions(output)
    assert list(table)[:4] == ["id", "split", "target", "prediction"]
    assert table["id"].tolist() == [f"thing-{row}" for row in range(len(SPLIT))]
    assert table["split"].tolist() == SPLIT.tolist()
    assert np.flatnonzero(table["target"].isna()).tolist() == [12]
    assert not table["prediction"].isna().any()


def test_a_split_without_answers_is_a_fault_when_it_is_asked_for(kind):
    values = EXAMPLES[kind].copy()
    values[9:12] = None
    task = task_of(kind, values)
    assert task.labelled_splits() == ["train", "validation"]
    with pytest.raises(GraphError, match="no entity of the test split has a value in 'hue'"):
        task.rows("test")


def test_a_misspelt_split_is_answered_with_the_nearest(task):
    with pytest.raises(UserError, match=r"there is no split 'tset'\. Did you mean 'test'\?"):
        task.rows("tset")


def test_it_says_what_it_is_as_json(task, kind):
    described = json.loads(json.dumps(task.describe()))
    assert described["name"] == "colour"
    assert described["kind"] == kind
    assert described["entity"] == "thing"
