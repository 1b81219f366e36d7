"""Workers of a Ray cluster train as processes of one machine do, and are replaced when they are killed."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import psutil
import pytest
import torch

from mmgraph.errors import ConfigError, GraphError
from mmgraph.training import train
from mmgraph.training.launch_on_ray import require_shared

pytestmark = pytest.mark.usefixtures("two_nodes")

OVERRIDES = ("model.hidden_channels=16", "model.dropout=0.3", "device=cpu", "report_to=none")
SAME = ("model.safetensors", "last.safetensors", "history.csv", "predictions.parquet", "run.json")
OPTIONS = {"task": "colour", "batch_size": 16, "fanout": [3, 2]}


@pytest.fixture
def folder(graph, tmp_path, monkeypatch):
    graph.save(tmp_path / "graph")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def workers() -> list[psutil.Process]:
    """Return the processes in which Ray Train trains."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "RayTrainWorker" in " ".join(process.cmdline()):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def same_bytes(one: Path, other: Path) -> None:
    for file in SAME:
        assert (one / file).read_bytes() == (other / file).read_bytes(), file


def test_a_worker_leaves_the_bytes_of_a_process(folder):
    overrides = [*OVERRIDES, "max_epochs=3"]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        train("graph", overrides=overrides, out="local", **OPTIONS)
    finally:
        torch.set_num_threads(threads)
    run = train("graph", overrides=overrides, out="ray", engine="ray", **OPTIONS)
    same_bytes(folder / "local", folder / "ray")
    assert run.config.engine == "ray"
    assert sorted(path.name for path in folder.iterdir()) == ["graph", "local", "ray"]


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced_and_training_goes_on_to_the_same_bytes(folder, capsys):
    from mmgraph.progress import Progress

    overrides = [*OVERRIDES, "max_epochs=40", "patience=40", "checkpoint_seconds=0"]
    train("graph", overrides=overrides, out="local", devices=2, **OPTIONS)
    killed = []

    def kill_one() -> None:
        checkpoint = folder / "ray.unfinished" / "checkpoint.before.pt"
        end = time.monotonic() + 120
        while not checkpoint.exists() and time.monotonic() < end:
            time.sleep(0.01)
        victim = workers()[-1]
        killed.append(victim.pid)
        victim.send_signal(signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    train("graph", overrides=overrides, out="ray", devices=2, engine="ray", progress=Progress(), **OPTIONS)
    killer.join()
    assert len(killed) == 1
    same_bytes(folder / "local", folder / "ray")
    said = capsys.readouterr()
    assert said.out == ""
    assert "note: a worker was lost, and others take over" in said.err
    assert "resume from" in said.err
    assert "A worker died" not in said.err
    assert sorted(path.name for path in folder.iterdir()) == ["graph", "local", "ray"]


def test_more_workers_than_the_cluster_has_room_for_are_refused(folder):
    with pytest.raises(ConfigError, match=r"workers: got 3, each of which takes a CPU, .* 2 CPUs on 2 nodes"):
        train("graph", out="run", devices=3, engine="ray", **OPTIONS)
    assert [path.name for path in folder.iterdir()] == ["graph"]


@pytest.mark.slow
def test_a_folder_that_a_node_does_not_see_is_named(tmp_path):
    with pytest.raises(GraphError, match=r"graph: is not there on the node .* that every node sees"):
        require_shared([tmp_path, tmp_path / "graph"])
