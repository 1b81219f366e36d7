"""Steps in bfloat16: close to float32, through this package's own kernels, and measured in float32."""

from __future__ import annotations

import importlib

import pytest
import torch

from mmgraph.tasks import Classification
from mmgraph.training import train

STILL = ("model.dropout=0", "model.input_dropout=0", "max_epochs=4")


@pytest.mark.parametrize("batch_size", [0, 25])
@pytest.mark.parametrize("model", ["hetero_gat", "cross_modal_transformer", "hgt", "mlp"])
def test_a_model_trains_as_in_float32(graph, quick, model, batch_size, monkeypatch):
    seen = []
    make_head = Classification.make_head

    def note(head, inputs, output):
        if head.training:
            seen.append(output.dtype)

    def spied(task, channels):
        head = make_head(task, channels)
        head.register_forward_hook(note)
        return head

    monkeypatch.setattr(Classification, "make_head", spied)
    arguments = {"task": "colour", "model": model, "overrides": [*quick, *STILL], "batch_size": batch_size}
    plain = train(graph, **arguments, precision="32")
    assert set(seen) == {torch.float32}
    seen.clear()
    mixed = train(graph, **arguments, precision="bf16-mixed")
    assert set(seen) == {torch.bfloat16}
    losses = [run.history["train_loss"].to_numpy() for run in (mixed, plain)]
    assert losses[0] == pytest.approx(losses[1], rel=0.1)
    assert all(weight.dtype == torch.float32 for weight in mixed.module.parameters())
    # What a run measures from its weights is what was measured in training: both in float32.
    best = mixed.history.set_index("epoch").loc[mixed.best_epoch]
    rows = mixed.task.rows("validation")
    assert mixed.evaluate("validation")["accuracy"] == best["validation_accuracy"]
    output = mixed.task.output(mixed.module.head, mixed.unify, rows)
    assert mixed.task.loss(output, rows).item() == pytest.approx(best["validation_loss"], rel=1e-5)


@pytest.mark.parametrize("model", ["hetero_gat", "hgt"])
def test_products_that_a_kernel_makes_itself_stay_in_float32(graph, quick, model, monkeypatch):
    # As with a graph that is large enough for it.
    monkeypatch.setattr(importlib.import_module("mmgraph.ops.relational_attention"), "_WORTH_BATCHES", 0)
    overrides = [*quick, *STILL, "max_epochs=2"]
    losses = [
        train(graph, task="colour", model=model, overrides=overrides, batch_size=0, precision=precision)
        .history["train_loss"]
        .tolist()
        for precision in ("bf16-mixed", "32")
    ]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)
