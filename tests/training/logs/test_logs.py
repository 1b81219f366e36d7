"""Logs that can be read while a training goes on: what is in them, when, and what stands in their way."""

from __future__ import annotations

import contextlib
import math
import socket
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2
from torch_geometric.data import HeteroData

from mmgraph.errors import ConfigError, MissingDependencyError, RunError
from mmgraph.graph import Graph
from mmgraph.graph.exchange.from_hetero_data import from_hetero_data
from mmgraph.training import train

QUICK = ("max_epochs=3", "device=cpu", "model.hidden_channels=8")
COSINE = ("optimiser.schedule=cosine",)
BATCHED = (*QUICK, "batch_size=16")
STEPS = 2
EPOCHS = 3


@pytest.fixture(scope="module")
def graph() -> Graph:
    """Sixty things of three kinds, half of them for training."""
    rng = torch.Generator().manual_seed(0)
    data = HeteroData()
    data["thing"].x = torch.randn(60, 6, generator=rng)
    data["thing"].y = torch.arange(60) % 3
    parts = torch.arange(60) // 3 % 4
    data["thing"].train_mask, data["thing"].val_mask, data["thing"].test_mask = (
        parts < 2,
        parts == 2,
        parts == 3,
    )
    return from_hetero_data(data)


def trained(graph, **arguments):
    return train(graph, **({"task": "thing", "model": "mlp", "overrides": BATCHED} | arguments))


def events_of(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder / "tensorboard")).Reload()


def test_tensorboard_has_epochs_steps_and_the_config(graph, tmp_path):
    run = trained(graph, out=tmp_path / "run")
    events = events_of(run.folder)
    history = pd.read_csv(run.folder / "history.csv")
    assert set(events.Tags()["scalars"]) == {*history.columns, "step/loss", "step/lr"} - {"epoch"}
    for name in history.columns[1:]:
        assert [scalar.step for scalar in events.Scalars(name)] == [1, 2, 3]
        assert [scalar.value for scalar in events.Scalars(name)] == pytest.approx(history[name].tolist())
    assert [scalar.step for scalar in events.Scalars("step/loss")] == list(range(1, STEPS * EPOCHS + 1))
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    known = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    assert known["optimiser.lr"].number_value == run.config.optimiser.lr
    assert known["model.name"].string_value == "mlp"


def test_csv_has_epochs_steps_and_the_config(graph, tmp_path):
    run = trained(graph, out=tmp_path / "run", report_to=["csv"])
    assert not (run.folder / "tensorboard").exists()
    epochs = pd.read_csv(run.folder / "csv" / "epochs.csv")
    assert list(epochs["step"]) == [STEPS, 2 * STEPS, 3 * STEPS]
    pd.testing.assert_frame_equal(epochs.drop(columns="step"), run.history)
    steps = pd.read_csv(run.folder / "csv" / "steps.csv")
    assert list(steps["step"]) == list(range(1, STEPS * EPOCHS + 1))
    # Each epoch has 30 entities, in batches of 16 and 14.
    first = np.average(steps["loss"][:STEPS], weights=[16, 14])
    assert first == pytest.approx(run.history["train_loss"][0])
    assert (steps["lr"] == run.config.optimiser.lr).all()
    assert yaml.safe_load((run.folder / "csv" / "config.yaml").read_text()) == run.config.model_dump(
        mode="json"
    )


def test_logs_are_there_while_the_training_goes_on(graph, tmp_path):
    seen = []

    def look(epoch):
        (folder,) = tmp_path.glob("*run*")
        rows = len(pd.read_csv(folder / "csv" / "epochs.csv"))
        values = events_of(folder).Scalars("validation_accuracy")
        seen.append((epoch.epoch, rows, len(values)))

    trained(graph, out=tmp_path / "run", report_to="tensorboard,csv", on_epoch=look)
    assert seen == [(1, 1, 1), (2, 2, 2), (3, 3, 3)]


def test_a_training_that_is_resumed_goes_on_in_its_logs(graph, tmp_path):
    def interrupt(epoch):
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    arguments = {
        "out": tmp_path / "run",
        "report_to": "tensorboard,csv",
        "overrides": [*BATCHED, "checkpoint_seconds=0"],
    }
    with pytest.raises(KeyboardInterrupt):
        trained(graph, on_epoch=interrupt, **arguments)
    cut_off = pd.read_csv(tmp_path / "run.unfinished" / "csv" / "steps.csv")
    assert list(cut_off["step"]) == [1, 2, 3, 4]
    run = trained(graph, resume=True, **arguments)
    assert not (tmp_path / "run.unfinished").exists()
    pd.testing.assert_frame_equal(
        pd.read_csv(run.folder / "csv" / "epochs.csv").drop(columns="step"), run.history
    )
    steps = pd.read_csv(run.folder / "csv" / "steps.csv")
    assert list(steps["step"]) == list(range(1, STEPS * EPOCHS + 1))
    assert {scalar.step for scalar in events_of(run.folder).Scalars("validation_loss")} == {1, 2, 3}


