"""Calibration against numbers worked out by hand, and the temperature that is kept with a run."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import mmgraph as mg
from mmgraph.errors import ConfigError
from mmgraph.evaluation.robustness.calibration import _measures, _reliability, selective_curve
from mmgraph.evaluation.robustness.robustness import robustness
from mmgraph.tasks import Classification
from mmgraph.training import train

SURE = ("model.hidden_channels=16", "model.dropout=0", "optimiser.lr=0.05", "max_epochs=40", "device=cpu")


@pytest.fixture
def run(graph, tmp_path):
    """Return a run on disk that is too sure of itself."""
    graph.save(tmp_path / "graph")
    loaded = mg.load_graph(tmp_path / "graph")
    made = train(loaded, task="script", model="mlp", overrides=[*SURE, "patience=40"], seed=0)
    # Some answers are wrong, and all of them sure.
    weight = made.module.head.weight.data
    noise = torch.randn(weight.shape, generator=torch.Generator().manual_seed(1))
    made.module.head.weight.data = 10 * (weight + 0.75 * weight.std() * noise)
    made.save(tmp_path / "run")
    return made


def test_the_error_is_the_mean_distance_of_confidence_and_accuracy():
    confidence = np.array([0.9, 0.9, 0.9, 0.9, 0.55, 0.55])
    right = np.array([True, True, True, False, True, False])
    table = _reliability(confidence, right)
    assert table["entities"].tolist() == [2, 4]
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    target = np.where(right, 0, 1)
    measures = _measures(table, probabilities, target)
    assert measures["expected_calibration_error"] == pytest.approx((2 * 0.05 + 4 * 0.15) / 6)
    assert measures["maximum_calibration_error"] == pytest.approx(0.15)
    assert measures["brier_score"] == pytest.approx(2 * (3 * 0.01 + 0.81 + 0.45**2 + 0.55**2) / 6)
    assert measures["negative_log_likelihood"] == pytest.approx(
        -(3 * np.log(0.9) + np.log(0.1) + np.log(0.55) + np.log(0.45)) / 6
    )


def test_the_surest_answers_stand_first(graph):
    task = Classification.from_graph(graph, "script")
    rows = task.rows("test")[:3]
    target = task.target[rows]
    output = torch.zeros(3, 3)
    output[torch.arange(3), target] = torch.tensor([3.0, 1.0, 2.0])
    output[1] = output[1].roll(1)  # the least sure one is wrong
    curve = selective_curve(SimpleNamespace(task=task, rows=rows), output)
    assert curve["accuracy"].tolist() == pytest.approx([1, 1, 2 / 3])
    assert curve["coverage"].tolist() == pytest.approx([1 / 3, 2 / 3, 1])
    assert curve["confidence"].is_monotonic_decreasing


def test_the_temperature_is_kept_with_the_run(run, tmp_path):
    folder = tmp_path / "run"
    (folder / "mine.txt").write_text("stays")
    before = robustness(run, split="validation", aspects=["calibration"]).calibration
    plain = run.predictions()
    temperature = mg.calibrate(run)
    assert temperature == before.fitted > 1.5
    loaded = mg.load_run(folder)
    assert float(loaded.module.head.temperature) == pytest.approx(temperature)
    after = robustness(loaded, split="validation", aspects=["calibration"]).calibration
    assert after.temperature == pytest.approx(after.fitted, rel=1e-4) == pytest.approx(temperature, rel=1e-4)
    name = "negative_log_likelihood"
    assert after.measures["now"][name] == pytest.approx(before.measures["fitted"][name], rel=1e-5)
    assert after.measures["now"][name] < before.measures["now"][name]
    told = loaded.predictions()
    assert told["prediction"].equals(plain["prediction"])
    # A few are so sure that they stay at 1 in float32.
    sureness = [np.mean(list(map(max, table["probabilities"]))) for table in (told, plain)]
    assert sureness[0] < sureness[1]
    written = mg.load_run(folder)
    assert any("temperature" in note for note in json.loads((folder / "run.json").read_text())["notes"])
    assert written.evaluate("test") == run.evaluate("test")
    assert (folder / "mine.txt").read_text() == "stays"


def test_a_second_time_changes_nothing(run):
    first = mg.calibrate(run)
    assert mg.calibrate(run) == pytest.approx(first, rel=1e-4)
    assert sum("temperature" in note for note in run.module.notes) == 1


def test_an_interrupted_calibration_leaves_the_run_as_it_was(run, tmp_path, monkeypatch):
    weights = (tmp_path / "run" / "model.safetensors").read_bytes()
    monkeypatch.setattr(run, "predictions", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        mg.calibrate(run)
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == weights
    assert sorted(p.name for p in tmp_path.iterdir()) == ["graph", "run"]


def test_what_has_no_probabilities_is_refused(graph):
    run = train(graph, task="size", model="mlp", overrides=["max_epochs=1", "device=cpu"], seed=0)
    with pytest.raises(ConfigError, match="--calibrate: the task 'size' is regression; wanted a class"):
        mg.calibrate(run)


def test_validation_that_is_all_right_tells_no_temperature(planted_run):
    run = planted_run("like")
    assert run.evaluate("validation")["accuracy"] == 1
    with pytest.raises(ConfigError, match="--calibrate: validation tells no temperature"):
        mg.calibrate(run)
    found = robustness(run, aspects=["calibration"])
    assert found.calibration.fitted is None
    assert list(found.calibration.measures) == ["now"]
    assert any("tells no temperature" in note for note in found.notes)
    json.dumps(found.to_json(), allow_nan=False)
