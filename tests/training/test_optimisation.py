"""The optimiser of a config, and the learning rate from step to step."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mmgraph.errors import ConfigError
from mmgraph.training import train
from mmgraph.training.config import OptimiserConfig
from mmgraph.training.optimisation import Plateau, Schedule, make_optimiser, set_rates


def rates(num_steps: int = 10, **options) -> list[float]:
    """Return the learning rate of every step that an optimiser takes."""
    weight = nn.Parameter(torch.zeros(1))
    optimiser, schedule = make_optimiser([weight], OptimiserConfig(lr=1.0, **options), num_steps)
    taken = []
    for _ in range(num_steps):
        taken.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    return taken


@pytest.mark.parametrize(("name", "wanted"), [("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)])
def test_the_optimiser_is_the_one_of_the_config(name, wanted):
    options = OptimiserConfig(name=name, lr=0.01, weight_decay=0.02)
    optimiser, _ = make_optimiser([nn.Parameter(torch.zeros(1))], options, 10)
    assert type(optimiser) is wanted
    assert optimiser.defaults["lr"] == 0.01
    assert optimiser.defaults["weight_decay"] == 0.02


def test_without_a_schedule_every_step_is_the_same():
    assert rates() == [1.0] * 10
    assert rates(schedule="plateau") == [1.0] * 10


def test_a_cosine_goes_from_the_highest_to_zero():
    assert rates(schedule="cosine") == pytest.approx(
        [(1 + math.cos(math.pi * step / 10)) / 2 for step in range(10)]
    )


@pytest.mark.parametrize("warmup", [4, 0.4])
@pytest.mark.parametrize("schedule", ["constant", "cosine", "plateau"])
def test_a_warmup_rises_in_equal_steps_to_the_highest(schedule, warmup):
    found = rates(schedule=schedule, warmup=warmup)
    assert found[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    wanted = (
        [(1 + math.cos(math.pi * step / 6)) / 2 for step in range(6)] if schedule == "cosine" else [1] * 6
    )
    assert found[4:] == pytest.approx(wanted)


def test_one_cycle_rises_for_three_tenths_and_falls_to_next_to_nothing():
    found = rates(100, schedule="one_cycle")
    assert found[0] == pytest.approx(1 / 25)
    assert found[15] == pytest.approx((1 + 1 / 25) / 2)
    assert max(found) == found[30] == 1.0
    assert found[65] == pytest.approx(0.5, abs=1e-4)
    assert 1 / 250_000 < found[99] < 1e-3
    assert rates(10, schedule="one_cycle", warmup=1)[:2] == pytest.approx([1 / 25, 1])


def test_every_schedule_can_train_for_one_step():
    for schedule in ("constant", "cosine", "one_cycle", "plateau"):
        assert rates(1, schedule=schedule) == [1.0]


@pytest.mark.parametrize("warmup", [10, 0.96, 1000])
def test_a_warmup_that_never_ends_is_refused(warmup):
    with pytest.raises(ConfigError, match=r"optimiser.warmup: got .* of the 10 steps"):
        Schedule(OptimiserConfig(warmup=warmup), 10)


def test_a_plateau_lowers_the_rate_at_once_and_waits_again():
    options = OptimiserConfig(lr=1.0, schedule="plateau", plateau_patience=2, plateau_factor=0.5)
    optimiser, scheduler = make_optimiser([nn.Parameter(torch.zeros(1))], options, 100)
    stopping = SimpleNamespace(best=None)
    plateau = Plateau(stopping, options)
    taken = []
    for epoch, best in enumerate([1, 2, 2, 2, 2, 2, 7, 7, 7]):
        taken.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
        stopping.best = SimpleNamespace(epoch=best)
        trainer = SimpleNamespace(
            current_epoch=epoch, lr_scheduler_configs=[SimpleNamespace(scheduler=scheduler)]
        )
        plateau.on_train_epoch_end(trainer, None)
    assert taken == [1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.25]
    assert optimiser.param_groups[0]["lr"] == 0.125


def test_the_state_of_a_schedule_holds_what_a_plateau_has_done():
    options = OptimiserConfig(schedule="plateau")
    weight = nn.Parameter(torch.zeros(1))
    _, before = make_optimiser([weight], options, 10)
    before.lr_lambdas[0].plateau = 0.25
    before.lr_lambdas[0].lowered_in = 7
    _, after = make_optimiser([weight], options, 10)
    after.load_state_dict(before.state_dict())
    assert (after.lr_lambdas[0].plateau, after.lr_lambdas[0].lowered_in) == (0.25, 7)


def test_groups_of_weights_keep_their_rates_on_a_plateau():
    options = OptimiserConfig(schedule="plateau", lr=1.0)
    groups = [{"params": [nn.Parameter(torch.zeros(1))], "lr": rate} for rate in (1.0, 0.01)]
    optimiser, scheduler = make_optimiser(groups, options, 10)
    scheduler.lr_lambdas[0].plateau = 0.5
    set_rates(scheduler, [1.0, 0.02])
    assert [group["lr"] for group in optimiser.param_groups] == [0.5, 0.01]


def test_the_history_tells_the_rate_of_the_last_step_of_an_epoch(graph, quick):
    common = [*quick, "max_epochs=4", "model.dropout=0", "optimiser.lr=1"]
    run = train(graph, task="colour", model="mlp", overrides=[*common, "optimiser.schedule=cosine"])
    assert run.history["lr"].tolist() == pytest.approx([1, 0.8536, 0.5, 0.1464], abs=1e-4)
    # Two batches are a step, so that an epoch of four (60 entities) has two, and the training eight.
    overrides = [*common, "optimiser.schedule=cosine", "accumulate=2"]
    run = train(graph, task="colour", model="mlp", overrides=overrides, batch_size=16)
    assert run.history["lr"].tolist() == pytest.approx(
        [(1 + math.cos(math.pi * step / 8)) / 2 for step in (1, 3, 5, 7)]
    )


def test_a_training_on_a_plateau_goes_on_with_less(graph, quick):
    overrides = [*quick, "max_epochs=4", "optimiser.schedule=plateau", "optimiser.plateau_patience=1"]
    # A learning rate that changes nothing: the first epoch stays the best.
    run = train(graph, task="colour", model="mlp", overrides=[*overrides, "optimiser.lr=1e-12"])
    assert run.history["lr"].tolist() == pytest.approx([1e-12, 1e-12, 1e-13, 1e-14])
