"""Classification: equal to scikit-learn, honest about classes that cannot be learnt."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from mmgraph.errors import GraphError
from mmgraph.tasks import Classification, ClassLoss, Labels


def classification(labels: Labels, **loss) -> Classification:
    return Classification.from_labels(labels, ClassLoss(**loss))


def output_for(task: Classification, predicted: list[str]) -> torch.Tensor:
    """Return logits whose highest is at the class predicted for each entity."""
    positions = torch.tensor([task.classes.index(name) for name in predicted])
    return torch.nn.functional.one_hot(positions, task.out_channels).float()


def test_classes_are_those_of_training_entities_in_order(make_labels):
    task = classification(make_labels(["b", "a", "b", "c", None], "ttvst"))
    assert task.classes == ("a", "b")
    assert task.unseen == ("c",)
    assert task.out_channels == 2


def test_unlabelled_and_unsplit_entities_take_no_part(make_labels):
    task = classification(make_labels(["b", "a", None, "b", "a", "b"], "tttv-s"))
    assert task.rows("train").tolist() == [0, 1]
    assert task.rows("validation").tolist() == [3]
    assert task.rows("test").tolist() == [5]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=30))
def test_metrics_equal_scikit_learn(pairs):
    # Three classes are learnt, two more are only among the test entities.
    values = ["0", "1", "2", "0"] + [str(target) for target, _ in pairs]
    labels = Labels(
        "colour",
        "classification",
        "thing",
        "hue",
        id_values=pd.Series([str(row) for row in range(len(values))]),
        values=pd.Series(values, dtype="str"),
        split=np.array(["train"] * 3 + ["validation"] + ["test"] * len(pairs)),
        where="tasks.colour",
    )
    task = classification(labels)
    predicted = ["0"] * 4 + [str(prediction) for _, prediction in pairs]
    rows = task.rows("test")
    found = task.metrics(output_for(task, predicted)[rows], rows)
    truth, guess = values[4:], predicted[4:]
    present = sorted(set(truth))
    recall = sk.recall_score(truth, guess, labels=present, average="macro", zero_division=0)
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(truth, guess))
    assert found["balanced_accuracy"] == pytest.approx(recall)
    assert found["f1_score"] == pytest.approx(sk.f1_score(truth, guess, average="macro", zero_division=0))
    assert next(iter(found)) == task.monitor[0]


def test_a_class_without_training_entities_counts_as_wrong_and_is_noted(make_labels):
    task = classification(make_labels(["a", "b", "a", "a", "z", "z"], "ttvsss"))
    found = task.metrics(output_for(task, ["a", "a", "a"]), task.rows("test"))
    assert found["accuracy"] == pytest.approx(1 / 3)
    assert found["balanced_accuracy"] == pytest.approx(1 / 2)
    assert task.notes == [
        "1 class has no training entity, so its 2 entities of validation and test count as wrong: z"
    ]
    assert task.describe()["unseen_classes"] == ["z"]


def test_a_class_without_training_entities_takes_no_part_in_the_loss(make_labels):
    task = classification(make_labels(["a", "b", "a", "z"], "ttvv"))
    output = torch.randn(2, 2)
    assert torch.equal(task.loss(output, task.rows("validation")), task.loss(output[:1], torch.tensor([2])))


def test_balanced_weights_make_every_class_count_the_same(make_labels):
    labels = make_labels(["a", "a", "a", "b", "b"], "ttttv")
    task = classification(labels, class_weights="balanced")
    assert task.class_weight.tolist() == pytest.approx([4 / (2 * 3), 4 / (2 * 1)])
    # A constant guess for `a` is then as bad as one for `b`.
    guess_a, guess_b = output_for(task, ["a"] * 4), output_for(task, ["b"] * 4)
    rows = task.rows("train")
    assert task.loss(guess_a, rows).item() == pytest.approx(task.loss(guess_b, rows).item())
    assert classification(labels).loss(guess_a, rows) < classification(labels).loss(guess_b, rows)
    # In whatever batches they come, entities count as much.
    each = [task.loss(guess_a[row : row + 1], rows[row : row + 1]).item() for row in range(4)]
    assert sum(each) / 4 == pytest.approx(task.loss(guess_a, rows).item())


def test_label_smoothing_reaches_the_loss(make_labels):
    labels = make_labels(["a", "b", "b"], "ttv")
    sure = 20 * output_for(classification(labels), ["a", "b"])
    rows = torch.tensor([0, 1])
    assert classification(labels).loss(sure, rows).item() == pytest.approx(0, abs=1e-6)
    assert classification(labels, label_smoothing=0.2).loss(sure, rows).item() == pytest.approx(2.0, abs=1e-3)


def test_focal_loss_reaches_the_loss(make_labels):
    labels = make_labels(["a", "b", "b"], "ttv")
    output, rows = torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 1])
    p = torch.tensor([np.e / (1 + np.e), 0.5])
    wanted = (-((1 - p) ** 3) * p.log()).mean().item()
    task = classification(labels, name="focal", focal_gamma=3.0)
    assert task.loss(output, rows).item() == pytest.approx(wanted)


def test_predictions_keep_ids_and_missing_targets(make_labels):
    task = classification(make_labels(["b", "a", None, "z"], "tt-s"))
    table = task.predictions(output_for(task, ["b", "a", "a", "b"]))
    assert table["id"].tolist() == ["thing-0", "thing-1", "thing-2", "thing-3"]
    assert table["split"].tolist() == ["train", "train", "", "test"]
    assert table["prediction"].tolist() == ["b", "a", "a", "b"]
    assert table["target"].isna().tolist() == [False, False, True, False]
    assert table["target"].dropna().tolist() == ["b", "a", "z"]
    assert table["probabilities"][0] == pytest.approx([1 / (1 + np.e), np.e / (1 + np.e)], abs=1e-6)


def test_a_single_class_is_a_fault(make_labels):
    with pytest.raises(GraphError, match="all training entities have the value 'a' in 'hue'"):
        classification(make_labels(["a", "a", "b"], "ttv"))


def test_its_tensors_follow_a_module_but_are_no_weights(make_labels):
    task = classification(make_labels(["a", "b", "b"], "ttv"))
    assert task.state_dict() == {}
    assert list(task.parameters()) == []
    assert task.to("meta").target.device.type == "meta"
