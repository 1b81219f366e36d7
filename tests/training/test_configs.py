"""Every shipped config: found in its folder, there for every model, and trained for one step."""

from __future__ import annotations

import pytest

from mmgraph.registry import MODELS
from mmgraph.training import config_names, train


def test_every_named_model_has_a_config():
    assert set(MODELS.names()) <= set(config_names())


@pytest.mark.parametrize("name", config_names())
def test_every_shipped_config_trains(graph, name):
    overrides = ["max_epochs=1", "device=cpu", "model.hidden_channels=16"]
    run = train(graph, task="colour", config=name, overrides=overrides)
    assert run.config.model.name == name
    assert 0 < run.evaluate("test")["accuracy"] < 1
