"""Measure sampled batches side by side with PyG's loader, and how their cost grows with the graph.

    python benchmarks/sampling.py [--quick] [--check] [--json FILE]

A batch is 1,024 seeds with fanout 15, 10 and the features of all its nodes. Contenders take turns in one
process; ratios are medians over the rounds. PyG's NeighborLoader needs torch-sparse or pyg-lib: without
either it is named as absent.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
import torch_geometric.typing
from measure import interleaved, time_ratio
from torch_geometric.data import HeteroData
from torch_geometric.loader import NeighborLoader

from mmgraph.ops import EdgePlan, adopt_plan, make_plan, plan_edges
from mmgraph.sampling import BatchLoader, NeighbourSampler

RELATION = ("node", "to", "node")
FANOUT, BATCH, CHANNELS = [15, 10], 1024, 100
GOALS = {"uniform": 2.0, "skewed": 3.5}
HAS_PEER = torch_geometric.typing.WITH_TORCH_SPARSE or torch_geometric.typing.WITH_PYG_LIB


def main() -> int:
    """Measure, print, and return 1 if a goal is missed and ``--check`` was given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the size, under a minute")
    parser.add_argument("--check", action="store_true", help="print each missed goal; exit 1 if any")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", "Using 'NeighborSampler' without")
    num_nodes = 100_000 if options.quick else 1_000_000
    rounds = 5 if options.quick else 15
    report: dict[str, Any] = {
        "nodes": num_nodes,
        "threads": torch.get_num_threads(),
        "peer": _peer(),
        "batches": [_side_by_side(kind, num_nodes, rounds) for kind in GOALS],
        "growth": _growth(5 if options.quick else 6, rounds),
        "plan": _plan(num_nodes, rounds),
    }
    _print(report)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    goals = [*(goal for case in report["batches"] for goal in case["goals"]), *report["growth"]["goals"]]
    missed = [goal["text"] for goal in goals if not goal["met"]]
    if options.check:
        for line in missed:
            print(f"missed: {line}")
    return int(options.check and bool(missed))


def make_graph(kind: str, num_nodes: int, degree: int = 10) -> HeteroData:
    """Return a graph whose degrees are all about alike, or a few of which are very large."""
    generator = np.random.default_rng(0)
    ends = generator.random((2, num_nodes * degree))
    if kind == "skewed":
        ends **= 3
    index = (ends * num_nodes).astype(np.int64)
    # Who has many edges should not be known by its number.
    index = np.stack([generator.permutation(num_nodes)[row] for row in index])
    data = HeteroData()
    data["node"].x = torch.randn(num_nodes, CHANNELS, generator=torch.Generator().manual_seed(0))
    data[RELATION].edge_index = torch.from_numpy(index[:, np.argsort(index[1], kind="stable")])
    return data


def _peer() -> str:
    if torch_geometric.typing.WITH_PYG_LIB:
        return "NeighborLoader on pyg-lib"
    if torch_geometric.typing.WITH_TORCH_SPARSE:
        return "NeighborLoader on torch-sparse"
    return "NeighborLoader: absent, neither torch-sparse nor pyg-lib is installed"


def _side_by_side(kind: str, num_nodes: int, rounds: int) -> dict[str, Any]:
    print(f"{kind} ...", file=sys.stderr)
    data, count = make_graph(kind, num_nodes), 8
    seeds = torch.randperm(num_nodes, generator=torch.Generator().manual_seed(1))[: count * BATCH]
    sampler = NeighbourSampler(data, FANOUT, seed=0)
    contenders: dict[str, Any] = {
        f"{threads} thread{'s' * (threads > 1)}": BatchLoader(
            data, sampler, input_nodes=("node", seeds), batch_size=BATCH, threads=threads
        )
        for threads in (1, 2)
    }
    if HAS_PEER:
        for workers in (0, 2):
            contenders[f"PyG, {workers} workers"] = NeighborLoader(
                data,
                FANOUT,
                ("node", seeds),
                batch_size=BATCH,
                num_workers=workers,
                persistent_workers=workers > 0,
            )
    seconds = interleaved({name: _drain(loader) for name, loader in contenders.items()}, rounds, 90)
    peers = [name for name in seconds if name.startswith("PyG")]
    goals = [_judge(kind, seconds, peer) for peer in peers]
    return {
        "case": kind,
        "batches_per_second": {name: count / median(times) for name, times in seconds.items()},
        "goals": goals,
    }


