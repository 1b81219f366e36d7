"""Measure sampled batches side by side with PyG's loader, and how their cost grows with the graph.

    python benchmarks/sampling.py [--quick] [--check] [--json FILE] [--case TEXT ...] [--page FILE]

A batch is 1,024 seeds with fanout 15, 10 and the features of all its nodes. Contenders of a case take turns
in a process of the case's own; ratios are medians over the rounds.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
import torch
from case_runner import Benchmark, Result, at_least, at_most
from measure import interleaved, time_ratio
from pyg_peer import HOW, peer_name
from torch_geometric.data import HeteroData
from torch_geometric.loader import NeighborLoader

from mmgraph.ops import EdgePlan, adopt_plan, make_plan, plan_edges
from mmgraph.sampling import BatchLoader, NeighbourSampler

RELATION = ("node", "to", "node")
FANOUT, BATCH, CHANNELS = [15, 10], 1024, 100
GOALS = {"uniform": 2.0, "skewed": 3.5}
NODES = {"quick": 100_000, "full": 1_000_000}
ROUNDS = {"quick": 5, "full": 15}

_HEAD = """## Sampling

Batches of 1,024 seeds with fanout 15, 10 and 100 features of each of their nodes, by mmgraph's `BatchLoader`
and by PyG's `NeighborLoader` on what it finds. Each case is a process of its own, in which contenders take
turns; figures are medians over the rounds, and ratios are medians of the ratios within a round.

Made by:

```bash
python benchmarks/sampling.py --json sampling.json --page docs/performance.md
```

"""

_TAIL = """
### How to read these

- *uniform* degrees are about 10 each. With *skewed* ones a few nodes have many thousands of edges, which a
  sampler that permutes all edges of a node pays for.
- The growth is that of an epoch over all nodes, from batches so small that they do not fill the graph. Its
  goal holds for ten times the nodes: 10 times the cost, and at most a tenth of it more. What it is above 10
  is the processor's caches: they hold the 4 MB of features of 10,000 nodes, and not the 40 MB of 100,000,
  which come from memory. In a training, where a model takes the caches for itself, see below.
- The index plan is what mmgraph's kernels need of the edges of a batch. The loader gives sorted edges, whose
  row pointers are *adopted* as they are; *shuffled* edges would be sorted.
- torch-sparse and pyg-lib are no part of mmgraph;
  `python benchmarks/sampling.py --help` says how to get them.
