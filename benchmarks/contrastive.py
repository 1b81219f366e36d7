"""What a contrastive step of 8,192 entities takes: to know which pairs are related, and its memory in chunks.

A step is the forward pass of both sides, the loss and the backward pass, of a retrieval between two
modalities of entities that are tied to ten others each. Time is that of the whole graph in each step, memory
that of samples of a larger graph, all at once and in chunks of a sixteenth (gradient caching).

    python benchmarks/contrastive.py --json contrastive.json

``--quick`` measures fewer entities and rounds; ``--check`` prints a line for each goal that falls short and
exits with 1 if any does.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measure import in_own_process, interleaved, peak_above, time_ratio
from seeded import told, write_results

PLAIN = "negative"
AWARE = {
    "ignored": ["contrastive.related=ignored"],
    "shared": ["contrastive.related=shared"],
    "ignored, hard negatives": ["contrastive.related=ignored", "contrastive.hard_negatives=2"],
}
_GOAL = "ignored"
_MOST_ADDED = 0.10
_WIDTH, _TIES = 128, 10

MODELS = {"mlp": (), "hetero_gat": (3, 3)}
"""Whose memory is measured, and how many neighbours a sample takes."""
_CHUNKS, _GRAPH = 16, 8
"""Of how many chunks a step is, and how many times as large the graph is."""
_MOST_MEMORY = 0.5
_WARM = 8


def main() -> int:
    """Measure, print, and return the exit code."""
    import torch

    options = _options()
    torch.set_num_threads(2)
    size = 1_024 if options.quick else 8_192
    if options.measure:
        model, chunk = options.measure.split(":")
        print(json.dumps(_of_sample(model, size, int(chunk))))
        return 0
    graph = _graph(size)
    steps = {name: _step(graph, settings) for name, settings in {PLAIN: [], **AWARE}.items()}
    seconds = interleaved(steps, 3 if options.quick else 7, 300)
    results = {"size": size, "added": {name: time_ratio(seconds, name, PLAIN) - 1 for name in AWARE}}
    results["seconds"] = seconds
    for name, added in results["added"].items():
        print(f"{name:24s} {added:+7.1%} of a step with {size:,} entities", flush=True)
    results["memory"] = {model: _memory(model, size, quick=options.quick) for model in MODELS}
    if options.json:
        write_results(options.json, results, ("mmgraph", "torch"), quick=options.quick)
    return told(_shortfalls(results) if options.check else [])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer entities and rounds")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a goal is missed")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    return parser.parse_args()


def _memory(model: str, size: int, *, quick: bool) -> dict[str, Any]:
    """Return how much memory and time a step takes, all at once and in chunks."""
    found = {}
    for name, chunk in (("at once", 0), ("in chunks", size // _CHUNKS)):
        found[name] = json.loads(
            in_own_process("--measure", f"{model}:{chunk}", *(["--quick"] if quick else []))
        )
    (one, one_s), (other, other_s) = (each.values() for each in found.values())
    print(
        f"{model:24s} {one:,.0f} MB at once, {other:,.0f} MB in chunks of {size // _CHUNKS:,} "
        f"({other / one:.0%}), in {other_s / one_s:.1f} times the time",
        flush=True,
    )
    return found


def _of_sample(model: str, size: int, chunk: int) -> dict[str, float]:
    """Return the peak of memory of a step on a sample, in MB, and its seconds."""
    import torch

    from mmgraph.training import resolve_config
    from mmgraph.training.assemble import assemble
    from mmgraph.training.sampled_graph import SampledGraph

    graph = _graph(_GRAPH * size)
    overrides = ["device=cpu", "contrastive.ridge=false", "contrastive.related=ignored"]
    overrides += [f"contrastive.chunk={chunk}"] if chunk else []
    module = assemble(graph, "find", resolve_config(model=model, overrides=overrides))
    sampled = SampledGraph(graph.view("find"), module.model, seed=0, threads=0)
    rows = module.task.rows("train")
    fanout = list(MODELS[model])
    few, many = (
        next(iter(sampled.loader(module.model, "thing", rows[:count], batch_size=count, fanout=fanout)))
        for count in (_WARM, size)
    )

    def step(batch: Any) -> None:
        module.zero_grad()
        module.task.step(module.head, module.unify, batch).loss.backward()

    torch.manual_seed(0)
    # What is compiled and kept at the first step is no part of it; memory that it frees is hardly any.
    step(few)
    start = time.perf_counter()
    peak = peak_above(lambda: step(many))
    return {"peak_mb": peak, "seconds": time.perf_counter() - start}


def _graph(size: int) -> Any:
    """Return a graph of entities with two modalities, of which so many train."""
    import numpy as np
    import pandas as pd

    from mmgraph.data.task_spec import RetrievalTaskSpec
    from mmgraph.graph.exchange.parts import Modality, Parts
    from mmgraph.graph.relation import Edges

    rng, held_out = np.random.default_rng(0), 64
    count = size + 2 * held_out
    ids = [f"n{row}" for row in range(count)]
    split = ["train"] * size + ["validation"] * held_out + ["test"] * held_out
    source = np.repeat(np.arange(count), _TIES)
    near = np.unique(np.stack([source, rng.integers(0, count, len(source))]), axis=1)
    features = {name: rng.normal(size=(count, _WIDTH)).astype("f4") for name in ("image", "text")}
    task = RetrievalTaskSpec(kind="retrieval", entity="thing", query="image", answer="text", split="fixed")
    table = {"id": ids, "title": ids, "target:find": ids, "split:find": split}
    return Parts(
        name="things",
        entities={"thing": pd.DataFrame(table)},
        modalities={f"thing/{name}": Modality(np.arange(count), x) for name, x in features.items()},
        relations={("thing", "near", "thing"): Edges(near[0], near[1])},
        tasks={"find": task},
    ).graph("{name}")


def _step(graph: Any, settings: list[str]) -> Callable[[], object]:
    """Return a step of a training that asks for all training entities."""
    from mmgraph.models.graph_batch import GraphBatch
    from mmgraph.training import resolve_config
    from mmgraph.training.assemble import assemble

    overrides = ["device=cpu", "contrastive.context=0", "contrastive.ridge=false", *settings]
    module = assemble(graph, "find", resolve_config(model="hetero_gat", overrides=overrides))
    batch = GraphBatch.of(graph)

    def step() -> None:
        module.zero_grad()
        module.task.step(module.head, module.unify, batch).loss.backward()

    return step


def _shortfalls(results: dict[str, Any]) -> list[str]:
    """Return a line for each goal missed."""
    added, missed = results["added"][_GOAL], []
    if added > _MOST_ADDED:
        missed.append(
            f"to leave related pairs out adds {added:.1%} to a step; goal: at most {_MOST_ADDED:.0%}"
        )
    for model, found in results["memory"].items():
        share = found["in chunks"]["peak_mb"] / found["at once"]["peak_mb"]
        if share > _MOST_MEMORY:
            missed.append(f"{model} in chunks takes {share:.0%} of the memory; goal: {_MOST_MEMORY:.0%}")
    return missed


if __name__ == "__main__":
    sys.exit(main())