def _judge(kind: str, seconds: dict[str, list[float]], peer: str) -> dict[str, Any]:
    ratio, wanted = time_ratio(seconds, peer, "2 threads"), GOALS[kind]
    text = f"{kind}: {ratio:.2f} times the batches of {peer}, wanted {wanted}"
    return {"ratio": ratio, "met": ratio >= wanted, "text": text}


def _drain(loader: Any) -> Callable[[], None]:
    def drain() -> None:
        for _ in loader:
            pass

    return drain


def _growth(most: int, rounds: int) -> dict[str, Any]:
    """Return the seconds of an epoch by number of nodes, from batches so small that they fill no graph."""
    size, count, steps = 16, 60, {}
    for exponent in range(4, most + 1):
        num_nodes = 10**exponent
        data = make_graph("uniform", num_nodes)
        seeds = torch.randperm(num_nodes, generator=torch.Generator().manual_seed(1))[: count * size]
        sampler = NeighbourSampler(data, FANOUT, seed=0)
        loader = BatchLoader(data, sampler, input_nodes=("node", seeds), batch_size=size, threads=1)
        steps[str(num_nodes)] = _drain(loader)
    seconds = interleaved(steps, rounds, 60)
    names = list(seconds)
    goals = []
    for one, other in pairwise(names):
        ratio = time_ratio(seconds, other, one)
        text = f"growth: {other} nodes cost {10 * ratio:.1f} times those of {one}, wanted at most 11"
        goals.append({"ratio": ratio, "met": ratio <= 1.1, "text": text})
    epoch = {name: median(times) * int(name) / (size * count) for name, times in seconds.items()}
    return {"epoch_seconds": epoch, "goals": goals}


def _plan(num_nodes: int, rounds: int) -> dict[str, float]:
    """Return the milliseconds that the index plan of a batch takes, by how its edges come."""
    data = make_graph("uniform", num_nodes)
    sampler = NeighbourSampler(data, FANOUT, seed=0)
    loader = BatchLoader(data, sampler, input_nodes=("node", torch.arange(BATCH)), batch_size=BATCH)
    batch = next(iter(loader))
    index, size = batch[RELATION].edge_index, batch["node"].num_nodes
    shuffled = index[:, torch.randperm(index.shape[1], generator=torch.Generator().manual_seed(0))]

    def rows(edge_index: torch.Tensor, *, adopt: bool = False) -> EdgePlan:
        # A copy, since the plan of the same tensor would be kept.
        edge_index = edge_index.clone()
        if adopt:
            adopt_plan(edge_index, make_plan(size, size, None, edge_index[0], edge_index[1]))
        plan = plan_edges(edge_index, size, size)
        _ = plan.target_rows
        return plan

    steps: dict[str, Callable[[], object]] = {
        "rows, adopted": lambda: rows(index, adopt=True),
        "rows, sorted": lambda: rows(index),
        "rows, shuffled": lambda: rows(shuffled),
        "rows and transpose, sorted": lambda: rows(index).source_rows,
        "rows and transpose, shuffled": lambda: rows(shuffled).source_rows,
    }
    return {name: 1e3 * median(times) for name, times in interleaved(steps, rounds, 20).items()}


def _print(report: dict[str, Any]) -> None:
    print(f"peer: {report['peer']}")
    for case in report["batches"]:
        print(f"\n{case['case']} degrees, {report['nodes']:,} nodes, {10 * report['nodes']:,} edges")
        for name, number in case["batches_per_second"].items():
            print(f"  {name:16s} {number:8.1f} batches a second")
    print("\nan epoch")
    for name, number in report["growth"]["epoch_seconds"].items():
        print(f"  {int(name):9,d} nodes {number:9.2f} s")
    print("\nthe index plan of a batch")
    for name, number in report["plan"].items():
        print(f"  {name:30s} {number:6.2f} ms")
    for goal in [*(g for case in report["batches"] for g in case["goals"]), *report["growth"]["goals"]]:
        print(f"  {'ok    ' if goal['met'] else 'MISSED'} {goal['text']}")


if __name__ == "__main__":
    start = time.perf_counter()
    code = main()
    print(f"{time.perf_counter() - start:.0f} s", file=sys.stderr)
    raise SystemExit(code)
