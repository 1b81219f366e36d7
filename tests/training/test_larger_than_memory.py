"""A graph that is larger than the memory that its training takes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch_geometric.data import HeteroData

from mmgraph.graph.exchange.from_hetero_data import from_hetero_data

THINGS, WIDTH = 24_000, 3_000
ALLOWED = 200 << 20

SCRIPT = """
import sys, threading
from pathlib import Path
from mmgraph.training import load_run, train

small, large, out, *overrides = sys.argv[1:]
options = {"task": "thing", "overrides": ["max_epochs=1", "model.hidden_channels=16", *overrides]}


def held():
    # What is mapped from files does not count: the system takes it back when somebody else needs the memory.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["RssAnon"].split()[0]) * 1024


def watch():
    global most
    while not done.wait(0.005):
        most = max(most, held())


# Whatever is loaded and compiled at the first training is no matter of the graph's size.
train(small, out=f"{out}-small", **options)
load_run(f"{out}-small").evaluate("test")
most, before, done = 0, held(), threading.Event()
watcher = threading.Thread(target=watch)
watcher.start()
train(large, out=out, **options)
accuracy = load_run(out).evaluate("test")["accuracy"]
done.set()
watcher.join()
print(accuracy, most - before)
"""


def save_things(folder: Path, count: int, width: int) -> None:
    generator = torch.Generator().manual_seed(0)
    data = HeteroData()
    data["thing"].x = torch.randn(count, width, generator=generator)
    data["thing"].y = torch.arange(count) % 2
    data["thing"].x[:, : width // 4] += data["thing"].y.unsqueeze(1)
    part = torch.arange(count) % 10
    data["thing"].train_mask, data["thing"].val_mask = part < 2, part == 2
    data["thing"].test_mask = part > 2
    data["thing", "like", "thing"].edge_index = torch.randint(count, (2, 4 * count), generator=generator)
    from_hetero_data(data).save(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("graphs")
    save_things(folder / "small", 100, 8)
    save_things(folder / "large", THINGS, WIDTH)
    yield folder
    # pytest keeps folders for a while, and this one is large.
    shutil.rmtree(folder / "large")


def trained(folder: Path, out: Path, *overrides: str) -> tuple[float, int]:
    """Return the accuracy of a training in a process of its own, and the bytes that it held at the most."""
    arguments = [str(folder / "small"), str(folder / "large"), str(out), "device=cpu", *overrides]
    done = subprocess.run([sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    accuracy, held = done.stdout.split()
    return float(accuracy), int(held)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells of a process")
def test_a_graph_larger_than_memory_trains_by_samples(folder, tmp_path):
    sizes = [file.stat().st_size for file in (folder / "large").rglob("*") if file.is_file()]
    assert sum(sizes) > 1.3 * ALLOWED
    accuracy, held = trained(folder, tmp_path / "run", "batch_size=32", "fanout=[2,1]")
    assert accuracy > 0.8
    assert held < ALLOWED
    # The whole graph at once does not keep to that.
    _, held = trained(folder, tmp_path / "whole", "batch_size=0")
    assert held > ALLOWED


LIMITED = """
import resource, sys
from pathlib import Path
from mmgraph.graph import load_graph
from mmgraph.training import load_run, train

small, large, out, way = sys.argv[1:]
options = {"task": "thing", "overrides": ["max_epochs=1", "model.hidden_channels=16", "device=cpu"]}
sampled = {"batch_size": 32, "fanout": [2, 1]}
# Whatever is loaded and compiled at the first training is no matter of the graph's size.
train(small, out=f"{out}-small", **sampled, **options)
load_run(f"{out}-small").evaluate("test")
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
limit = int(status["VmData"].split()[0]) * 1024 + ALLOWED
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
if way == "loaded":
    load_graph(large).features["thing/x"].copy()
if way == "whole":
    sampled = {"batch_size": 0}
train(large, out=out, **sampled, **options)
print(load_run(out).evaluate("test")["accuracy"])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells of a process")
@pytest.mark.parametrize(
    ("way", "message"),
    [
        ("sampled", ""),
        pytest.param("loaded", "may not have so much more memory", marks=pytest.mark.slow),
        pytest.param("whole", "memory", marks=pytest.mark.slow),
    ],
)
def test_it_trains_where_the_process_may_not_have_as_much_memory(folder, tmp_path, way, message):
    features = next((folder / "large").rglob("*x*.npy"))
    # Room for the process's own arrays, for the stacks of threads, and not for the features.
    allowed = 256 << 20
    assert features.stat().st_size > allowed
    script = LIMITED.replace("ALLOWED", str(allowed))
    arguments = [str(folder / "small"), str(folder / "large"), str(tmp_path / "run"), way]
    # Else malloc sets memory aside for each thread.
    environment = os.environ | {"MALLOC_ARENA_MAX": "1"}
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if way == "sampled":
        assert done.returncode == 0, done.stderr
        assert float(done.stdout) > 0.8
    else:
        assert done.returncode == 1
        last = done.stderr.splitlines()[-1]
        assert "mmgraph.errors." in last
        assert message in last
