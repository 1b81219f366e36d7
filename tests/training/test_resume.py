"""A training that was stopped goes on to the same bytes, whatever it was doing; what cannot go on says so."""

from __future__ import annotations

import pytest

from mmgraph.training import train
from mmgraph.training.module import TaskModule

FILES = ("run.json", "config.yaml", "model.safetensors", "metrics.json", "history.csv", "predictions.parquet")

KINDS = {
    "full batch": (),
    "sampled": ("batch_size=16", "fanout=[3,2]"),
    "sampled without threads": ("batch_size=16", "fanout=[3,2]", "batch_threads=0"),
    "cosine": ("optimiser.schedule=cosine",),
    "sgd": ("optimiser.name=sgd",),
    "dropout": ("model.dropout=0.5", "model.input_dropout=0.5"),
    "modality dropout": ("model.modality_dropout=0.3", "batch_size=16", "fanout=[3,2]"),
    "past the best epoch": ("optimiser.lr=0.1", "patience=3", "max_epochs=40"),
}


class Killed(Exception):
    """Stands for a kill: nobody has an answer to it."""


@pytest.fixture
def start(graph, quick, monkeypatch):
    """Return a function that trains, and before some step does something else."""
    step = TaskModule.training_step

    def start(out, *, at=None, act=None, overrides=(), **options):
        steps = 0

        def counted(*arguments):
            nonlocal steps
            steps += 1
            if steps == at:
                act()
            return step(*arguments)

        monkeypatch.setattr(TaskModule, "training_step", counted)
        fixed = [*quick, "max_epochs=6", "checkpoint_seconds=0", *overrides]
        return train(graph, task="colour", overrides=fixed, out=out, **options)

    return start


def kill():
    raise Killed


def content(folder):
    return {name: (folder / name).read_bytes() for name in FILES}


@pytest.mark.parametrize("overrides", KINDS.values(), ids=KINDS.keys())
def test_a_training_that_is_stopped_twice_ends_with_the_same_bytes(start, tmp_path, overrides):
    start(tmp_path / "whole", overrides=overrides)
    steps = (
        4 * 6
        if "batch_size=16" in overrides
        else len((tmp_path / "whole/history.csv").read_text().splitlines()) - 1
    )
    for at in (steps - 3, 2):
        with pytest.raises(Killed):
            start(tmp_path / "run", at=at, act=kill, overrides=overrides, resume=at == 2)
    assert (tmp_path / "run.unfinished" / "checkpoint.before.pt").is_file()
    start(tmp_path / "run", overrides=overrides, resume=True)
    assert content(tmp_path / "run") == content(tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "whole"]
