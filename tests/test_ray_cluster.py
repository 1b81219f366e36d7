"""A Ray cluster: what each worker has of it, and what a user is told where there is none."""

from __future__ import annotations

import builtins
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from mmgraph.errors import ConfigError, MissingDependencyError, RunError
from mmgraph.plugins import load_plugin
from mmgraph.ray_cluster import Surroundings, Workers, load_ray, ray_cluster, room_for, share_of


class Nodes:
    """Stands for the library: nodes with so many CPUs and GPUs."""

    def __init__(self, *nodes: tuple[int, int], lost: int = 0) -> None:
        self._nodes = [{"Alive": True, "Resources": {"CPU": cpus, "GPU": gpus}} for cpus, gpus in nodes]
        self._nodes += [{"Alive": False, "Resources": {"CPU": 64}}] * lost

    def nodes(self) -> list[dict[str, Any]]:
        return self._nodes


@pytest.mark.parametrize(
    ("cpus", "workers", "share"),
    [([8], 2, 4), ([8, 2], 2, 4), ([8, 2], 5, 2), ([3, 3], 2, 3), ([1, 1], 3, 0), ([], 1, 0)],
)
def test_each_worker_has_an_equal_share_on_one_node(cpus, workers, share):
    assert share_of(cpus, workers) == share


def test_nodes_that_are_lost_do_not_count():
    with pytest.raises(ConfigError, match=r"workers: got 3, .* 2 CPUs on 2 nodes. Ask for fewer, or start"):
        room_for(Nodes((1, 0), (1, 0), lost=1), 3)


def test_gpus_are_taken_where_there_is_one_for_each(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    nodes = Nodes((8, 1), (8, 1))
    workers = room_for(nodes, 2, device="auto")
    assert (workers.cpus, workers.gpus, workers.threads) == (8, 1, 8)
    assert workers.resources == {"CPU": 8, "GPU": 1}
    assert room_for(nodes, 3, device="auto").resources == {"CPU": 4}
    assert room_for(nodes, 2, device="cpu").gpus == 0
    with pytest.raises(
        ConfigError, match=r"a CPU and a GPU of one node, but .* 16 CPUs and 2 GPUs on 2 nodes"
    ):
        room_for(nodes, 3, device="cuda")
    with pytest.raises(ConfigError, match="device: got cuda:1, which is one device of a machine"):
        room_for(nodes, 2, device="cuda:1")


def test_workers_with_gpus_share_the_cpus_of_the_nodes_that_have_them():
    uneven = Nodes((8, 2), (64, 0))
    assert room_for(uneven, 2, device="cuda").resources == {"CPU": 4, "GPU": 1}
    assert room_for(uneven, 2, device="auto").resources == {"CPU": 4, "GPU": 1}
    few_cpus = Nodes((1, 4), (64, 0))
    assert room_for(few_cpus, 2, device="auto").resources == {"CPU": 32}
    with pytest.raises(ConfigError, match=r"a CPU and a GPU of one node, .* 65 CPUs and 4 GPUs on 2 nodes"):
        room_for(few_cpus, 2, device="cuda")


def test_workers_take_over_directory_plugins_and_threads(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    (tmp_path / "plugin.py").write_text("")
    load_plugin(tmp_path / "plugin.py")
    monkeypatch.chdir(tmp_path)
    surroundings = Surroundings.of(Workers(2, cpus=8, gpus=0))
    assert surroundings.plugins == (tmp_path / "plugin.py",)
    before = torch.get_num_threads()
    monkeypatch.chdir("/")
    try:
        surroundings.take_over()
        assert (Path.cwd(), torch.get_num_threads()) == (tmp_path, 3)
    finally:
        torch.set_num_threads(before)
    (tmp_path / "plugin.py").unlink()
    for name in [name for name in sys.modules if name.startswith("mmgraph_plugin_plugin")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ConfigError, match=r"plugin\.py: there is no such file"):
        surroundings.take_over()
    torch.set_num_threads(before)


def test_where_ray_is_missing_the_extra_is_named(monkeypatch):
    load = builtins.__import__

    def without_ray(name, *arguments, **keywords):
        if name == "ray":
            raise ImportError("No module named 'ray'")
        return load(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without_ray)
    with (
        pytest.raises(MissingDependencyError, match=r"engine: .*pip install 'mmgraph\[ray\]'"),
        ray_cluster(),
    ):
        pass


def test_a_cluster_that_does_not_answer_is_named_at_once(monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    with (
        pytest.raises(RunError, match=rf"RAY_ADDRESS: there is no cluster that answers at {address}"),
        ray_cluster(),
    ):
        pass


@pytest.mark.slow
def test_sigterm_ends_the_command_as_everywhere(two_nodes):
    handler = signal.getsignal(signal.SIGTERM)

    def be_told_to_stop() -> None:
        with ray_cluster():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)

    with pytest.raises(SystemExit) as ended:
        be_told_to_stop()
    assert ended.value.code == 128 + signal.SIGTERM
    assert not load_ray().is_initialized()
    signal.signal(signal.SIGTERM, handler)
