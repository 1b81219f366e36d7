"""A training ends when its time is up: after a step, with an epoch that is measured, and it says so."""

from __future__ import annotations

import importlib
from types import SimpleNamespace

import pytest

from mmgraph.errors import RunError
from mmgraph.progress import Progress
from mmgraph.training import train
from mmgraph.training.processes import ALONE
from mmgraph.training.time_limit import TimeLimit
from tests.training.conftest import Killed, kill
from tests.training.test_resume import FILES


def test_time_that_is_up_in_an_epoch_ends_it_after_the_step(graph, quick, capsys):
    # Four batches of up to 16 of the sixty training entities, two of which are a step.
    run = train(
        graph,
        task="colour",
        model="mlp",
        overrides=[*quick, "accumulate=2"],
        batch_size=16,
        max_time=1e-6,
        progress=Progress(),
    )
    assert run.history["epoch"].tolist() == [1]
    (note,) = [note for note in run.describe()["notes"] if "max_time" in note]
    assert note.startswith("stopped after ")
    assert note.endswith("in epoch 1, batch 2 of 4, by max_time 1e-06s")
    assert f"note: {note}" in capsys.readouterr().err
    assert run.evaluate("validation")["accuracy"] == run.history["validation_accuracy"].item()


def test_with_time_enough_nothing_is_said(graph, quick):
    run = train(graph, task="colour", model="mlp", overrides=[*quick, "max_epochs=2"], max_time="10m")
    assert run.history["epoch"].tolist() == [1, 2]
    assert run.describe()["notes"] == []
    assert run.config.max_time == 600


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def trainer():
    return SimpleNamespace(global_step=0, current_epoch=0, num_training_batches=4, should_stop=False)


def step(limit, trainer, clock, seconds):
    clock.now += seconds
    trainer.global_step += 1
    limit.on_train_batch_end(trainer, None, None, None, 0)
    limit.on_train_batch_start(trainer, None, None, 1)


def test_the_time_that_was_spent_counts_after_a_checkpoint(trainer):
    clock = Clock()
    limit = TimeLimit(10, clock)
    limit.on_train_start(trainer, None)
    step(limit, trainer, clock, 7)
    assert not trainer.should_stop
    state = limit.state_dict()
    assert state == {"spent": 7, "up": ""}
    clock.now += 500
    again = TimeLimit(10, clock)
    again.load_state_dict(state)
    again.on_train_start(trainer, None)
    step(again, trainer, clock, 2)
    assert not trainer.should_stop
    step(again, trainer, clock, 1)
    assert trainer.should_stop
    assert "stopped after 10s" in again.note


def test_a_step_that_is_half_accumulated_is_finished_first(trainer):
    clock = Clock()
    limit = TimeLimit(10, clock)
    limit.on_train_start(trainer, None)
    clock.now += 11
    limit.on_train_batch_end(trainer, None, None, None, 0)
    limit.on_train_batch_start(trainer, None, None, 1)
    assert not trainer.should_stop
    step(limit, trainer, clock, 0)
    assert trainer.should_stop


def test_steps_are_counted_from_where_a_checkpoint_was(trainer):
    clock = Clock()
    limit = TimeLimit(10, clock)
    limit.load_state_dict({"spent": 11, "up": ""})
    trainer.global_step = 5
    limit.on_train_start(trainer, None)
    # Half of the first step.
    limit.on_train_batch_end(trainer, None, None, None, 0)
    assert not limit.up


MODULE = importlib.import_module("mmgraph.training.train")
"""The file; ``mmgraph.training.train`` is the function."""

MODES = {
    "full batch": ((), 6),
    "in an epoch": (("batch_size=16", "fanout=[3,2]"), 24),
    "average of the weights": (("batch_size=16", "fanout=[3,2]", "ema=0.9"), 24),
    "several batches a step": (("batch_size=16", "fanout=[3,2]", "accumulate=3", "optimiser.warmup=2"), 24),
    "plateau": (("optimiser.schedule=plateau", "optimiser.plateau_patience=1", "optimiser.lr=0.1"), 6),
}
SELDOM = ("checkpoint_seconds=1000",)


@pytest.fixture
def slow(monkeypatch):
    """Return a function that lets time be up with some step, and lets no other time pass."""
    clock = Clock()
    monkeypatch.setattr(TimeLimit.__init__, "__defaults__", (clock, ALONE))

    def slow(step):
        find_out = TimeLimit.on_train_batch_end

        def after(limit, trainer, *arguments):
            if trainer.global_step == step:
                clock.now += 10
            find_out(limit, trainer, *arguments)

        monkeypatch.setattr(TimeLimit, "on_train_batch_end", after)

    return slow


@pytest.mark.parametrize(("overrides", "steps"), MODES.values(), ids=MODES.keys())
@pytest.mark.parametrize("at", [2, 4])
def test_with_more_time_it_goes_on_to_the_same_bytes(start, slow, tmp_path, overrides, steps, at, capsys):
    overrides = [*SELDOM, *overrides]
    start(tmp_path / "whole", overrides=overrides, max_time=100)
    slow(at)
    run = start(tmp_path / "run", overrides=overrides, max_time=10, progress=Progress())
    assert 1 <= len(run.history) < 6
    assert run.history["lr"].notna().all()
    folder = tmp_path / "run.unfinished"
    assert (
        f"the state is in {folder}: --resume with more --max-time goes on from it" in capsys.readouterr().err
    )
    # The same command again has nothing to do, and spoils nothing.
    again = start(tmp_path / "run", overrides=overrides, max_time=10, resume=True, at=1, act=kill)
    assert again.history.equals(run.history)
    left = steps - (2 * at if "accumulate=3" in overrides else at)
    more = start(
        tmp_path / "run",
        overrides=overrides,
        max_time=100,
        resume=True,
        at=left + 1,
        act=lambda: pytest.fail("it took steps again"),
    )
    assert len(more.history) == 6
    for name in FILES:
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not folder.exists()


def test_a_kill_while_it_goes_on_leaves_it_to_go_on(start, slow, tmp_path):
    start(tmp_path / "whole", max_time=100)
    slow(2)
    start(tmp_path / "run", max_time=10)
    with pytest.raises(Killed):
        start(tmp_path / "run", max_time=100, resume=True, at=2, act=kill)
    start(tmp_path / "run", max_time=100, resume=True)
    for name in FILES:
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_kill_before_the_run_is_written_comes_to_the_same_run(start, slow, tmp_path, monkeypatch):
    slow(2)
    start(tmp_path / "whole", max_time=10)
    with monkeypatch.context() as patch:
        patch.setattr(MODULE, "write_run", lambda *_, **__: kill())
        with pytest.raises(Killed):
            start(tmp_path / "run", max_time=10)
    start(tmp_path / "run", max_time=10, resume=True)
    for name in FILES:
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_another_training_is_not_taken_for_one_with_more_time(start, slow, tmp_path):
    slow(2)
    start(tmp_path / "run", max_time=10)
    for options in ({"seed": 1, "max_time": 100}, {"max_time": 5}):
        with pytest.raises(RunError, match="is complete, and another one"):
            start(tmp_path / "run", resume=True, **options)
    start(tmp_path / "run", overwrite=True, seed=1)
    assert not (tmp_path / "run.unfinished").exists()
