"""What compiling the kernels costs whoever uses them for the first time."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

from layer_cases import CASES
from measure import in_own_process

import mmgraph as mg
from mmgraph.ops import use_backend


def first_use() -> dict[str, dict[str, float]]:
    """Return seconds with kernels that have never been compiled, that are kept on disk, and without any."""
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "NUMBA_CACHE_DIR": str(Path(folder, "numba"))}
        graph = str(Path(folder, "graph"))
        mg.build_graph("glyphs").save(graph)

        def seconds(*arguments: str) -> float:
            return float(in_own_process("--first-use", *arguments, env=env))

        steps = {name: seconds("step", "") for name in ("cold", "cached")}
        # Another folder of kernels for the training, which uses fewer than all.
        env["NUMBA_CACHE_DIR"] = str(Path(folder, "numba of training"))
        training = {name: seconds("training", graph) for name in ("cold", "cached")}
        training["plain torch"] = seconds("plain", graph)
    return {"step": steps, "training": training}


def seconds_of(what: str, graph: str) -> float:
    """Return the seconds of the first use in this process: a ``step``, or a ``training``, or a ``plain`` one.

    Args:
        what: Which of them; the last is a training without kernels.
        graph: The folder of the graph to train on.
    """
    if what == "step":
        step = CASES[0].make("tiny")["mmgraph"]()
        start = time.perf_counter()
        step()
        return time.perf_counter() - start
    start = time.perf_counter()
    with use_backend("torch") if what == "plain" else nullcontext():
        mg.train(mg.load_graph(graph), task="script", model="hetero_gat", seed=0)
    return time.perf_counter() - start
