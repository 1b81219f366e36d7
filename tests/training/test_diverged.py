"""A training whose numbers stop being finite: what is kept of it, and how it goes on."""

from __future__ import annotations

import json
import math

import pytest
import torch

from mmgraph.errors import DivergedError, RunError
from mmgraph.progress import Progress
from mmgraph.training import train
from mmgraph.training.module import TaskModule
from tests.training.conftest import Killed, kill
from tests.training.test_resume import FILES

SELDOM = ("checkpoint_seconds=1000",)


def state_of(folder):
    return torch.load(folder / "checkpoint.pt", weights_only=True)


def is_finite(folder):
    return all(weight.isfinite().all() for weight in state_of(folder)["state_dict"].values())


@pytest.fixture
def diverged(start, tmp_path, monkeypatch):
    """Return a function that trains until the weights are lost in a step, and returns what is left."""
    update = TaskModule.optimizer_step

    def diverged(at, **options):
        def spoilt(module, *arguments, **keywords):
            update(module, *arguments, **keywords)
            if module.trainer.global_step == at - 1:
                module.head.weight.data.fill_(math.nan)

        with monkeypatch.context() as patch:
            patch.setattr(TaskModule, "optimizer_step", spoilt)
            with pytest.raises(DivergedError) as caught:
                start(tmp_path / "run", **options)
        return tmp_path / "run.unfinished", str(caught.value)

    return diverged


