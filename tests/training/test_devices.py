"""Several processes train as one does at the same batches, end together, and go on where they were."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load_file

from mmgraph.errors import ConfigError, RunError
from mmgraph.training import TrainConfig, train
from mmgraph.training.assemble import assemble
from mmgraph.training.batching import choose_batches
from mmgraph.training.module import TaskModule
from mmgraph.training.processes import Processes, for_processes, told_processes
from mmgraph.training.same_training import Training

STILL = ("model.input_dropout=0", "model.dropout=0", "model.hidden_channels=16", "max_epochs=4")
# AdamW makes much of rounding, where a gradient is next to nothing.
EXACT = (*STILL, "optimiser.name=sgd", "device=cpu", "report_to=csv")
COMMAND = ("-m", "mmgraph.cli", "train", "graph", "--task", "colour")

PLUGIN = """
import os
from pathlib import Path

import mmgraph as mg
from mmgraph.layers import HeteroGAT

@mg.LAYERS.register("failing")
class Failing(HeteroGAT):
    '''Fails in the second process alone.'''

    def forward(self, *inputs):
        rank = os.environ["RANK"]
        Path(f"{rank}.pid").write_text(str(os.getpid()))
        Path(f"{rank}.maps").write_text(Path("/proc/self/maps").read_text())
        if rank == "1":
            raise TypeError("this layer is broken")
        return super().forward(*inputs)
