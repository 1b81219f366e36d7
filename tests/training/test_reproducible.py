"""The same seed gives the same bytes, in another process as well."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mmgraph.training import train

SCRIPT = """
import json, sys
from mmgraph.training import load_run, train
graph, out, seed = sys.argv[1:]
run = train(graph, task="colour", overrides=["model.hidden_channels=16", "max_epochs=8", "device=cpu"],
            seed=int(seed), out=out)
json.dump(load_run(out).metrics(), sys.stdout)
"""


@pytest.fixture
def graph_folder(graph, tmp_path) -> Path:
    graph.save(tmp_path / "graph")
    return tmp_path / "graph"


def trained(graph_folder: Path, out: Path, seed: int, hash_seed: str) -> tuple[bytes, dict]:
    """Return the weights and the metrics of a training in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(graph_folder), str(out), str(seed)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return (out / "model.safetensors").read_bytes(), json.loads(done.stdout)


def test_two_processes_train_bit_identical_weights(graph_folder, tmp_path):
    first, metrics = trained(graph_folder, tmp_path / "a", 0, "1")
    second, others = trained(graph_folder, tmp_path / "b", 0, "2")
    assert first == second
    assert metrics == others == json.loads((tmp_path / "a" / "metrics.json").read_text())
    for name in ("run.json", "config.yaml", "metrics.json", "history.csv", "predictions.parquet"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_another_seed_trains_other_weights(graph, quick):
    one, two = (
        train(graph, task="colour", overrides=[*quick, "max_epochs=2"], seed=seed).module.head.weight
        for seed in (0, 1)
    )
    assert not np.array_equal(one.detach().numpy(), two.detach().numpy())
