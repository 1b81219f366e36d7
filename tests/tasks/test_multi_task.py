"""Several tasks of one model: each by its own labels and loss, none learning from what another is asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from mmgraph.errors import ConfigError, GraphError
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.tasks import Classification, ClassLoss, MultiLabel, MultiTask, Regression, TaskWeights
from mmgraph.tasks.heads import Heads
from mmgraph.tasks.joined_labels import join_labels

CHANNELS = 4


@pytest.fixture
def labels(make_labels):
    """Return labels of a colour, of which two are unknown, and of a size, of which others are."""
    colour = make_labels(["a", "b", "a", None, "b", "a", "b", None], "ttttvvss")
    size = make_labels([1.0, 2.0, np.nan, 4.0, 5.0, 6.0, 7.0, 9.0], "ttttvvss", kind="regression")
    return colour, replace(size, task="size")


@pytest.fixture
def make(labels):
    """Return a function from weights to the task of both."""

    def make(weights=None) -> MultiTask:
        colour, size = labels
        members = {
            "colour": Classification.from_labels(colour, ClassLoss()),
            "size": Regression.from_labels(size, ClassLoss()),
        }
        return MultiTask(join_labels("colour,size", labels), members, TaskWeights(weights))

    return make


def states(entities: int = 8) -> torch.Tensor:
    return torch.randn(entities, CHANNELS, generator=torch.Generator().manual_seed(0))


def outputs(task: MultiTask, head: Heads, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    rows = task.rows(split)
    return task.output(head, lambda asked, view=None: {"thing": states()[asked["thing"]]}, rows), rows


def whole(seeds: torch.Tensor | None = None) -> GraphBatch:
    return GraphBatch({"thing": states() if seeds is None else states()[seeds]}, {}, {}, {}, None, seeds)


def test_rows_are_those_that_any_task_asks_about(make):
    task = make()
    assert task.rows("train").tolist() == [0, 1, 2, 3]
    assert task.rows("test").tolist() == [6, 7]
    assert len(task.notes) == 1
    assert task.labels.values.notna().all()


def test_loss_and_metrics_are_those_of_each_task_by_itself(make, labels):
    task = make({"colour": 3.0})
    head = task.make_head(CHANNELS)
    output, rows = outputs(task, head, "validation")
    found = task.metrics(output, rows)
    colour = Classification.from_labels(labels[0], ClassLoss())
    size = Regression.from_labels(labels[1], ClassLoss())
    own = head.heads["colour"](states())[rows], head.heads["size"](states())[rows]
    of_colour, of_size = colour.metrics(own[0], rows), size.metrics(own[1], rows)
    expected = {f"colour/{k}": v for k, v in of_colour.items()} | {f"size/{k}": v for k, v in of_size.items()}
    score = (3 * of_colour["accuracy"] + of_size["r2_score"]) / 4
    assert found == pytest.approx({"weighted_score": score, **expected})
    assert next(iter(found)) == task.monitor[0] == "weighted_score"
    losses = colour.loss(own[0], rows), size.loss(own[1], rows)
    assert task.loss(output, rows).item() == pytest.approx(((3 * losses[0] + losses[1]) / 4).item())


def test_a_step_has_the_loss_of_the_training_rows(make):
    task = make()
    head = task.make_head(CHANNELS)
    output, rows = outputs(task, head, "train")
    step = task.step(head, lambda batch: batch.x_dict, whole())
    assert step.num_rows == 4
    assert step.loss.item() == pytest.approx(task.loss(output, rows).item(), rel=1e-6)


def test_batches_add_up_to_the_whole(make):
    task = make({"size": 2.0})
    head = task.make_head(CHANNELS)
    at_once = task.step(head, lambda batch: batch.x_dict, whole())
    parts = [task.step(head, lambda batch: batch.x_dict, whole(torch.tensor(s))) for s in ([0, 3, 2], [1])]
    assert sum(p.loss.item() * p.num_rows for p in parts) / 4 == pytest.approx(at_once.loss.item(), rel=1e-6)
    nobody = task.step(head, lambda batch: batch.x_dict, whole(torch.tensor([], dtype=torch.int64)))
    assert (nobody.loss.item(), nobody.num_rows) == (0, 0)


def test_held_out_answers_do_not_reach_a_step(make, labels):
    task, head = make(), make().make_head(CHANNELS)
    values = labels[1].values.copy()
    values[4:] = values[4:].to_numpy()[::-1]
    changed = (labels[0], replace(labels[1], values=values))
    members = {
        "colour": Classification.from_labels(changed[0], ClassLoss()),
        "size": Regression.from_labels(changed[1], ClassLoss()),
    }
    other = MultiTask(join_labels("colour,size", changed), members, TaskWeights())
    losses = [one.step(head, lambda batch: batch.x_dict, whole()).loss for one in (task, other)]
    assert torch.equal(*losses)


def test_uncertainty_weighs_losses_as_the_paper_does(make):
    task = make("uncertainty")
    head = task.make_head(CHANNELS)
    losses = {"colour": torch.tensor(0.7), "size": torch.tensor(1.5)}
    with torch.no_grad():
        head.log_variance.copy_(torch.tensor([0.2, -0.4]))
    expected = (np.exp(-0.2) * 0.7 + 0.1 + 0.5 * np.exp(0.4) * 1.5 - 0.2) / 2
    total = head.total(losses)
    assert total.item() == pytest.approx(expected)
    total.backward()
    assert (head.log_variance.grad != 0).all()
    assert make().make_head(CHANNELS).log_variance is None


def test_a_weight_of_no_task_is_refused(make):
    with pytest.raises(ConfigError, match=r"task_weights\.sise: is none of the tasks.*Did you mean 'size'"):
        make({"sise": 2.0})


def test_one_task_has_no_weights(labels):
    with pytest.raises(ConfigError, match=r"task_weights: got .* but 'colour' is one task"):
        TaskWeights({"colour": 2.0}).refuse(labels[0])


def test_tasks_that_hold_out_others_are_refused(labels):
    colour, size = labels
    other = replace(size, split=np.array(["train"] * 3 + ["test"] + ["validation"] * 2 + ["test"] * 2))
    with pytest.raises(GraphError, match=r"1 entity is in one part .* such as 'thing-3' \(train and test\)"):
        join_labels("colour,size", [colour, other])


def test_an_entity_in_no_part_of_one_task_has_that_of_the_other(labels):
    colour, size = labels
    none = replace(size, split=np.where(np.arange(8) == 1, "", size.split))
    assert join_labels("colour,size", [none, colour]).split.tolist() == colour.split.tolist()


def test_predictions_have_columns_of_each_task(make):
    task = make()
    table = task.predict(
        task.make_head(CHANNELS), lambda asked, view=None: {"thing": states()[asked["thing"]]}
    )
    assert list(table) == [
        "entity",
        "id",
        "split",
        "colour/target",
        "colour/prediction",
        "colour/probabilities",
        "size/target",
        "size/prediction",
    ]
    assert table["size/target"].isna().tolist() == [False, False, True, *[False] * 5]
    assert table["colour/target"].isna().tolist() == [*[False] * 3, True, *[False] * 3, True]


def test_two_entity_types_have_rows_one_after_the_other(labels):
    colour, size = labels
    size = replace(
        size, entity="box", id_values=size.id_values[:6], split=size.split[:6], values=size.values[:6]
    )
    members = {
        "colour": Classification.from_labels(colour, ClassLoss()),
        "size": Regression.from_labels(size, ClassLoss()),
    }
    task = MultiTask(join_labels("both", [colour, size]), members, TaskWeights())
    assert task.rows("train").tolist() == [0, 1, 2, 8, 9, 11]
    assert task.labelled_splits() == ["train", "validation", "test"]
    assert task.split_of("thing").tolist() == colour.split.tolist()
    assert task.split_of("box").tolist() == size.split.tolist()
    assert task.split_of("bag") is None
    head = task.make_head(CHANNELS)
    both = {"thing": states(), "box": states(6) + 1}

    def unify(asked, view=None):
        return {name: both[name][rows] for name, rows in asked.items()}

    rows = task.rows("validation")
    found = task.metrics(task.output(head, unify, rows), rows)
    own = task.members["size"].metrics(head.heads["size"](both["box"])[4:6], torch.tensor([4, 5]))
    assert found["size/r2_score"] == pytest.approx(own["r2_score"])
    # No box is tested, which the reader is told.
    rows = task.rows("test")
    tested = task.metrics(task.output(head, unify, rows), rows)
    assert [name for name in tested if "size" in name] == []
    assert tested["weighted_score"] == tested["colour/accuracy"]
    assert task.notes[1].startswith("no test entity has an answer for size, so that weighted_score")
    step = task.step(head, lambda batch: both, whole())
    rows = task.rows("train")
    assert step.loss.item() == pytest.approx(task.loss(task.output(head, unify, rows), rows).item(), rel=1e-6)
    table = task.predict(head, unify)
    assert table["entity"].tolist() == ["thing"] * 8 + ["box"] * 6
    assert pd.isna(table["size/prediction"][:8]).all()
    assert table["size/prediction"][8:].notna().all()


def test_a_task_without_any_of_the_rows_chooses_no_threshold(labels):
    words = ['["a", "b"]', '["b"]', '["a"]', None, '["a"]', None, None, None]
    hues = replace(labels[0], task="hues", kind="multi_label", values=pd.Series(words, dtype="str"))
    members = {
        "colour": Classification.from_labels(labels[0], ClassLoss()),
        "hues": MultiLabel.from_labels(hues, ClassLoss()),
    }
    task = MultiTask(join_labels("colour,hues", [labels[0], hues]), members, TaskWeights())
    head = task.make_head(CHANNELS)
    output, rows = outputs(task, head, "test")
    assert torch.equal(task.settle(head, output, rows), output)
    assert head.heads["hues"].threshold == 0
    assert next(iter(task.metrics(output, rows))) == "weighted_score"