"""


@pytest.fixture
def folder(graph, tmp_path, monkeypatch):
    """Return the folder that a saved graph and the runs are in, which is the working directory too."""
    graph.save(tmp_path / "graph")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path


def losses(run: str) -> np.ndarray:
    return pd.read_csv(f"{run}/csv/steps.csv")["loss"].to_numpy()


def python(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=300, check=False, **options
    )


def until(condition, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()


@pytest.mark.parametrize(
    ("batch_size", "overrides"),
    [
        # The second batch has one entity, so that one of the two processes has none.
        pytest.param(59, ("optimiser.clip_norm=null",), marks=pytest.mark.slow),
        (13, ("accumulate=2", "class_weights=balanced", "optimiser.clip_norm=0.1", "ema=0.5")),
    ],
)
def test_two_processes_have_the_losses_of_one(folder, batch_size, overrides):
    options = {"task": "colour", "batch_size": batch_size, "fanout": [-1, -1]}
    overrides = [*EXACT, *overrides]
    one = train("graph", overrides=overrides, out="one", **options)
    two = train("graph", overrides=overrides, out="two", devices=2, **options)
    assert len(losses("one")) == 4 * -(-60 // batch_size)
    np.testing.assert_allclose(losses("two"), losses("one"), rtol=0, atol=1e-6)
    assert losses("one")[0] != losses("one")[-1]
    np.testing.assert_allclose(two.history, one.history, rtol=0, atol=1e-6)
    weights = [load_file(f"{run}/model.safetensors") for run in ("one", "two")]
    for name in weights[0]:
        np.testing.assert_allclose(weights[1][name], weights[0][name], rtol=0, atol=1e-6)
    assert json.loads(Path("two/run.json").read_text())["devices"] == two.config.devices == 2
    assert two.evaluate("test") == pytest.approx(one.evaluate("test"))


@pytest.mark.slow
def test_torchrun_trains_as_devices_do(folder):
    flags = ["--batch-size", "16", "--json", *(word for key in EXACT for word in ("--set", key))]
    flags += ["--set", "model.dropout=0.3"]
    done = python(*COMMAND, *flags, "--out", "own", "--devices", "2")
    assert done.returncode == 0, done.stderr
    launched = ("-m", "torch.distributed.run", "--nproc-per-node", "2", *COMMAND, *flags)
    other = python(*launched, "--out", "torchrun")
    assert other.returncode == 0, other.stderr
    # One document, of the first process.
    assert json.loads(other.stdout) == json.loads(done.stdout)
    assert done.stderr.count("train on mini-batches of 16") == 1
    for file in ("model.safetensors", "history.csv", "config.yaml", "csv/steps.csv"):
        assert (folder / "torchrun" / file).read_bytes() == (folder / "own" / file).read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == ["graph", "own", "torchrun"]


@pytest.mark.slow
def test_a_training_that_is_told_to_stop_goes_on_to_the_same_bytes(folder):
    flags = ["--batch-size", "16", "--fanout", "3,2", "--devices", "2", "--quiet"]
    flags += ["--set", "max_epochs=15", "--set", "checkpoint_seconds=0"]
    flags += ["--set", "model.hidden_channels=16", "--set", "device=cpu"]
    whole = python(*COMMAND, *flags, "--out", "whole")
    assert whole.returncode == 0, whole.stderr
    with subprocess.Popen(
        [sys.executable, *COMMAND, *flags, "--out", "run"], stderr=subprocess.PIPE
    ) as stopped:
        until((folder / "run.unfinished" / "checkpoint.before.pt").exists)
        stopped.send_signal(signal.SIGTERM)
        _, said = stopped.communicate(timeout=100)
    assert (stopped.returncode, said) == (143, b"")
    assert not (folder / "run").exists()
    resumed = python(*COMMAND, *flags, "--out", "run", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    for file in ("model.safetensors", "history.csv", "run.json"):
        assert (folder / "run" / file).read_bytes() == (folder / "whole" / file).read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == ["graph", "run", "whole"]


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_is_killed_ends_all_and_one_can_go_on(folder, rank):
    checkpoint = folder / "run.unfinished" / "checkpoint.before.pt"

    def kill_one() -> None:
        until(checkpoint.exists)
        one = next(
            process
            for process in multiprocessing.active_children()
            if process.name == f"mmgraph-device-{rank}"
        )
        one.kill()

    options = {"task": "colour", "batch_size": 16, "out": "run"}
    overrides = [*STILL, "device=cpu", "max_epochs=15", "checkpoint_seconds=0"]
    killer = threading.Thread(target=kill_one)
    killer.start()
    message = rf"process {rank + 1} of 2 was ended from outside \(SIGKILL\).*--resume"
    with pytest.raises(RunError, match=message):
        train("graph", overrides=overrides, devices=2, **options)
    killer.join()
    assert multiprocessing.active_children() == []
    assert not (folder / "run").exists()
    run = train("graph", overrides=overrides, resume=True, **options)
    assert "begun on 2 and resumed on 1 devices, whose dropout differs" in run.describe()["notes"]
    assert len(run.history) == 15


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc")
def test_what_one_process_raises_is_told_once_and_ends_all(folder):
    (folder / "plugin.py").write_text(PLUGIN)
    flags = ["--plugin", "plugin.py", "--set", "model.layers=[failing]", "--set", "device=cpu", "--quiet"]
    done = python(*COMMAND, *flags, "--devices", "2", "--out", "run")
    assert done.returncode == 1
    assert done.stderr.startswith("error: a fault of mmgraph: RuntimeError: TypeError: this layer is broken")
    assert len(done.stderr.splitlines()) == 1
    assert not list(folder.glob("run*"))
    for rank in (0, 1):
        assert gone(int((folder / f"{rank}.pid").read_text()))
        # Neither has read the features into its memory: both have mapped the file.
        mapped = (folder / f"{rank}.maps").read_text()
        assert str(folder / "graph" / "features" / "thing" / "text.npy") in mapped


@pytest.mark.slow
def test_processes_that_cannot_reach_each_other_say_so_once(folder, monkeypatch):
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "nowhere0")
    with pytest.raises(
        RunError, match=r"devices: process \d of 2 cannot reach the others: .*nowhere0.* Name a net"
    ):
        train("graph", task="colour", batch_size=16, devices=2, out="run", device="cpu")
    assert [path.name for path in folder.iterdir()] == ["graph"]


@pytest.mark.slow
def test_a_script_without_a_guard_is_told_to_have_one(folder):
    (folder / "script.py").write_text(
        "import mmgraph as mg\n"
        "mg.train('graph', task='colour', batch_size=16, devices=2, out='run', device='cpu')\n"
    )
    done = python("script.py")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert (
        "of 2 ended before it had begun. New processes run the script once more: guard what it does" in last
    )
    assert not list(folder.glob("run*"))


@pytest.mark.slow
def test_one_device_can_be_gone_on_from_by_two(folder, monkeypatch):
    step, options = TaskModule.training_step, {"task": "colour", "batch_size": 16, "out": "run"}
    overrides = [*STILL, "device=cpu", "checkpoint_seconds=0"]

    def stopped(module, batch, number):
        if module.current_epoch == 2:
            raise KeyboardInterrupt
        return step(module, batch, number)

    with monkeypatch.context() as patch:
        patch.setattr(TaskModule, "training_step", stopped)
        with pytest.raises(KeyboardInterrupt):
            train("graph", overrides=overrides, **options)
    run = train("graph", overrides=overrides, resume=True, devices=2, **options)
    assert "begun on 1 and resumed on 2 devices, whose dropout differs" in run.describe()["notes"]
    assert len(run.history) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"out": None}, "devices: each device has a process of its own, but the run would stay in one"),
        ({"on_epoch": print}, "but on_epoch is a function of this one. Leave it out"),
        ({"device": "cuda"}, "device: got cuda, but"),
        ({"devices": 0}, "devices: got 0"),
    ],
)
def test_what_processes_cannot_do_is_refused_before_they_start(folder, arguments, message):
    options = {"task": "colour", "devices": 2, "out": "run"} | arguments
    if "cuda" in message and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ConfigError, match=message):
        train("graph", **options)
    assert [path.name for path in folder.iterdir()] == ["graph"]


def test_a_graph_in_memory_is_refused(graph, tmp_path):
    with pytest.raises(ConfigError, match=r"the graph is in the memory of this one. Save it"):
        train(graph, task="colour", devices=2, out=tmp_path / "run")


def test_the_whole_graph_is_not_shared(graph):
    config = TrainConfig(devices=2)
    model = assemble(graph, "colour", config).model
    chosen = choose_batches(config, model, graph.schema, torch.device("cpu"))
    assert chosen.config.batch_size == 1024
    assert chosen.reason.endswith("on 2 devices, since 2 devices share batches")
    whole = TrainConfig(devices=2, batch_size=0)
    with pytest.raises(ConfigError, match=r"devices: got 2, but with batch_size 0.*Set a batch_size"):
        choose_batches(whole, model, graph.schema, torch.device("cpu"))


def test_torchrun_says_how_many_devices_there_are(monkeypatch):
    told = {"RANK": "1", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "MASTER_ADDR": "a", "MASTER_PORT": "1"}
    assert told_processes() == Processes()
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    processes = told_processes()
    assert processes == Processes(rank=1, size=4, local_rank=1, local_size=4)
    assert for_processes(TrainConfig(), processes).devices == 4
    with pytest.raises(ConfigError, match="got 2, but torchrun has started 4 processes"):
        for_processes(TrainConfig(devices=2), processes)


def test_another_number_of_devices_is_the_same_training_until_it_is_done():
    one, two = (
        Training(task="a", graph="b", config=TrainConfig(devices=devices), environment={})
        for devices in (1, 2)
    )
    assert one.unlike(two, done=False) == []
    assert one.unlike(two, done=True) == ["devices is 1 there and 2 here"]
