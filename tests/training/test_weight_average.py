"""The average of the weights: its formula, what is measured with it, and what a checkpoint holds of it."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mmgraph.config import parse
from mmgraph.errors import ConfigError
from mmgraph.training import TrainConfig, train
from mmgraph.training.module import TaskModule
from mmgraph.training.weight_average import WeightAverage


def epoch(callback, module, weights, first, *, batches_a_step=1):
    """Take the module through an epoch of steps to the given weights; return what is measured."""
    callback.on_train_epoch_start(None, module)
    for step, weight in enumerate(weights, start=first):
        for batch in range(batches_a_step):
            last = batch == batches_a_step - 1
            if last:
                nn.init.constant_(module.weight, weight)
            callback.on_train_batch_end(
                SimpleNamespace(global_step=step if last else step - 1), module, None, None, 0
            )
    callback.on_train_epoch_end(None, module)
    return module.weight.item()


def average(start, weights, decay):
    for step, weight in enumerate(weights, start=1):
        kept = min(decay, (1 + step) / (10 + step))
        start = kept * start + (1 - kept) * weight
    return start


@pytest.fixture
def module():
    module = nn.Linear(1, 1, bias=False)
    nn.init.constant_(module.weight, 5)
    return module


@pytest.mark.parametrize("batches_a_step", [1, 3])
def test_it_is_the_formula_and_training_goes_on_from_the_weights(module, batches_a_step):
    callback = WeightAverage(0.3)
    callback.on_fit_start(None, module)
    weights = [1.0, 2.0, 4.0, 3.0, 7.0]
    measured = epoch(callback, module, weights[:2], 1, batches_a_step=batches_a_step)
    assert measured == pytest.approx(average(5, weights[:2], 0.3))
    measured = epoch(callback, module, weights[2:], 3, batches_a_step=batches_a_step)
    assert measured == pytest.approx(average(5, weights, 0.3))
    callback.on_train_epoch_start(None, module)
    assert module.weight.item() == 7


def test_a_short_training_is_hardly_one_of_the_first_weights():
    assert average(1.0, [0.0] * 10, 0.999) < 1e-4


def test_a_checkpoint_between_epochs_and_within_one_goes_on_the_same(module):
    weights = [1.0, 2.0, 4.0, 3.0]
    for cut in ("between", "within"):
        callback, here = WeightAverage(0.9), copy.deepcopy(module)
        callback.on_fit_start(None, here)
        epoch(callback, here, weights[:2], 1)
        if cut == "within":
            callback.on_train_epoch_start(None, here)
        state = copy.deepcopy(callback.state_dict())
        again, there = WeightAverage(0.9), copy.deepcopy(here)
        again.load_state_dict(state)
        again.on_fit_start(None, there)
        assert epoch(again, there, weights[2:], 3) == epoch(callback, here, weights[2:], 3)
        assert there.weight.item() == pytest.approx(average(5, weights, 0.9))


def test_what_is_measured_and_kept_is_the_average(graph, quick, monkeypatch):
    steps = []
    finish = TaskModule.optimizer_step

    def spy(module, *arguments, **named):
        if not steps:
            steps.append(copy.deepcopy(dict(module.named_parameters())))
        finish(module, *arguments, **named)
        steps.append(copy.deepcopy(dict(module.named_parameters())))

    monkeypatch.setattr(TaskModule, "optimizer_step", spy)
    run = train(graph, task="colour", model="mlp", overrides=[*quick, "max_epochs=6", "ema=0.7"])
    taken = steps[: run.best_epoch + 1]
    assert not torch.equal(run.module.head.weight, taken[-1]["head.weight"])
    for name, weight in run.module.named_parameters():
        wanted = average(taken[0][name], [step[name] for step in taken[1:]], 0.7)
        torch.testing.assert_close(weight, wanted)
    best = run.history.set_index("epoch").loc[run.best_epoch]
    assert run.evaluate("validation")["accuracy"] == best["validation_accuracy"]


def test_without_it_nothing_changes(graph, quick):
    plain = train(graph, task="colour", model="mlp", overrides=[*quick, "max_epochs=2"])
    averaged = train(graph, task="colour", model="mlp", overrides=[*quick, "max_epochs=2", "ema=0.9"])
    # Steps are taken from the same weights; what differs is what is measured.
    assert averaged.history["train_loss"].tolist() == plain.history["train_loss"].tolist()
    assert averaged.history["validation_loss"].tolist() != plain.history["validation_loss"].tolist()


@pytest.mark.parametrize("decay", [1, -0.1])
def test_a_decay_that_cannot_be_used(decay):
    with pytest.raises(ConfigError, match="ema: got"):
        parse(TrainConfig, {"ema": decay}, where="x.yaml")
