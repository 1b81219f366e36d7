"""Every model gets the same search, on validation, once for each split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mmgraph.errors import ConfigError
from mmgraph.evaluation import trials
from mmgraph.evaluation.compare import compare
from mmgraph.evaluation.search import space_of
from mmgraph.graph.graph import Graph
from mmgraph.training.resolve import resolve_config
from mmgraph.tuning.space import SearchSpace, find_space

SHORT = ["max_epochs=2", "model.hidden_channels=8", "model.heads=2", "device=cpu"]


def test_a_model_has_its_own_space_and_a_list_of_layers_the_one_that_fits_all() -> None:
    assert space_of(resolve_config(model="mlp")) == "mlp"
    assert space_of(resolve_config(model="mlp", overrides=["model.layers=[late_fusion]"])) == "base"


def test_all_models_have_as_many_trials_and_the_best_is_trained(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[tuple[str, int]] = []
    real = trials.chosen_config

    def note(graph: Graph, task: str, model: str, *others: Any, **named: Any) -> Any:
        searched.append((model, named["trials"]))
        return real(graph, task, model, *others, **named)

    monkeypatch.setattr(trials, "chosen_config", note)
    asked: dict[str, Any] = {"task": "script", "models": ["logistic_regression", "mlp", "hetero_gat"]}
    asked |= {"controls": "none", "seeds": 2, "trials": 2, "overrides": SHORT, "out": tmp_path / "out"}
    found = compare(graph, **asked)
    assert searched == [("mlp", 2), ("hetero_gat", 2)]
    assert found.searched == 2
    for model in ("mlp", "hetero_gat"):
        study = pd.read_csv(tmp_path / "out" / "studies" / model / "0" / "trials.csv")
        assert len(study) == 2
        first, second = found.of(model)
        assert {**first.config, "seed": 1} == second.config
        assert first.config["optimiser"]["lr"] == pytest.approx(study["optimiser.lr"].iloc[0])
        # What the command sets is not varied.
        assert first.config["model"]["hidden_channels"] == 8
    page = (tmp_path / "out" / "report.html").read_text()
    assert "For each model 2 configs were tried on validation" in " ".join(page.split())
    assert "--trials 2" in page
    searched.clear()
    pd.testing.assert_frame_equal(compare(graph, **asked, resume=True).table(), found.table())
    assert searched == []


def test_nothing_left_to_search_is_refused(graph: Graph) -> None:
    keys = [f"{key}={value}" for key, value in _set_all(find_space("mlp")).items()]
    with pytest.raises(ConfigError, match="there is nothing to vary"):
        compare(graph, task="script", models=["mlp"], trials=2, overrides=keys)


def _set_all(space: SearchSpace) -> dict[str, Any]:
    """Return one value for every key of a space."""
    return {key: parameter.ends()[0] for key, parameter in space.parameters.items()}
