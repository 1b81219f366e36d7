"""Several labels: the loss equal to torch's, honest about labels that are left out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.utils.class_weight import compute_class_weight

from mmgraph.data.label_sets import write_label_set
from mmgraph.errors import ConfigError, GraphError
from mmgraph.tasks import ClassLoss, MultiLabel, multi_label
from mmgraph.tasks.few_labels import FewLabels
from mmgraph.tasks.label_head import LabelHead, with_threshold


@pytest.fixture
def make(make_labels):
    """Return a function from labels, one word an entity with a letter each, to a task; `?` is unlabelled."""

    def make(words, split, *, min_count=1, **loss):
        values = [None if word == "?" else write_label_set(word.replace("-", "")) for word in words.split()]
        labels = make_labels(values, split, kind="multi_label")
        return MultiLabel.from_labels(labels, ClassLoss(**loss), min_count=min_count)

    return make


WORDS, PARTS = "ab a bc - ? abc b cb", "ttttvvss"


def test_labels_are_those_of_training_entities_in_order(make):
    task = make("ba c b - ac az", "ttttvs")
    assert task.names == ("a", "b", "c")
    assert task.target.int().tolist() == [[1, 1, 0], [0, 0, 1], [0, 1, 0], [0, 0, 0], [1, 0, 1], [1, 0, 0]]
    assert task.out_channels == 4


def test_an_empty_list_is_a_label_set_and_an_empty_cell_is_none(make):
    task = make(WORDS, PARTS)
    assert task.rows("train").tolist() == [0, 1, 2, 3]
    assert task.rows("validation").tolist() == [5]
    assert task.targets().tolist() == [
        ["a", "b"],
        ["a"],
        ["b", "c"],
        [],
        None,
        ["a", "b", "c"],
        ["b"],
        ["b", "c"],
    ]


def test_labels_of_too_few_training_entities_are_left_out_and_noted(make):
    task = make("ab ab abc a acz bc", "tttvvs", min_count=2)
    assert task.names == ("a", "b")
    assert task.notes == [
        "2 labels that fewer than 2 training entities have are left out of loss and metrics, 50.0% of all "
        "labels of validation and test: c, z"
    ]
    assert task.describe()["left_out"] == 2
    assert make("ab ab abc a ac bc", "tttvvs").notes == []


def test_labels_that_training_lacks_are_noted(make):
    task = make("ab a b az", "ttvs")
    assert task.names == ("a", "b")
    assert task.notes == [
        "1 label that no training entity has is left out of loss and metrics, 33.3% of all labels of "
        "validation and test: z"
    ]


@pytest.mark.parametrize(
    ("words", "parts", "min_count", "said"),
    [
        ("a b a", "ttv", 1, "no training entity has more than one label in 'hue'"),
        ("ab bc b", "ttv", 3, "no label in 'hue' is had by 3 or more training entities"),
        ("ab bc z", "ttv", 1, "no entity of the validation split has one of the 3 labels of 'hue'"),
        ("ab bc a z", "ttvs", 1, "no entity of the test split has one of the 3 labels of 'hue'"),
    ],
)
def test_what_cannot_be_learnt_is_a_fault(make, words, parts, min_count, said):
    with pytest.raises(GraphError, match=said):
        make(words, parts, min_count=min_count)


def test_a_value_that_is_no_list_is_a_fault(make_labels):
    labels = make_labels(["red|blue", '["red"]', '["red"]'], "ttv", kind="multi_label")
    with pytest.raises(GraphError, match=r"thing 'thing-0': got 'red\|blue'; wanted a JSON list of texts"):
        MultiLabel.from_labels(labels, ClassLoss())


@pytest.fixture
def output():
    return torch.randn(8, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_the_loss_is_torchs_binary_cross_entropy(make, output):
    task = make(WORDS, PARTS)
    rows = task.rows("train")
    wanted = task.target[rows].double()
    expected = F.binary_cross_entropy_with_logits(output[rows, :-1], wanted)
    assert task.loss(output[rows], rows).item() == pytest.approx(expected.item())
    smooth = make(WORDS, PARTS, label_smoothing=0.2)
    expected = F.binary_cross_entropy_with_logits(output[rows, :-1], wanted * 0.8 + 0.1)
    assert smooth.loss(output[rows], rows).item() == pytest.approx(expected.item())


def test_focal_loss_is_that_of_the_paper(make, output):
    task = make(WORDS, PARTS, name="focal", focal_gamma=1.5)
    rows = task.rows("train")
    p = output[rows, :-1].sigmoid()
    p_true = torch.where(task.target[rows], p, 1 - p)
    expected = (-((1 - p_true) ** 1.5) * p_true.log()).mean()
    assert task.loss(output[rows], rows).item() == pytest.approx(expected.item())


def test_a_sure_output_keeps_the_gradient_of_a_focal_loss_finite(make):
    task = make(WORDS, PARTS, name="focal", focal_gamma=0.5)
    rows = task.rows("train")
    sure = torch.where(task.target[rows], 200.0, -200.0)
    asked = torch.cat([sure, torch.zeros(len(rows), 1)], dim=1).requires_grad_()
    task.loss(asked, rows).backward()
    assert asked.grad.isfinite().all()


def test_balanced_weights_equal_scikit_learn(make):
    task = make(WORDS, PARTS, class_weights="balanced")
    for label, has in enumerate(task.target[task.rows("train")].T):
        expected = compute_class_weight("balanced", classes=np.array([False, True]), y=has.numpy())
        assert task.weight[:, label].tolist() == pytest.approx(expected)


def test_balanced_weights_make_never_as_bad_as_always(make):
    never = torch.full((4, 4), -3.0)
    rows = torch.tensor([0, 1, 2, 3])
    plain, balanced = make(WORDS, PARTS), make(WORDS, PARTS, class_weights="balanced")
    assert balanced.loss(never, rows).item() == pytest.approx(balanced.loss(-never, rows).item())
    assert plain.loss(never, rows) < plain.loss(-never, rows)


def test_the_head_begins_with_how_frequent_labels_are(make):
    task = make(WORDS, PARTS)
    head = task.make_head(16)
    assert head.linear.bias.sigmoid().tolist() == pytest.approx([0.5, 0.5, 0.25])
    assert head(torch.zeros(2, 16)).shape == (2, 4)
    balanced = make(WORDS, PARTS, class_weights="balanced").make_head(16)
    assert balanced.linear.bias.tolist() == [0, 0, 0]


def test_the_threshold_is_chosen_on_validation_and_is_saved_with_the_weights(make):
    task = make("ab a bc - abc b cb", "tttvvss")
    head = task.make_head(16)
    assert isinstance(head, LabelHead)
    rows = task.rows("validation")
    scores = torch.tensor([[-2.0, -3, -2.5], [-1.0, -1.5, -1]])
    settled = task.settle(head, with_threshold(scores, 0.0), rows)
    assert head.state_dict()["threshold"].item() == -1.75
    assert settled[:, -1].tolist() == [-1.75, -1.75]
    assert task.metrics(settled, rows)["micro_f1_score"] == 1
    assert task.metrics(with_threshold(scores, 0.0), rows)["micro_f1_score"] == 0


def test_predictions_are_the_labels_above_the_threshold(make):
    task = make("ab a bc - abc b cb", "tttvvss")
    scores = torch.full((7, 3), -1.0)
    scores[2] = torch.tensor([0.5, 2.0, 0.0])
    table = task.predictions(with_threshold(scores, 0.25))
    assert table["prediction"].tolist() == [[], [], ["a", "b"], [], [], [], []]
    assert table["target"][4] == ["a", "b", "c"]
    assert table["probabilities"][2] == pytest.approx([0.622459, 0.880797, 0.5], abs=1e-6)


def test_a_share_of_the_labels_is_refused(make_labels):
    labels = make_labels(['["a", "b"]'] * 3, "ttv", kind="multi_label")
    with pytest.raises(ConfigError, match=r"label_share: got 0\.1, but 'colour' is a multi_label"):
        FewLabels(0.1, 0).refuse(labels)


def test_half_precision_loses_no_label_that_lies_near_the_threshold():
    logits = torch.tensor([[1.0]], dtype=torch.bfloat16)
    found = with_threshold(logits, 1.0 - 2**-12)
    assert found.dtype == torch.float32
    assert found[0, 0] > found[0, 1]


def test_more_answers_than_fit_are_refused_with_the_min_count_that_fits(make, monkeypatch):
    words = "abc ab ad b ab"
    monkeypatch.setattr(multi_label, "_MOST_CELLS", 5 * 3)
    with pytest.raises(
        GraphError,
        match=r"min_count: 4 labels .* for 5 entities are 20 answers; .* at most 15.*"
        r"min_count of 2 or more",
    ):
        make(words, "ttttv")
    assert make(words, "ttttv", min_count=2).names == ("a", "b")
    monkeypatch.setattr(multi_label, "_MOST_CELLS", 5)
    with pytest.raises(GraphError, match=r"No min_count would do: build a graph with fewer of them"):
        make("ab ab ab ab ab", "ttttv")
