"""What it adds to a contrastive step to know which pairs the graph says are related, at 8,192 entities.

A step is the forward pass of both sides, the loss and the backward pass, of a retrieval between two
modalities of entities that are tied to ten others each.

    python benchmarks/contrastive.py --json contrastive.json

``--quick`` measures fewer entities and rounds; ``--check`` prints a line for each goal that falls short and
exits with 1 if any does.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measure import interleaved, time_ratio
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


def main() -> int:
    """Measure, print, and return the exit code."""
    import torch

    options = _options()
    torch.set_num_threads(2)
    size = 1_024 if options.quick else 8_192
    graph = _graph(size)
    steps = {name: _step(graph, settings) for name, settings in {PLAIN: [], **AWARE}.items()}
    seconds = interleaved(steps, 3 if options.quick else 7, 300)
    results = {"size": size, "added": {name: time_ratio(seconds, name, PLAIN) - 1 for name in AWARE}}
    results["seconds"] = seconds
    for name, added in results["added"].items():
        print(f"{name:24s} {added:+7.1%} of a step with {size:,} entities", flush=True)
    if options.json:
        write_results(options.json, results, ("mmgraph", "torch"), quick=options.quick)
    return told(_shortfalls(results) if options.check else [])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer entities and rounds")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a goal is missed")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


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
    added = results["added"][_GOAL]
    if added <= _MOST_ADDED:
        return []
    return [f"to leave related pairs out adds {added:.1%} to a step; goal: at most {_MOST_ADDED:.0%}"]


if __name__ == "__main__":
    sys.exit(main())
