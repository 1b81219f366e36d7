"""Which epoch is the best, and when to stop."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mmgraph.training.early_stopping import EarlyStopping
from mmgraph.training.history import Epoch


def stopped(values, losses=None, *, direction="max", patience=100):
    """Return the best epoch, the epoch that training stopped in, and the weight that it ended with.

    The weight is the number of the epoch.
    """
    history: list[Epoch] = []
    stopping = EarlyStopping(history, ("score", direction), patience)
    trainer, module = SimpleNamespace(should_stop=False), nn.Linear(1, 1, bias=False)
    for epoch, value in enumerate(values, start=1):
        history.append(Epoch(epoch, 0.1, 1.0, losses[epoch - 1] if losses else 0.0, {"score": value}))
        nn.init.constant_(module.weight, epoch)
        stopping.on_train_epoch_end(trainer, module)
        if trainer.should_stop:
            break
    stopping.on_fit_end(trainer, module)
    return stopping.best.epoch, epoch, int(module.weight.item())


def test_the_weights_of_the_best_epoch_come_back():
    assert stopped([1, 3, 2, 2]) == (2, 4, 2)


def test_less_can_be_better():
    assert stopped([3, 1, 2], direction="min") == (2, 3, 2)


def test_it_stops_once_patience_is_over():
    assert stopped([1, 2, 0, 0, 0, 9], patience=3) == (2, 5, 2)


def test_among_equals_the_lower_loss_is_better():
    assert stopped([1, 2, 2, 2], [0.9, 0.5, 0.4, 0.6]) == (3, 4, 3)


def test_among_full_equals_the_earlier_epoch_is_better():
    assert stopped([2, 2, 2]) == (1, 3, 1)


@pytest.mark.parametrize("direction", ["max", "min"])
def test_not_a_number_is_worse_than_anything(direction):
    assert stopped([math.nan, 5, math.nan], direction=direction) == (2, 3, 2)


def test_later_steps_do_not_change_what_was_kept():
    module = nn.Linear(1, 1, bias=False)
    history = [Epoch(1, 0.1, 1.0, 1.0, {"score": 1.0})]
    stopping = EarlyStopping(history, ("score", "max"), 5)
    nn.init.constant_(module.weight, 1)
    stopping.on_train_epoch_end(SimpleNamespace(should_stop=False), module)
    with torch.no_grad():
        module.weight.add_(1)
    stopping.on_fit_end(None, module)
    assert module.weight.item() == 1
