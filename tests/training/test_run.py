"""A run: metrics, predictions and representations that agree with each other."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from mmgraph.errors import UserError
from mmgraph.training import Run, train


@pytest.fixture(scope="module")
def run(make_graph, quick) -> Run:
    labels = np.random.default_rng(1).integers(0, 3, size=120)
    return train(make_graph(labels, signal=1.0), task="colour", overrides=quick)


def test_metrics_are_those_of_the_predictions(run):
    table = run.predictions()
    assert table["id"].tolist() == run.graph.nodes["thing"]["id"].tolist()
    for split in ("train", "validation", "test"):
        part = table[table["split"] == split]
        wanted = accuracy_score(part["target"], part["prediction"])
        assert run.evaluate(split)["accuracy"] == pytest.approx(wanted)
    assert run.evaluate() == run.evaluate("test")
    assert run.metrics() == {split: run.evaluate(split) for split in ("train", "validation", "test")}


def test_probabilities_are_in_the_order_of_the_classes(run):
    table = run.predictions()
    probabilities = np.stack(table["probabilities"].to_list())
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert [run.task.classes[best] for best in probabilities.argmax(axis=1)] == table["prediction"].tolist()


def test_embed_gives_the_representation_of_every_entity(run):
    ids, vectors = run.embed("thing")
    assert ids.tolist() == run.graph.nodes["thing"]["id"].tolist()
    assert vectors.shape == (120, 16)
    assert vectors.dtype == np.float32
    # The head on top of it gives the predictions.
    weight, bias = (value.detach().numpy() for value in (run.module.head.weight, run.module.head.bias))
    best = (vectors @ weight.T + bias).argmax(axis=1)
    assert [run.task.classes[position] for position in best] == run.predictions()["prediction"].tolist()


def test_embed_takes_the_entity_type_of_the_task_by_default(run):
    assert np.array_equal(run.embed()[1], run.embed("thing")[1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda run: run.embed("thin"), "there is no entity type 'thin'. Did you mean 'thing'?"),
        (lambda run: run.embed("thing/text"), "there is no entity type 'thing/text'"),
        (lambda run: run.evaluate("tset"), "there is no split 'tset'. Did you mean 'test'?"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_nearest(run, call, message):
    with pytest.raises(UserError, match=message):
        call(run)