"""


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


def side_by_side(kind: str, size: str) -> Result:
    """Return how many batches a second each contender makes."""
    num_nodes, count = NODES[size], 8
    data = make_graph(kind, num_nodes)
    seeds = torch.randperm(num_nodes, generator=torch.Generator().manual_seed(1))[: count * BATCH]
    sampler = NeighbourSampler(data, FANOUT, seed=0)
    contenders: dict[str, Any] = {
        f"mmgraph, {threads} thread{'s' * (threads > 1)}": BatchLoader(
            data, sampler, input_nodes=("node", seeds), batch_size=BATCH, threads=threads
        )
        for threads in (1, 2)
    }
    peer = peer_name()
    for workers in (0, 2) if peer else ():
        contenders[f"PyG on {peer}, {workers} workers"] = NeighborLoader(
            data,
            FANOUT,
            ("node", seeds),
            batch_size=BATCH,
            num_workers=workers,
            persistent_workers=workers > 0,
        )
    seconds = interleaved({name: _drain(loader) for name, loader in contenders.items()}, ROUNDS[size], 60)
    return {
        "rounds": len(next(iter(seconds.values()))),
        "figures": {name: {"rate": count / median(times)} for name, times in seconds.items()},
        "goals": [
            at_least(
                f"batches of mmgraph, 2 threads / {name}",
                time_ratio(seconds, name, "mmgraph, 2 threads"),
                GOALS[kind],
            )
            for name in seconds
            if name.startswith("PyG")
        ],
    }


def _drain(loader: Any) -> Callable[[], None]:
    def drain() -> None:
        for _ in loader:
            pass

    return drain


def growth(size: str) -> Result:
    """Return the seconds of an epoch by number of nodes, from batches so small that they fill no graph."""
    seeds_of_batch, count, steps = 16, 240, {}
    for exponent in range(4, len(str(NODES[size]))):
        num_nodes = 10**exponent
        data = make_graph("uniform", num_nodes)
        seeds = torch.randperm(num_nodes, generator=torch.Generator().manual_seed(1))[
            : count * seeds_of_batch
        ]
        sampler = NeighbourSampler(data, FANOUT, seed=0)
        loader = BatchLoader(data, sampler, input_nodes=("node", seeds), batch_size=seeds_of_batch, threads=1)
        steps[f"{num_nodes:,} nodes"] = _drain(loader)
    seconds = interleaved(steps, ROUNDS[size], 40)
    return {
        "rounds": len(next(iter(seconds.values()))),
        "figures": {
            name: {
                "seconds": median(times) * int(name.split()[0].replace(",", "")) / (seeds_of_batch * count)
            }
            for name, times in seconds.items()
        },
        "goals": [
            at_most(f"an epoch of {more} / {fewer}", 10 * time_ratio(seconds, more, fewer), 11)
            for fewer, more in pairwise(seconds)
        ],
    }


def index_plan(size: str) -> Result:
    """Return the milliseconds that the index plan of a batch takes, by how its edges come."""
    data = make_graph("uniform", NODES[size])
    sampler = NeighbourSampler(data, FANOUT, seed=0)
    loader = BatchLoader(data, sampler, input_nodes=("node", torch.arange(BATCH)), batch_size=BATCH)
    batch = next(iter(loader))
    index, num_nodes = batch[RELATION].edge_index, batch["node"].num_nodes
    shuffled = index[:, torch.randperm(index.shape[1], generator=torch.Generator().manual_seed(0))]

    def rows(edge_index: torch.Tensor, *, adopt: bool = False) -> EdgePlan:
        # A copy, since the plan of the same tensor would be kept.
        edge_index = edge_index.clone()
        if adopt:
            adopt_plan(edge_index, make_plan(num_nodes, num_nodes, None, edge_index[0], edge_index[1]))
        plan = plan_edges(edge_index, num_nodes, num_nodes)
        _ = plan.target_rows
        return plan

    steps: dict[str, Callable[[], object]] = {
        "rows, adopted": lambda: rows(index, adopt=True),
        "rows, sorted": lambda: rows(index),
        "rows, shuffled": lambda: rows(shuffled),
        "rows and transpose, sorted": lambda: rows(index).source_rows,
        "rows and transpose, shuffled": lambda: rows(shuffled).source_rows,
    }
    seconds = interleaved(steps, ROUNDS[size], 20)
    return {
        "rounds": len(next(iter(seconds.values()))),
        "figures": {name: {"milliseconds": 1e3 * median(times)} for name, times in seconds.items()},
        "goals": [],
    }


BENCHMARK = Benchmark(
    doc=f"Measure sampled batches side by side with PyG's loader.\n\n{HOW}",
    section="sampling",
    head=_HEAD,
    tail=_TAIL,
    columns={
        "rate": ("batches a second", ",.1f"),
        "seconds": ("seconds", ",.2f"),
        "milliseconds": ("ms", ",.2f"),
    },
    cases={
        "1M nodes, 10M edges, uniform degrees": partial(side_by_side, "uniform"),
        "1M nodes, 10M edges, skewed degrees": partial(side_by_side, "skewed"),
        "an epoch as nodes grow at constant degree": growth,
        "the index plan of a batch": index_plan,
    },
)

if __name__ == "__main__":
    warnings.filterwarnings("ignore", "Using 'NeighborSampler' without")
    sys.exit(BENCHMARK.main())