@pytest.mark.parametrize("spoilt", ["\n\n", "words\n", "3,4\n", "\x00,1,2\n", "1,0.5"])
def test_a_log_that_was_spoilt_does_not_stop_a_training(graph, tmp_path, spoilt):
    def interrupt(epoch):
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    arguments = {
        "out": tmp_path / "run",
        "report_to": "csv",
        "overrides": [*BATCHED, "checkpoint_seconds=0"],
    }
    with pytest.raises(KeyboardInterrupt):
        trained(graph, on_epoch=interrupt, **arguments)
    folder = tmp_path / "run.unfinished" / "csv"
    with (folder / "steps.csv").open("a") as file:
        file.write(spoilt)
    (folder / ".steps.csv.half").write_text("what a kill left")
    run = trained(graph, resume=True, **arguments)
    assert list(pd.read_csv(run.folder / "csv" / "steps.csv")["step"]) == list(range(1, STEPS * EPOCHS + 1))
    assert sorted(file.name for file in (run.folder / "csv").iterdir()) == [
        "config.yaml",
        "epochs.csv",
        "steps.csv",
    ]


def test_a_kill_while_a_log_is_cut_back_loses_none_of_it(graph, tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    arguments = {"out": tmp_path / "run", "report_to": "csv", "overrides": [*BATCHED, "checkpoint_seconds=0"]}
    with pytest.raises(KeyboardInterrupt):
        trained(graph, on_epoch=interrupt, **arguments)
    file = tmp_path / "run.unfinished" / "csv" / "steps.csv"
    before = file.read_text()
    with monkeypatch.context() as patch:
        patch.setattr("mmgraph.training.logs.csv_log.atomic_write", interrupt)
        with pytest.raises(KeyboardInterrupt):
            trained(graph, resume=True, **arguments)
    assert file.read_text() == before


@pytest.mark.parametrize("resumed", [False, True])
def test_every_batch_has_the_learning_rate_of_its_step(graph, tmp_path, resumed):
    def interrupt(epoch):
        if resumed and epoch.epoch == 2:
            raise KeyboardInterrupt

    arguments = {
        "out": tmp_path / "run",
        "report_to": "csv",
        "overrides": [*QUICK, "batch_size=8", "accumulate=2", "checkpoint_seconds=0", *COSINE],
    }
    with contextlib.suppress(KeyboardInterrupt):
        trained(graph, on_epoch=interrupt, **arguments)
    run = trained(graph, resume=True, **arguments)
    # Four batches an epoch, two a step.
    wanted = [run.config.optimiser.lr * (1 + math.cos(math.pi * step / 6)) / 2 for step in range(6)]
    steps = pd.read_csv(run.folder / "csv" / "steps.csv")
    assert steps["lr"].tolist() == pytest.approx(np.repeat(wanted, 2).tolist())
    assert run.history["lr"].tolist() == pytest.approx(wanted[1::2])


def test_a_training_that_starts_anew_starts_its_logs_anew(graph, tmp_path):
    def interrupt(epoch):
        raise KeyboardInterrupt

    arguments = {"out": tmp_path / "run", "overrides": [*BATCHED, "checkpoint_seconds=0"]}
    with pytest.raises(KeyboardInterrupt):
        trained(graph, on_epoch=interrupt, report_to="csv", **arguments)
    run = trained(graph, overwrite=True, report_to="tensorboard", **arguments)
    assert (run.folder / "tensorboard").is_dir()
    assert not (run.folder / "csv").exists()


def test_no_file_is_named_after_the_machine_or_the_place(graph, tmp_path):
    run = trained(graph, out=tmp_path / "run", report_to="tensorboard,csv")
    for file in run.folder.rglob("*"):
        assert socket.gethostname() not in file.name
        assert file.is_dir() or str(tmp_path).encode() not in file.read_bytes()


def test_logs_change_nothing_that_is_learned(graph, tmp_path):
    with_logs = trained(graph, out=tmp_path / "run", report_to="tensorboard,csv")
    without = trained(graph, report_to="none")
    assert with_logs.metrics() == without.metrics()
    pd.testing.assert_frame_equal(with_logs.history, without.history)


@pytest.mark.parametrize("given", ["none", [], ()])
def test_nothing_is_reported_if_nobody_asks(graph, tmp_path, given):
    run = trained(graph, out=tmp_path / "run", report_to=given)
    assert {"tensorboard", "csv"}.isdisjoint(file.name for file in run.folder.iterdir())


def test_it_can_stand_in_a_config(graph, tmp_path):
    run = trained(graph, out=tmp_path / "run", overrides=[*QUICK, "report_to=[csv, tensorboard]"])
    assert {"tensorboard", "csv"} <= {file.name for file in run.folder.iterdir()}
    assert run.config.report_to == ("csv", "tensorboard")


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"report_to": "csv"}, ConfigError, "csv writes to the run folder, and this training has none"),
        ({"report_to": "tensorbord"}, ConfigError, "Did you mean 'tensorboard'"),
        ({"report_to": "wandb"}, MissingDependencyError, r"report_to: wandb cannot .* `pip install wandb`"),
        (
            {"report_to": ["mlflow"]},
            MissingDependencyError,
            r"report_to: mlflow cannot .* `pip install mlflow`",
        ),
    ],
)
def test_what_cannot_be_reported_to_is_said_at_once(graph, monkeypatch, arguments, kind, message):
    monkeypatch.setitem(sys.modules, "wandb", None)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(kind, match=message):
        trained(graph, on_epoch=lambda epoch: pytest.fail("it trained"), **arguments)


