"""Memory that runs out in a training is one error with what to change."""

from __future__ import annotations

import importlib

import pytest
import torch

from mmgraph.errors import RunError
from mmgraph.training import TrainConfig, train
from mmgraph.training.memory import memory_told
from mmgraph.training.module import TaskModule


def allocate(*arguments, **options):
    """Ask for more than any machine has, as torch does it."""
    torch.empty(1 << 60)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"batch_size": 25, "fanout": [4, 3]},
            r"memory ran out in a training with batch_size 25, fanout 4,3, hidden_channels 16 and "
            r"precision 32 \(.*allocate.*\)\. Try batch_size 12 \(with accumulate 2 for the same steps\), a "
            r"shorter fanout, a smaller model\.hidden_channels, precision bf16-mixed\.$",
        ),
        (
            {"batch_size": 1, "fanout": {"beside": [4, 3], "*": [2, 2]}},
            r"with batch_size 1, fanout beside=4,3 \*=2,2, hidden_channels 16 .*"
            r"\. Try a shorter fanout, a smaller model\.hidden_channels, precision bf16-mixed\.$",
        ),
        (
            {"batch_size": 0, "precision": "bf16-mixed"},
            r"the whole graph in each step, hidden_channels 16 and precision bf16-mixed .*"
            r"Try batch_size 1024, a smaller model.hidden_channels\.$",
        ),
    ],
)
def test_the_allocator_of_the_cpu(graph, quick, monkeypatch, arguments, message, tmp_path):
    monkeypatch.setattr(TaskModule, "training_step", allocate)
    with pytest.raises(RunError, match=message):
        train(graph, task="colour", overrides=quick, out=tmp_path / "run", **arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["assemble", "write_run"])
def test_before_the_first_step_and_after_the_last(graph, quick, monkeypatch, tmp_path, place):
    monkeypatch.setattr(importlib.import_module("mmgraph.training.train"), place, allocate)
    with pytest.raises(RunError, match=r"memory ran out in a training with .*hidden_channels 16"):
        train(graph, task="colour", overrides=[*quick, "max_epochs=1"], out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "error",
    [MemoryError(), torch.OutOfMemoryError("CUDA out of memory"), OSError(12, "Cannot allocate memory")],
)
def test_other_kinds(error):
    with pytest.raises(RunError, match="memory ran out"), memory_told(TrainConfig(batch_size=0)):
        raise error


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="shapes"), memory_told(TrainConfig(batch_size=0)):
        raise RuntimeError("shapes do not fit")