@pytest.mark.parametrize("size", [0, 64])
def test_weights_that_are_lost_in_the_last_step_are_no_run(graph, quick, tmp_path, size):
    wild = ["optimiser.name=sgd", "optimiser.lr=1e30", "optimiser.clip_norm=null", "max_epochs=1"]
    with pytest.raises(DivergedError, match=r"loss of the validation entities is \S+ after epoch 1, so trai"):
        train(graph, task="size", overrides=[*quick, *wild], batch_size=size, out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_the_weights_are_named(diverged):
    _, message = diverged(1, overrides=["max_epochs=1"])
    assert "is nan after epoch 1, so training stopped: the output is not finite for 30 of 30 ent" in message
    assert ": the weights head.weight are no longer finite. Lower" in message
    assert "Lower the learning rate (--set optimiser.lr=0.002)" in message


def test_an_output_that_is_not_finite_is_told_where_weights_are(start, tmp_path, monkeypatch):
    metrics, loss = [], TaskModule.validate
    monkeypatch.setattr("mmgraph.tasks.Task.metrics", lambda *_: metrics.append(1))

    class Unify:
        def unify(self, model, rows):
            (name,) = rows
            states = torch.zeros(len(rows[name]), 16)
            states[:2] = math.inf
            return {name: states}

    monkeypatch.setattr(TaskModule, "validate", lambda module, _: loss(module, Unify()))
    with pytest.raises(
        DivergedError, match=r"is not finite for 2 of 30 entities of .*, '\S+', '\S+'\. Lower"
    ):
        start(tmp_path / "run")
    assert metrics == []


@pytest.mark.parametrize("overrides", [(), ("ema=0.9",), ("batch_size=16", "fanout=[3,2]")])
def test_the_best_weights_outlast_a_loss_that_breaks_at_once(start, diverged, tmp_path, overrides):
    steps = 4 if "batch_size=16" in overrides else 1
    run = start(tmp_path / "whole", overrides=["max_epochs=4", *overrides])
    folder, message = diverged(4 * steps + 1, overrides=[*SELDOM, *overrides])
    assert f"The state of before is in {folder}: --resume goes on from it, also with another optim" in message
    state = state_of(folder)
    best = state["callbacks"]["EarlyStopping"]
    assert best["best"]["epoch"] == run.best_epoch
    for name, weights in run.module.state_dict().items():
        assert torch.equal(best["weights"][name], weights)
    assert len(state["callbacks"]["Recorder"]["history"]) == run.best_epoch


@pytest.mark.parametrize("overrides", [(), ("ema=0.9",), ("batch_size=16", "fanout=[3,2]", "accumulate=2")])
def test_what_broke_but_once_goes_on_to_the_same_bytes(start, diverged, tmp_path, overrides):
    start(tmp_path / "whole", overrides=[*SELDOM, *overrides])
    # Steps of full batches, or of two batches out of four.
    diverged(8 if "accumulate=2" in overrides else 4, overrides=[*SELDOM, *overrides])
    start(tmp_path / "run", resume=True, overrides=[*SELDOM, *overrides])
    for name in FILES:
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.parametrize("at", [2, 3, 4])
def test_the_newest_checkpoint_is_a_good_one(diverged, at):
    folder, _ = diverged(at, overrides=["batch_size=16", "fanout=[3,2]"])
    assert is_finite(folder)


def test_a_broken_checkpoint_that_was_left_by_a_kill_is_none_to_go_on_from(start, tmp_path, monkeypatch):
    update = TaskModule.optimizer_step

    def spoilt(module, *arguments, **keywords):
        update(module, *arguments, **keywords)
        if module.trainer.global_step == 1:
            module.head.weight.data.fill_(math.nan)

    options = {"overrides": ["batch_size=16", "fanout=[3,2]"]}
    with monkeypatch.context() as patch:
        patch.setattr(TaskModule, "optimizer_step", spoilt)
        with pytest.raises(Killed):
            start(tmp_path / "run", at=3, act=kill, **options)
    folder = tmp_path / "run.unfinished"
    assert not is_finite(folder)
    with pytest.raises(DivergedError):
        start(tmp_path / "run", resume=True, **options)
    assert is_finite(folder)


def test_it_goes_on_with_a_lower_learning_rate(start, diverged, tmp_path, capsys):
    folder, _ = diverged(4, overrides=SELDOM)
    epochs = state_of(folder)["callbacks"]["EarlyStopping"]["best"]["epoch"]
    lower = [*SELDOM, "optimiser.lr=0.001", "optimiser.clip_norm=0.5"]
    # Stopped once more, it still is the training with the lower rate.
    with pytest.raises(Killed):
        start(tmp_path / "run", at=2, act=kill, resume=True, overrides=[*lower, "checkpoint_seconds=0"])
    with pytest.raises(RunError, match=r"optimiser\.lr is 0\.001 there and 0\.02 here"):
        start(tmp_path / "run", resume=True, overrides=SELDOM)
    run = start(tmp_path / "run", resume=True, overrides=lower, progress=Progress())
    note = (
        "resumed from before its numbers stopped being finite: "
        "optimiser.clip_norm is 1.0 there and 0.5 here; optimiser.lr is 0.02 there and 0.001 here"
    )
    assert f"note: {note}" in capsys.readouterr().err
    assert run.describe()["notes"] == [note]
    assert run.history["lr"].tolist() == [0.02] * epochs + [0.001] * (6 - epochs)
    assert json.loads((tmp_path / "run/run.json").read_text())["notes"] == [note]
    assert not folder.exists()


def test_a_schedule_goes_on_at_its_step_with_another_rate(start, diverged, tmp_path):
    cosine = [*SELDOM, "optimiser.schedule=cosine"]
    folder, _ = diverged(4, overrides=cosine)
    epochs = state_of(folder)["callbacks"]["EarlyStopping"]["best"]["epoch"]
    run = start(tmp_path / "run", resume=True, overrides=[*cosine, "optimiser.lr=0.002"])
    shares = [(1 + math.cos(math.pi * step / 6)) / 2 for step in range(6)]
    rates = [0.02] * epochs + [0.002] * (6 - epochs)
    assert run.history["lr"].tolist() == pytest.approx([r * s for r, s in zip(rates, shares, strict=True)])


def test_other_keys_stay_what_they_were(start, diverged, tmp_path):
    diverged(4)
    with pytest.raises(RunError, match=r"another one: optimiser\.weight_decay is 0\.001 there and 0\.1 here"):
        start(tmp_path / "run", resume=True, overrides=["optimiser.weight_decay=0.1", "optimiser.lr=0.001"])
