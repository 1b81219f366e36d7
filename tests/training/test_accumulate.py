"""Batches whose gradients are joined: the gradient is that of one batch of all their entities."""

from __future__ import annotations

import pytest
import torch

from mmgraph.errors import ConfigError
from mmgraph.progress import Progress
from mmgraph.training import train
from mmgraph.training.module import TaskModule

STILL = (
    "model.input_dropout=0",
    "model.dropout=0",
    "model.hidden_channels=16",
    "optimiser.name=sgd",
    "max_epochs=1",
    "device=cpu",
)
"""Sixty entities train, without anything random, for one epoch."""


@pytest.fixture
def gradients(graph, monkeypatch):
    """Return a function that trains, and returns the gradient of each step and how many entities it is of."""

    def collect(*overrides: str, **arguments):
        steps = []
        finish = TaskModule.configure_gradient_clipping

        def spy(module, *arguments, **named):
            rows = module._step_rows
            finish(module, *arguments, **named)
            gradient = torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None])
            steps.append((rows, gradient.double()))

        with monkeypatch.context() as patch:
            patch.setattr(TaskModule, "configure_gradient_clipping", spy)
            # The weights stay what they are, so that all gradients are at the same point.
            train(
                graph,
                task="colour",
                model="mlp",
                overrides=[*STILL, "optimiser.lr=1e-20", *overrides],
                **arguments,
            )
        return steps

    return collect


@pytest.mark.parametrize(
    ("batch_size", "accumulate", "wanted"),
    [(25, 3, [60]), (16, 3, [48, 12]), (7, 4, [28, 28, 4]), (25, 100, [60]), (16, 1, [16, 16, 16, 12])],
)
def test_the_steps_of_an_epoch_have_the_gradient_of_their_entities(gradients, batch_size, accumulate, wanted):
    free = "optimiser.clip_norm=null"
    ((_, whole),) = gradients(free, batch_size=0)
    steps = gradients(free, f"accumulate={accumulate}", batch_size=batch_size)
    assert [rows for rows, _ in steps] == wanted
    joint = sum(rows / 60 * gradient for rows, gradient in steps)
    torch.testing.assert_close(joint, whole, rtol=1e-6, atol=1e-6 * whole.abs().max().item())


def test_balanced_classes_make_no_difference(gradients):
    options = ("optimiser.clip_norm=null", "class_weights=balanced", "label_smoothing=0.1")
    ((_, whole),) = gradients(*options, batch_size=0)
    ((_, joint),) = gradients(*options, "accumulate=3", batch_size=25)
    torch.testing.assert_close(joint, whole, rtol=1e-6, atol=1e-6 * whole.abs().max().item())


def test_what_is_cut_down_is_the_joint_gradient(gradients):
    ((_, whole),) = gradients("optimiser.clip_norm=0.01", batch_size=0)
    ((_, joint),) = gradients("optimiser.clip_norm=0.01", "accumulate=3", batch_size=25)
    assert joint.norm().item() == pytest.approx(0.01, rel=1e-3)
    torch.testing.assert_close(joint, whole, rtol=1e-6, atol=1e-6 * whole.abs().max().item())


def test_the_loss_of_an_epoch_is_the_mean_over_its_entities(graph):
    arguments = {"task": "colour", "model": "mlp"}
    overrides = [*STILL, "optimiser.lr=1e-20"]
    whole = train(graph, **arguments, overrides=overrides, batch_size=0)
    joint = train(graph, **arguments, overrides=[*overrides, "accumulate=3"], batch_size=16)
    assert joint.history["train_loss"].item() == pytest.approx(whole.history["train_loss"].item(), rel=1e-6)


def test_the_whole_graph_has_nothing_to_accumulate(graph):
    with pytest.raises(ConfigError, match="accumulate: got 4, but with batch_size 0 there is one batch"):
        train(graph, task="colour", overrides=["accumulate=4"], batch_size=0)


def test_who_accumulates_gets_batches_and_is_told_so(graph, capsys):
    run = train(graph, task="colour", model="mlp", overrides=[*STILL, "accumulate=4"], progress=Progress())
    assert run.config.batch_size == 1024
    said = " ".join(capsys.readouterr().err.split())
    assert "train on mini-batches of 1,024, since accumulate is 4, which joins batches" in said
