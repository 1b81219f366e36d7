"""The run folder: whole, without pickle, the same numbers when read back, clear when it is broken."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from mmgraph.errors import UserError
from mmgraph.graph import load_graph
from mmgraph.training import Run, load_run, train
from mmgraph.training.module import TaskModule

FILES = {
    "run.json",
    "config.yaml",
    "model.safetensors",
    "last.safetensors",
    "metrics.json",
    "predictions.parquet",
    "history.csv",
    "tensorboard",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory, make_graph, quick) -> Path:
    """Return a folder with a graph and a run of each task."""
    folder = tmp_path_factory.mktemp("made")
    labels = np.random.default_rng(1).integers(0, 3, size=120)
    make_graph(labels, signal=1.0).save(folder / "graph")
    for task, edges in (("colour", "shuffled"), ("size", "given")):
        train(
            folder / "graph",
            task=task,
            overrides=[*quick, f"edges={edges}"],
            seed=3,
            out=folder / "runs" / task,
        )
    return folder


@pytest.fixture
def folder(made, tmp_path) -> Path:
    """Return a copy that a test may break."""
    shutil.copytree(made, tmp_path / "made")
    return tmp_path / "made"


@pytest.mark.parametrize("task", ["colour", "size"])
def test_metrics_read_back_are_exactly_those_of_the_training(made, task):
    run_folder = made / "runs" / task
    written = json.loads((run_folder / "metrics.json").read_text())
    run = load_run(run_folder)
    assert {split: run.evaluate(split) for split in written} == written
    assert set(written) == {"train", "validation", "test"}
    pd.testing.assert_frame_equal(
        run.predictions().drop(columns="probabilities", errors="ignore"),
        pd.read_parquet(run_folder / "predictions.parquet").drop(columns="probabilities", errors="ignore"),
    )


def test_the_folder_holds_what_it_should_and_says_what_it_is(made):
    run_folder = made / "runs" / "colour"
    assert {file.name for file in run_folder.iterdir()} == FILES
    record = json.loads((run_folder / "run.json").read_text())
    assert record["task"] == "colour"
    assert record["model"] == "hetero_gat"
    assert record["seed"] == 3
    assert record["graph"]["path"] == "../../graph"
    assert record["graph"]["name"] == "things"
    assert record["target"]["classes"] == ["class-0", "class-1", "class-2"]
    assert record["epochs"] == len(pd.read_csv(run_folder / "history.csv"))
    assert 1 <= record["best_epoch"] <= record["epochs"]
    assert str(made) not in (run_folder / "run.json").read_text()
    config = yaml.safe_load((run_folder / "config.yaml").read_text())
    assert config["seed"] == 3
    assert config["model"]["hidden_channels"] == 16
    assert config["edges"] == "shuffled"


def test_all_files_are_for_the_same_eyes(made):
    files = [file for file in (made / "runs" / "colour").rglob("*") if file.is_file()]
    assert len({file.stat().st_mode for file in files}) == 1


def test_the_last_weights_are_beside_the_best_ones(made, graph, quick, monkeypatch):
    ended = {}

    def note(module):
        ended.update({name: value.clone() for name, value in module.state_dict().items()})

    monkeypatch.setattr(TaskModule, "on_train_end", note)
    run = train(graph, task="colour", overrides=[*quick, "optimiser.lr=0.1", "patience=2"])
    assert run.best_epoch < len(run.history)
    best = run.module.state_dict()
    assert all(torch.equal(run.last_weights[name], value) for name, value in ended.items())
    assert not all(torch.equal(run.last_weights[name], value) for name, value in best.items())
    opened = load_run(made / "runs" / "colour")
    opened.module.load_state_dict(opened.last_weights)


def test_predictions_have_ids_splits_and_probabilities(made):
    table = pd.read_parquet(made / "runs" / "colour" / "predictions.parquet")
    assert list(table) == ["id", "split", "target", "prediction", "probabilities"]
    assert len(table["probabilities"][0]) == 3
    assert list(pd.read_parquet(made / "runs" / "size" / "predictions.parquet")) == list(table)[:4]


def test_a_run_saved_again_is_the_same_run(folder):
    run = load_run(folder / "runs" / "colour")
    run.save(folder / "elsewhere" / "again")
    again = load_run(folder / "elsewhere" / "again")
    assert again.folder == folder / "elsewhere" / "again"
    assert again.metrics() == run.metrics()
    for name in (
        "model.safetensors",
        "last.safetensors",
        "metrics.json",
        "config.yaml",
        "history.csv",
        "predictions.parquet",
    ):
        old, new = (base / name for base in (folder / "runs" / "colour", folder / "elsewhere" / "again"))
        assert old.read_bytes() == new.read_bytes(), name


def test_a_run_is_replaced_only_when_asked_to(folder):
    run = load_run(folder / "runs" / "colour")
    with pytest.raises(UserError, match="is there already"):
        run.save(folder / "runs" / "size")
    run.save(folder / "runs" / "size", overwrite=True)
    assert load_run(folder / "runs" / "size").task.labels.task == "colour"


def test_folders_that_move_together_stay_usable(folder, tmp_path):
    shutil.move(folder, tmp_path / "moved")
    assert load_run(tmp_path / "moved" / "runs" / "colour").evaluate()


def test_a_graph_that_moved_can_be_passed(folder):
    wanted = load_run(folder / "runs" / "colour").metrics()
    shutil.move(folder / "graph", folder / "elsewhere")
    with pytest.raises(UserError, match=r"'things' .* is no longer at .*graph\. Pass --graph GRAPH"):
        load_run(folder / "runs" / "colour")
    run = load_run(folder / "runs" / "colour", graph=folder / "elsewhere")
    assert run.metrics() == wanted
    assert load_run(folder / "runs" / "colour", graph=run.graph).metrics() == wanted


def test_another_graph_is_refused(folder, make_graph):
    other = make_graph(np.random.default_rng(2).integers(0, 3, size=120))
    with pytest.raises(UserError, match=r"has the fingerprint .* Pass --graph GRAPH"):
        load_run(folder / "runs" / "colour", graph=other)
    other.save(folder / "graph", overwrite=True)
    with pytest.raises(UserError, match="has the fingerprint"):
        load_run(folder / "runs" / "colour")


def test_a_graph_that_was_never_saved_must_be_passed(graph, quick, tmp_path):
    run = train(graph, task="colour", overrides=[*quick, "max_epochs=2"], out=tmp_path / "run")
    assert run.folder == tmp_path / "run"
    with pytest.raises(UserError, match=r"was never saved with it\. Pass --graph"):
        load_run(tmp_path / "run")
    assert load_run(tmp_path / "run", graph=graph).metrics() == run.metrics()


def test_a_graph_that_was_opened_is_found_again(folder, quick, monkeypatch):
    # Relative paths are those of the folder where the graph was opened.
    monkeypatch.chdir(folder)
    opened = load_graph("graph")
    monkeypatch.chdir(folder.parent)
    run = train(opened, task="colour", overrides=[*quick, "max_epochs=2"], out=folder / "runs" / "opened")
    assert load_run(folder / "runs" / "opened").metrics() == run.metrics()
    run.save(folder / "saved")
    assert json.loads((folder / "saved" / "run.json").read_text())["graph"]["path"] == "../graph"


def test_a_changed_graph_is_not_taken_for_the_folder_it_came_from(folder, quick):
    opened = load_graph(folder / "graph")
    assert opened.folder == folder / "graph"
    for changed in (opened.shuffled(0), opened.without_relations()):
        assert changed.folder is None
        assert changed.fingerprint() != opened.fingerprint()


def edit_json(file: Path, **changes) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def drop_weight(run: Path) -> None:
    weights = load_file(run / "model.safetensors")
    weights.pop("head.bias")
    save_file(weights, run / "model.safetensors")


def widen_weight(run: Path) -> None:
    weights = load_file(run / "model.safetensors")
    save_file(weights | {"head.bias": weights["head.bias"].repeat(2)}, run / "model.safetensors")


BREAKS = {
    "no folder": (shutil.rmtree, "there is no run.json, so it is no run folder"),
    "no run.json": (lambda run: (run / "run.json").unlink(), "there is no run.json"),
    "no JSON": (lambda run: (run / "run.json").write_text("{"), "run.json: is not valid JSON"),
    "a list": (lambda run: (run / "run.json").write_text("[]"), "run.json"),
    "unknown key": (lambda run: edit_json(run / "run.json", sed=1), "run.json: sed"),
    "later format": (lambda run: edit_json(run / "run.json", format=2), "run.json: format"),
    "unknown task": (lambda run: edit_json(run / "run.json", task="color"), "there is no task 'color'"),
    "no config": (lambda run: (run / "config.yaml").unlink(), "config.yaml: there is no such file"),
    "misspelt config": (
        lambda run: (run / "config.yaml").write_text("sed: 1\n"),
        "config.yaml: sed: .*Did you mean 'seed'",
    ),
    "no weights": (
        lambda run: (run / "model.safetensors").unlink(),
        "model.safetensors: there is no such file",
    ),
    "broken weights": (
        lambda run: (run / "model.safetensors").write_bytes(b"pickle"),
        "model.safetensors: is no safetensors file",
    ),
    "missing weight": (drop_weight, r"model.safetensors: head.bias: got nothing; wanted \(3,\)"),
    "wrong shape": (widen_weight, r"head.bias: got \(6,\); wanted \(3,\)"),
    "no history": (lambda run: (run / "history.csv").unlink(), "history.csv: cannot be read"),
}


@pytest.mark.parametrize("fault", BREAKS)
def test_a_broken_folder_is_the_users_fault_and_says_which_file(folder, fault):
    run = folder / "runs" / "colour"
    break_it, message = BREAKS[fault]
    break_it(run)
    with pytest.raises(UserError, match=message):
        load_run(run)


def test_a_run_remembers_the_address_of_its_graph(made, tmp_path, monkeypatch, quick):
    monkeypatch.setenv("MMGRAPH_HOME", str(tmp_path / "home"))
    memory = fsspec.filesystem("memory")
    memory.put(f"{made / 'graph'}/", "/bucket/graph/", recursive=True)
    try:
        train("memory://bucket/graph", task="colour", overrides=quick, out=tmp_path / "run")
        assert json.loads((tmp_path / "run/run.json").read_text())["graph"]["path"] == "memory://bucket/graph"
        shutil.rmtree(tmp_path / "home")
        assert load_run(tmp_path / "run").graph.address == "memory://bucket/graph"
    finally:
        memory.rm("/bucket", recursive=True)


def test_loading_draws_no_random_numbers(made):
    torch.manual_seed(1)
    wanted = torch.rand(1)
    torch.manual_seed(1)
    assert isinstance(load_run(made / "runs" / "colour"), Run)
    assert torch.equal(torch.rand(1), wanted)
