"""Baselines for retrieval: they find linear relations between two modalities, and chance finds nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from mmgraph.data.task_spec import RetrievalTaskSpec
from mmgraph.evaluation.baselines import BASELINES
from mmgraph.graph.schema import GraphSchema, NodeType
from mmgraph.tasks import Labels, Retrieval
from mmgraph.tasks.content import Content
from mmgraph.tasks.objectives import Contrast
from mmgraph.tasks.ridge_maps import KERNELS

COUNT = 200
SPLIT = np.array(["train"] * 100 + ["validation"] * 40 + ["test"] * 60)


@pytest.fixture(scope="module")
def task():
    """Return a retrieval whose modalities are linear images of the same numbers."""
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(COUNT, 5))
    features = {
        name: (latent @ rng.normal(size=(5, width)) + 0.05 * rng.normal(size=(COUNT, width)) + 3).astype("f4")
        for name, width in (("image", 9), ("text", 7))
    }
    ids = np.array([f"t{row}" for row in range(COUNT)])
    labels = Labels(
        task="find",
        kind="retrieval",
        entity="thing",
        column="image or text",
        id_values=pd.Series(ids),
        values=pd.Series(ids),
        split=SPLIT,
        where="tasks.find",
    )
    spec = RetrievalTaskSpec(kind="retrieval", entity="thing", query="image", answer="text", split="s")
    node_types = [NodeType("thing", COUNT, 0, "thing")]
    node_types += [
        NodeType(f"thing/{n}", COUNT, x.shape[1], "thing", n, "features") for n, x in features.items()
    ]
    content = {name: Content(x, np.arange(COUNT), COUNT) for name, x in features.items()}
    return Retrieval(labels, spec, GraphSchema(tuple(node_types), ()), Contrast(), content)


def metrics(task, name, split="test"):
    fitted = BASELINES[name].fit(task, None)
    rows = task.rows(split)
    return task.metrics(fitted.output(rows), rows), fitted


@pytest.mark.parametrize("name", ["cca", "linear_map", "kernel_map", "closed_form"])
def test_linear_relations_are_found(task, name):
    found, fitted = metrics(task, name)
    assert found["mrr"] > 0.7
    test = fitted.predictions[fitted.predictions["split"] == "test"]
    assert (1 / test["rank"]).mean() == pytest.approx(found["image_to_text_mrr"])
    assert fitted.config["name"] == name


@pytest.mark.parametrize("name", ["cca", "linear_map", "kernel_map", "closed_form"])
def test_what_is_chosen_is_the_best_on_validation_and_knows_nothing_of_test(task, name):
    found, fitted = metrics(task, name, "validation")
    _, again = metrics(task, name, "validation")
    assert again.config == fitted.config
    assert found["mrr"] > 0.7


def test_chance_is_chance(task):
    found, _ = metrics(task, "chance")
    expected = sum(1 / rank for rank in range(1, 61)) / 60
    assert found["mrr"] == pytest.approx(expected, abs=0.04)


@pytest.mark.parametrize(("name", "kernels"), [("linear_map", ("linear",)), ("kernel_map", KERNELS)])
def test_maps_are_chosen_without_validation(task, name, kernels):
    _, fitted = metrics(task, name)
    likeness, _ = task.fit_ridge(*kernels)
    assert fitted.config == {"name": name, **likeness.describe()}
    rows = task.rows("validation")
    queries, answers = likeness(*task.modalities(rows), torch.zeros(len(rows), dtype=torch.int64))
    assert torch.equal(fitted.output(rows), torch.stack([queries, answers], dim=1))


def test_baselines_of_other_kinds_say_which_to_take(task):
    with pytest.raises(Exception, match="'chance' or 'cca' or 'linear_map' or 'kernel_map' or 'closed_form'"):
        BASELINES["ridge"].check(task)
