"""Controls of the config: what a model is kept from seeing it does not see, nor does its run when opened."""

from __future__ import annotations

import numpy as np
import pytest

from mmgraph.errors import ConfigError, GraphError, MMGraphError, RunError
from mmgraph.serving.predictor import Predictor
from mmgraph.training import train
from mmgraph.training.assemble import assemble, visible_graph
from mmgraph.training.resolve import resolve_config
from mmgraph.training.run_folder import load_run


def test_what_is_left_out_is_not_there(graph):
    seen = visible_graph(graph, "colour", resolve_config(overrides=["without.relations=beside"]))
    assert "beside" not in seen.schema.relations
    assert "beside" in graph.view("colour").schema.relations
    seen = visible_graph(graph, "colour", resolve_config(overrides=["without.modalities=text,image"]))
    assert not {"text", "image"} & {t.modality for t in seen.schema.node_types}


def test_noise_takes_the_place_of_all_features(graph):
    config = resolve_config(overrides=["features=noise"], seed=4)
    given, seen = graph.view("colour"), visible_graph(graph, "colour", config)
    assert seen.schema == given.schema
    assert not seen.stored_features
    for name, features in given.features.items():
        assert seen.features[name].shape == features.shape
        assert abs(np.corrcoef(seen.features[name].ravel(), np.asarray(features).ravel())[0, 1]) < 0.2
    again = visible_graph(graph, "colour", config)
    assert all((again.features[name] == features).all() for name, features in seen.features.items())
    other = visible_graph(graph, "colour", resolve_config(overrides=["features=noise"], seed=5))
    assert any((other.features[name] != features).any() for name, features in seen.features.items())


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("without.relations=besides", "the graph has no relation 'besides'.*Did you mean 'beside'"),
        ("without.modalities=txt", "the graph has no modality 'txt'"),
        ("without.relations=of", "'of' ties modalities to their entities"),
        ("features=noisy", "features: got 'noisy'"),
        ("without.tasks=colour", "without.tasks"),
    ],
)
def test_what_cannot_be_left_out(graph, override, message):
    with pytest.raises((GraphError, ConfigError), match=message):
        train(graph, task="colour", overrides=[override])


@pytest.mark.parametrize(
    "override", ["features=noise", "without.modalities=image", "without.relations=beside"]
)
def test_a_run_is_opened_with_its_control(make_graph, quick, override, tmp_path):
    graph = make_graph(np.random.default_rng(1).integers(0, 3, size=90), signal=2.0)
    graph.save(tmp_path / "graph")
    short = [*quick, "max_epochs=2", override]
    run = train(tmp_path / "graph", task="colour", overrides=short, out=tmp_path / "run")
    assert load_run(tmp_path / "run").evaluate("test") == run.evaluate("test")
    if override == "features=noise":
        with pytest.raises(RunError, match=r"features are noise, a control .* --set features=given"):
            Predictor(run)


def test_features_that_are_noise_tell_nothing(make_graph, quick):
    graph = make_graph(np.random.default_rng(1).integers(0, 3, size=150), signal=3.0)
    found = {
        override: train(graph, task="colour", model="mlp", overrides=[*quick, override]).evaluate("test")[
            "accuracy"
        ]
        for override in ("features=given", "features=noise")
    }
    assert found["features=given"] > 0.9
    assert found["features=noise"] < 0.6


@pytest.mark.parametrize("override", ["features=noise", "without.modalities=text"])
def test_a_retrieval_needs_both_of_its_modalities(graph, override):
    config = resolve_config(overrides=[override])
    with pytest.raises(MMGraphError, match="reads both of its modalities by itself"):
        assemble(graph, "retrieval:text,image", config)
