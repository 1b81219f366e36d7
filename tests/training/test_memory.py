"""Memory that runs out in a training is one error with what to change."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch

from mmgraph.errors import ConfigError, RunError
from mmgraph.evaluation.embeddings import write_embeddings
from mmgraph.models import MultimodalModel
from mmgraph.training import TrainConfig, load_run, train
from mmgraph.training.layer_by_layer import LayerByLayer
from mmgraph.training.memory import memory_told, training_told
from mmgraph.training.module import TaskModule


def allocate(*arguments, **options):
    """Ask for more than any machine has, as torch does it."""
    torch.empty(1 << 60)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"batch_size": 25, "fanout": [4, 3]},
            r"memory ran out in a training with batch_size 25, fanout 4,3, hidden_channels 16 and "
            r"precision 32 \(.*allocate.*\)\. Try batch_size 12 \(with accumulate 2 for the same steps\), a "
            r"shorter fanout, a smaller model\.hidden_channels\.$",
        ),
        (
            {"batch_size": 1, "fanout": {"beside": [4, 3], "*": [2, 2]}},
            r"with batch_size 1, fanout beside=4,3 \*=2,2, hidden_channels 16 .*"
            r"\. Try a shorter fanout, a smaller model\.hidden_channels\.$",
        ),
        (
            {"batch_size": 0, "precision": "bf16-mixed"},
            r"the whole graph in each step, hidden_channels 16 and precision bf16-mixed .*"
            r"Try batch_size 1024, a smaller model\.hidden_channels, precision 32\.$",
        ),
    ],
)
def test_the_allocator_of_the_cpu(graph, quick, monkeypatch, arguments, message, tmp_path):
    monkeypatch.setattr(TaskModule, "training_step", allocate)
    with pytest.raises(RunError, match=message):
        train(graph, task="colour", overrides=quick, out=tmp_path / "run", **arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("place", "name", "message"),
    [
        ("mmgraph.training.assemble", "build", "while a model of hidden_channels 16 was made"),
        ("mmgraph.training.train", "open_batches", "in a training with the whole graph in each step, hidden"),
        ("mmgraph.training.train", "write_run", "in a training with the whole graph in each step, hidden"),
    ],
)
def test_before_the_first_step_and_after_the_last(graph, quick, monkeypatch, tmp_path, place, name, message):
    monkeypatch.setattr(importlib.import_module(place), name, allocate)
    with pytest.raises(RunError, match=f"memory ran out {message}"):
        train(graph, task="colour", overrides=[*quick, "max_epochs=1"], out=tmp_path / "run", batch_size=0)
    assert list(tmp_path.iterdir()) == []


WHOLE = r"while the whole graph passed the model at once, 326 nodes and .* edges in hidden_channels 16 \(.*"
IN_PARTS = r"Set eval_batch_size to 4096 \(for a run: --eval-batch-size 4096\), to pass it in parts"


@pytest.mark.parametrize(
    ("model", "overrides", "place", "message"),
    [
        ("hetero_gat", ["batch_size=0"], "forward", WHOLE + IN_PARTS),
        (
            "han",
            ["batch_size=0"],
            "forward",
            WHOLE + r"cannot be passed in parts, since .*: train with a sma",
        ),
        (
            "hetero_gat",
            ["batch_size=40"],
            "project",
            r"while 4,096 nodes at a time passed the model with all of their neighbours, in hidden_channels "
            r"16 \(.*\)\. Set eval_batch_size to 2048 \(for a run: --eval-batch-size 2048\)",
        ),
        (
            "hetero_gat",
            ["batch_size=40", "eval_batch_size=1"],
            "project",
            r"while 1 node at a time .*\)\. Train with a smaller model\.hidden_channels or fewer layers\.$",
        ),
        (
            "hetero_gat",
            ["batch_size=40", "eval_batch_size=30", "model.missing=token"],
            "forward",
            r"while 30 entities at a time .* Set eval_batch_size to 15 ",
        ),
    ],
)
def test_measuring_tells_of_itself(graph, quick, monkeypatch, model, overrides, place, message):
    method = getattr(MultimodalModel, place)

    def unless_measuring(self, *arguments):
        return method(self, *arguments) if self.training else allocate()

    options = {"task": "colour", "model": model, "overrides": [*quick, "max_epochs=1", *overrides]}
    run = train(graph, **options)
    monkeypatch.setattr(MultimodalModel, place, unless_measuring)
    for use in (run.evaluate, run.embed, lambda: train(graph, **options)):
        with pytest.raises(RunError, match=message):
            use()


def test_a_run_that_takes_too_much_at_once_is_measured_in_parts(graph, quick, monkeypatch, tmp_path):
    graph.save(tmp_path / "graph")
    run = train(
        tmp_path / "graph",
        task="colour",
        overrides=[*quick, "max_epochs=2"],
        batch_size=0,
        out=tmp_path / "run",
    )
    accuracy, (_, tags) = run.evaluate("test"), run.embed("tag")
    monkeypatch.setattr(MultimodalModel, "forward", allocate)
    parts = []
    split = LayerByLayer.__init__
    monkeypatch.setattr(
        LayerByLayer, "__init__", lambda self, *args: parts.append(args[1]) or split(self, *args)
    )
    opened = load_run(tmp_path / "run", eval_batch_size=7)
    assert opened.evaluate("test") == accuracy
    np.testing.assert_allclose(opened.embed("tag")[1], tags, rtol=1e-5, atol=1e-6)
    assert parts == [7]
    with pytest.raises(ConfigError, match=r"load_run: eval_batch_size: got 0"):
        load_run(tmp_path / "run", eval_batch_size=0)


def test_what_comes_after_the_model(graph, quick, monkeypatch, tmp_path):
    run = train(graph, task="colour", overrides=[*quick, "max_epochs=1"])
    ids, vectors = run.embed()
    monkeypatch.setattr("mmgraph.evaluation.embeddings.pq.ParquetWriter.write_table", allocate)
    with pytest.raises(RunError, match="memory ran out while 120 vectors of width 16 were written"):
        write_embeddings(tmp_path / "a.parquet", ids.tolist(), vectors)
    assert list(tmp_path.iterdir()) == []
    opened = importlib.import_module("mmgraph.training.run")
    monkeypatch.setattr(opened, "open_inference", allocate)
    run = train(graph, task="colour", overrides=[*quick, "max_epochs=1"])
    with pytest.raises(RunError, match="memory ran out while the graph was read"):
        run.evaluate()


@pytest.mark.parametrize(
    "error",
    [MemoryError(), torch.OutOfMemoryError("CUDA out of memory"), OSError(12, "Cannot allocate memory")],
)
def test_other_kinds(error):
    with (
        pytest.raises(RunError, match="memory ran out"),
        training_told(TrainConfig(batch_size=0), torch.device("cpu")),
    ):
        raise error


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="shapes"), memory_told("while", fix="Stop."):
        raise RuntimeError("shapes do not fit")


@pytest.mark.parametrize(
    ("device", "precision", "other"), [("cpu", "bf16-mixed", "32"), ("cuda", "32", "bf16-mixed")]
)
def test_the_precision_that_keeps_less_there_is_named(device, precision, other):
    for given, last in ((precision, f"precision {other}."), (other, "model.hidden_channels.")):
        told = training_told(TrainConfig(batch_size=0, precision=given), torch.device(device))
        with pytest.raises(RunError) as caught, told:
            raise MemoryError
        assert str(caught.value).endswith(last)
