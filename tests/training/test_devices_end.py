"""Several processes stop in the same step, when time is up or numbers are lost, and go on as one does."""

from __future__ import annotations

import json
import re

import pytest
import torch

from mmgraph.training import train
from tests.training.test_devices import python

OVERRIDES = ("model.hidden_channels=16", "max_epochs=4", "device=cpu", "checkpoint_seconds=1000")

# The weights are lost in one of the processes alone.
SCRIPT = """
import math
import os
import sys

import torch.distributed as dist

from mmgraph.errors import DivergedError
from mmgraph.training import train
from mmgraph.training.module import TaskModule

update = TaskModule.optimizer_step


def spoilt(module, *arguments, **keywords):
    update(module, *arguments, **keywords)
    if module.trainer.global_step == 9 and os.environ["RANK"] == "1":
        module.head.weight.data.fill_(math.nan)


dist.init_process_group("gloo")
options = {"task": "colour", "batch_size": 16, "fanout": [3, 2], "overrides": sys.argv[1:]}
train("graph", out="whole", max_time=1000, **options)
short = train("graph", out="run", max_time=1e-6, **options)
assert len(short.history) == 1
assert os.path.exists("run.unfinished/checkpoint.pt")
more = train("graph", out="run", max_time=1000, resume=True, **options)
assert len(more.history) == 4
TaskModule.optimizer_step = spoilt
try:
    train("graph", out="lost", **options)
except DivergedError as error:
    print(f"{error}|", flush=True)
dist.barrier()
dist.destroy_process_group()
"""


@pytest.mark.slow
def test_more_time_and_weights_that_one_process_loses(graph, tmp_path, monkeypatch):
    graph.save(tmp_path / "graph")
    (tmp_path / "together.py").write_text(SCRIPT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    done = python("-m", "torch.distributed.run", "--nproc-per-node", "2", "together.py", *OVERRIDES)
    assert done.returncode == 0, done.stderr
    for file in ("model.safetensors", "last.safetensors", "history.csv", "run.json"):
        assert (tmp_path / "run" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    assert not (tmp_path / "run.unfinished").exists()
    # Both say the same.
    said, *others = (text.strip() for text in done.stdout.split("|") if text.strip())
    assert others == [said]
    assert re.search(r"the loss is nan in epoch 3, batch 3, .* head\.weight are no longer finite", said)
    assert "--resume goes on from it, also with another optimiser.lr" in said
    left = tmp_path / "lost.unfinished"
    assert json.loads((left / "training.json").read_text())["ended"] == "diverged"
    state = torch.load(left / "checkpoint.pt", weights_only=True)
    assert len(state["callbacks"]["Checkpointer"]["random"]) == 2
    run = train(
        "graph",
        task="colour",
        batch_size=16,
        fanout=[3, 2],
        out="lost",
        resume=True,
        overrides=[*OVERRIDES, "optimiser.lr=0.001"],
    )
    assert len(run.history) == 4
    assert run.describe()["notes"][0].startswith("resumed from before its numbers stopped being finite")
    assert run.describe()["notes"][1] == "begun on 2 and resumed on 1 devices, whose dropout differs"
