"""The module: its head, its step, what it does about a loss that is not finite."""

from __future__ import annotations

import pytest
import torch

from mmgraph.errors import RunError
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.training import resolve_config
from mmgraph.training.assemble import assemble
from mmgraph.training.inference import AtOnce


@pytest.fixture
def module(graph, quick):
    torch.manual_seed(0)
    return assemble(graph, "colour", resolve_config(model="mlp", overrides=quick))


def test_the_output_is_a_linear_map_of_the_unified_representation(module, graph):
    module.eval()
    batch = GraphBatch.of(graph)
    unified = module.unify(batch)["thing"]
    assert unified.shape == (120, 16)
    step = module.task.step(module.head, module.unify, batch)
    rows = module.task.rows("train")
    assert torch.equal(step.output, module.head(unified)[rows])
    assert step.output.shape == (len(rows), 3)
    assert (step.loss, step.num_rows) == (module.task.loss(step.output, rows), len(rows))


def test_validation_is_without_dropout_or_gradients_and_goes_back_to_training(module, graph):
    batch = GraphBatch.of(graph)
    module.train()
    first, second = module.validate(AtOnce(batch)), module.validate(AtOnce(batch))
    assert first == second
    assert module.training
    module.eval()
    rows = module.task.rows("validation")
    output = module.head(module.unify(batch)["thing"][rows])
    assert first[0] == module.task.loss(output, rows).item()
    assert first[1] == module.task.metrics(output, rows)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_names_the_epoch_and_a_remedy(module, graph, bad):
    module.head.bias.data[0] = bad
    with pytest.raises(RunError, match=r"the loss is nan in epoch 1.*--set optimiser.lr=0.002"):
        module.training_step(GraphBatch.of(graph), 0)