class FakeWandb:
    """Notes what it is called with; it keeps to wandb's rule that steps never go back."""

    def __init__(self):
        self.begun, self.logged, self.ended = None, {}, None

    def init(self, *, project, name, config, mode):
        self.begun = (project, name, mode, config)
        return self

    def log(self, values, *, step):
        assert step >= max(self.logged, default=0)
        self.logged.setdefault(step, {}).update(values)

    def finish(self, *, exit_code):
        self.ended = exit_code


def test_wandb_gets_the_config_steps_and_epochs_and_stays_offline(graph, monkeypatch):
    fake = FakeWandb()
    for variable in ("WANDB_MODE", "WANDB_PROJECT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    run = trained(graph, report_to="wandb", seed=3)
    assert fake.begun == ("mmgraph", "thing-mlp-3", "offline", run.config.model_dump(mode="json"))
    assert list(fake.logged) == list(range(1, STEPS * EPOCHS + 1))
    last = fake.logged[STEPS * EPOCHS]
    assert last["epoch"] == EPOCHS
    assert last["validation_accuracy"] == run.history["validation_accuracy"].iloc[-1]
    assert set(fake.logged[1]) == {"step/loss", "step/lr"}
    assert fake.ended == 0


def test_wandb_obeys_its_variables_and_knows_of_failures(graph, monkeypatch):
    fake = FakeWandb()
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_PROJECT", "thesis")
    monkeypatch.setitem(sys.modules, "wandb", fake)

    def stop(epoch):
        raise RunError("stop")

    with pytest.raises(RunError, match="stop"):
        trained(graph, report_to="wandb", on_epoch=stop)
    assert fake.begun[0::2][:2] == ("thesis", "online")
    assert fake.ended == 1
    assert fake.logged[STEPS]["epoch"] == 1


def test_mlflow_gets_the_config_steps_and_epochs(graph, monkeypatch):
    calls = []
    fake = SimpleNamespace(
        active_run=lambda: None,
        start_run=lambda *, run_name, nested: calls.append(("start", run_name, nested)),
        log_params=lambda params: calls.append(("params", params)),
        log_metrics=lambda values, *, step: calls.append(("metrics", step, values)),
        end_run=lambda *, status: calls.append(("end", status)),
    )
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    run = trained(graph, report_to="mlflow")
    assert calls[0] == ("start", "thing-mlp-0", False)
    assert calls[1][1]["model.hidden_channels"] == 8
    assert calls[-1] == ("end", "FINISHED")
    metrics = calls[2:-1]
    accuracy = {step: values["validation_accuracy"] for _, step, values in metrics if "train_loss" in values}
    assert accuracy == dict(zip(run.history["epoch"], run.history["validation_accuracy"], strict=True))
    assert [step for _, step, values in metrics if "step/loss" in values] == list(
        range(1, STEPS * EPOCHS + 1)
    )
