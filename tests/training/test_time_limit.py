"""A training ends when its time is up: after a step, with an epoch that is measured, and it says so."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mmgraph.progress import Progress
from mmgraph.training import train
from mmgraph.training.time_limit import TimeLimit


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


def test_the_time_that_was_spent_counts_after_a_checkpoint(trainer):
    clock = Clock()
    limit = TimeLimit(10, clock)
    limit.on_fit_start(trainer, None)
    step(limit, trainer, clock, 7)
    assert not trainer.should_stop
    state = limit.state_dict()
    assert state == {"spent": 7}
    clock.now += 500
    again = TimeLimit(10, clock)
    again.load_state_dict(state)
    again.on_fit_start(trainer, None)
    step(again, trainer, clock, 2)
    assert not trainer.should_stop
    step(again, trainer, clock, 1)
    assert trainer.should_stop
    assert "stopped after 10s" in again.note


def test_a_step_that_is_half_accumulated_is_finished_first(trainer):
    clock = Clock()
    limit = TimeLimit(10, clock)
    limit.on_fit_start(trainer, None)
    clock.now += 11
    limit.on_train_batch_end(trainer, None, None, None, 0)
    assert not trainer.should_stop
    step(limit, trainer, clock, 0)
    assert trainer.should_stop
