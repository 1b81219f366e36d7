"""Large contrastive batches in chunks: the gradient is that of the whole batch, and dropout is replayed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import mmgraph as mg
from mmgraph.errors import ConfigError
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.models.part import part_around
from mmgraph.tasks import gradient_cache
from mmgraph.training import resolve_config
from mmgraph.training.assemble import assemble
from mmgraph.training.module import TaskModule
from mmgraph.training.sampled_graph import SampledGraph

SIZE, CHUNK = 20, 6
TASKS = ("image_to_text", "pretrain")
SETTINGS = (
    "model.hidden_channels=16",
    "optimiser.lr=0.01",
    "device=cpu",
    "report_to=none",
    "contrastive.related=ignored",
)
STILL = (*SETTINGS, "model.dropout=0", "model.input_dropout=0")


@pytest.fixture(scope="module")
def graph(two_views):
    return two_views


def settings_of(task, settings=STILL):
    only = "contrastive.ridge=false" if task == "image_to_text" else "objectives.contrastive=1"
    return [*settings, only]


def prepared(graph, task, model, *more, fanout=(2, 2), settings=STILL):
    """Return a module and a sample for some training entities, in float64."""
    torch.manual_seed(0)
    config = resolve_config(model=model, overrides=[*settings_of(task, settings), *more])
    module = assemble(graph, task, config).double()
    sampled = SampledGraph(graph.view(task), module.model, seed=0, threads=0)
    rows = module.task.rows("train")[:SIZE]
    loader = sampled.loader(module.model, "thing", rows, batch_size=SIZE, fanout=list(fanout))
    batch = next(iter(loader))
    doubled = {
        name: {key: x.double() for key, x in getattr(batch, name).items()}
        for name in ("x_dict", "edge_weight_dict", "edge_attr_dict")
    }
    return module, batch._replace(**doubled)


def gradients(module, batch, chunk):
    if isinstance(getattr(module.task, "chunk", "none"), str):
        subject = module.task._pretexts["contrastive"].subject
        object.__setattr__(subject.contrast, "chunk", chunk)
    else:
        module.task.chunk = chunk
    module.zero_grad()
    torch.manual_seed(1)
    step = module.task.step(module.head, module.unify, batch)
    step.loss.backward()
    return step.loss.item(), {name: p.grad for name, p in module.named_parameters() if p.grad is not None}


def assert_same(one, other):
    assert one[0] == pytest.approx(other[0], abs=1e-12)
    assert one[1].keys() == other[1].keys()
    for name, gradient in other[1].items():
        torch.testing.assert_close(one[1][name], gradient, rtol=0, atol=1e-11, msg=name)
    assert max(gradient.abs().max() for gradient in other[1].values()) > 1e-4


@pytest.mark.parametrize("model", ["hetero_gat", "hgt", "cross_modal_transformer", "mlp"])
@pytest.mark.parametrize("task", TASKS)
def test_gradients_are_those_of_the_whole_batch(graph, task, model):
    module, batch = prepared(graph, task, model, fanout=(2, 2) if model.startswith("h") else ())
    assert_same(gradients(module, batch, CHUNK), gradients(module, batch, None))


@pytest.mark.parametrize("more", ["model.missing=token", "model.missing=neighbours", "model.readout=jk"])
def test_other_models_have_the_gradients_of_the_whole_batch_too(graph, more):
    module, batch = prepared(graph, "image_to_text", "hetero_sage", more)
    assert_same(gradients(module, batch, CHUNK), gradients(module, batch, None))


@pytest.mark.parametrize("task", TASKS)
def test_the_second_pass_has_the_dropout_of_the_first(graph, task, monkeypatch):
    random = ("model.dropout=0.4", "model.input_dropout=0.3", "model.modality_dropout=0.2")
    module, batch = prepared(graph, task, "hetero_gat", settings=(*SETTINGS, *random))
    found = gradients(module.train(), batch, CHUNK)
    again = gradients(module, batch, CHUNK)
    # With all chunks kept in memory, there is one pass.
    monkeypatch.setattr(gradient_cache, "checkpoint", lambda made, rows, use_reentrant: made(rows))
    assert_same(found, gradients(module, batch, CHUNK))
    assert_same(found, again)
    still, _ = prepared(graph, task, "hetero_gat")
    assert found[0] != gradients(still, batch, CHUNK)[0]


def test_each_chunk_passes_twice_the_second_time_for_the_gradient(graph):
    module, batch = prepared(graph, "image_to_text", "hetero_gat", "contrastive.chunk=6")
    passed = []

    def encode(part):
        passed.append(part)
        return module.unify(part)

    loss = module.task.step(module.head, encode, batch).loss
    chunks = -(-SIZE // CHUNK)
    assert len(passed) == 2 * chunks
    loss.backward()
    assert len(passed) == 4 * chunks
    whole = batch.x_dict["thing"].shape[0]
    assert max(part.x_dict["thing"].shape[0] for part in passed) < whole


@pytest.mark.parametrize("model", ["hetero_gat", "cross_modal_transformer"])
def test_a_part_has_the_states_of_the_whole_and_no_more_than_leads_to_them(graph, model):
    module, batch = prepared(graph, "image_to_text", model, fanout=(2, 2) if model == "hetero_gat" else ())
    module.eval()
    some = torch.tensor([7, 2, 19])
    part, places = part_around(batch, "thing", some)
    with torch.no_grad():
        states, wanted = module.unify(part)["thing"][places], module.unify(batch)["thing"][some]
    torch.testing.assert_close(states, wanted, rtol=0, atol=1e-12)
    assert part.sample.numbers["thing"][places].tolist() == batch.sample.numbers["thing"][some].tolist()
    x_dict = {name: x.clone().requires_grad_() for name, x in part.x_dict.items()}
    module.unify(part._replace(x_dict=x_dict))["thing"][places].square().sum().backward()
    for name, x in x_dict.items():
        if "/" in name:
            assert (x.grad.abs().sum(1) > 0).all(), name
    nothing, _ = part_around(batch, "thing", some[:0])
    assert module.unify(nothing)["thing"].shape == (0, 16)


@pytest.mark.parametrize("task", TASKS)
def test_a_training_in_chunks_is_that_without(graph, task):
    settings = [*settings_of(task), "max_epochs=2", "accumulate=2", "ema=0.5", "optimiser.name=sgd"]
    options = {"task": task, "model": "mlp", "batch_size": 20}
    one = mg.train(graph, overrides=settings, **options)
    two = mg.train(graph, overrides=[*settings, "contrastive.chunk=8"], **options)
    np.testing.assert_allclose(two.history["train_loss"], one.history["train_loss"], rtol=1e-5)
    for name, value in one.last_weights.items():
        torch.testing.assert_close(two.last_weights[name], value, rtol=0, atol=1e-5, msg=name)


def test_a_training_in_chunks_goes_on_to_the_same_bytes(graph, tmp_path, monkeypatch):
    settings = [*settings_of("image_to_text", SETTINGS), "max_epochs=2", "checkpoint_seconds=0"]
    options = {"task": "image_to_text", "model": "mlp", "batch_size": 40, "overrides": settings}
    options["overrides"] = [*settings, "contrastive.chunk=16"]
    whole = mg.train(graph, out=tmp_path / "whole", **options)
    step = TaskModule.training_step

    def stopped(module, batch, number):
        if module.current_epoch == 1 and number == 1:
            raise KeyboardInterrupt
        return step(module, batch, number)

    with monkeypatch.context() as patch:
        patch.setattr(TaskModule, "training_step", stopped)
        with pytest.raises(KeyboardInterrupt):
            mg.train(graph, out=tmp_path / "run", **options)
    mg.train(graph, out=tmp_path / "run", resume=True, **options)
    for file in ("model.safetensors", "history.csv"):
        assert (tmp_path / "run" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    assert len(whole.history) == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"batch_size": 0},
            r"contrastive.chunk: got 8, but with batch_size 0 the whole graph passes the model at once. Set",
        ),
        ({"batch_size": 8}, "contrastive.chunk: got 8, but a step has 8 entities, fewer than two chunks"),
        ({"model": "han"}, "contrastive.chunk: got 8, but a batch cannot be cut into chunks, since"),
        ({"overrides": ["contrastive.chunk=0"]}, "contrastive.chunk"),
        ({"task": "colour"}, "contrastive.chunk: got 8, but 'colour' is a classification and has no"),
    ],
)
def test_what_cannot_be_cut_into_chunks_is_refused(graph, settings, message):
    options = {"task": "image_to_text", "overrides": [], **settings}
    options["overrides"] = [*SETTINGS[:-1], "contrastive.chunk=8", *options["overrides"]]
    with pytest.raises(ConfigError, match=message):
        mg.train(graph, **options)


def test_batches_are_cut_where_nothing_says_how_large_they_are(graph):
    run = mg.train(
        graph,
        task="image_to_text",
        model="mlp",
        overrides=[*settings_of("image_to_text"), "max_epochs=1", "contrastive.chunk=32"],
    )
    assert run.config.batch_size == 1024


def test_a_whole_graph_has_no_parts(graph):
    with pytest.raises(AssertionError, match="the whole graph has no hops"):
        part_around(GraphBatch.of(graph), "thing", torch.tensor([0]))
