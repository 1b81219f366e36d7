"""Hold the estimate of the memory of training, as `mmgraph inspect` tells it, against measured peaks.

    python benchmarks/memory.py [--quick] [--check] [--json FILE]

Each case is a graph of random features, edges and labels that hetero_gat is trained on for two epochs in a
process of its own; what counts is how far its memory rises above that of a training on a tiny graph.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from measure import in_own_process, peak_above

import mmgraph as mg
from mmgraph.data.task_spec import TaskSpec
from mmgraph.graph import estimate_memory
from mmgraph.graph.exchange.parts import Modality, Parts

MOST = 2.0
"""How many times too large or too small the estimate may be."""


@dataclass(frozen=True)
class Case:
    """One graph and one model."""

    name: str
    nodes: int = 30_000
    edges: int = 30_000
    relations: int = 1
    modalities: int = 1
    width: int = 16
    channels: int = 128
    layers: int = 2


CASES = (
    Case("plain"),
    Case("four layers", layers=4),
    Case("many edges", edges=1_500_000),
    Case("six relations", relations=6),
    Case("four modalities", modalities=4),
    Case("wide features", width=1024),
    Case("wide model", channels=256),
    Case("many edges, narrow, three layers", edges=1_500_000, channels=32, layers=3),
)
QUICK = ("plain", "many edges")


def main() -> int:
    """Measure, print, and return 1 if an estimate is too far off and ``--check`` was given."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="two cases")
    parser.add_argument("--check", action="store_true", help="exit 1 if an estimate is too far off")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(_peak(CASES[options.one]))
        return 0
    rows = []
    print(f"{'case':34}{'measured MiB':>14}{'estimate MiB':>14}{'ratio':>8}")
    for number, case in enumerate(CASES):
        if not options.quick or case.name in QUICK:
            measured = float(in_own_process("--one", str(number)))
            total = estimate_memory(
                _graph(case).schema, hidden_channels=case.channels, num_layers=case.layers
            )["total"]
            estimate = total / 2**20
            rows.append(asdict(case) | {"measured_mib": measured, "estimate_mib": estimate})
            print(f"{case.name:34}{measured:14,.0f}{estimate:14,.0f}{estimate / measured:8.2f}", flush=True)
    if options.json:
        options.json.write_text(json.dumps({"threads": os.cpu_count(), "cases": rows}, indent=1) + "\n")
    off = [row for row in rows if not 1 / MOST < row["estimate_mib"] / row["measured_mib"] < MOST]
    if options.check:
        for row in off:
            print(f"missed: the estimate of {row['name']} is off by more than a factor of {MOST:g}")
    return 1 if off and options.check else 0


def _peak(case: Case) -> float:
    """Return how far memory rises in the training of a case, in MiB."""
    settings = [
        "device=cpu",
        "max_epochs=2",
        f"model.hidden_channels={case.channels}",
        f"model.num_layers={case.layers}",
    ]
    # Compiled kernels and lazy imports are no part of it.
    mg.train(_graph(Case("tiny", 200, 500)), task="kind", model="hetero_gat", overrides=settings)
    with tempfile.TemporaryDirectory() as folder:
        _graph(case).save(Path(folder) / "graph")
        graph = mg.load_graph(Path(folder) / "graph")
        return peak_above(lambda: mg.train(graph, task="kind", model="hetero_gat", overrides=settings))


def _graph(case: Case) -> mg.Graph:
    rng = np.random.default_rng(0)
    rows = np.arange(case.nodes)
    table = pd.DataFrame(
        {
            "id": pd.Series(rows).astype(str),
            "title": pd.Series(rows).astype(str),
            "target:kind": pd.Series(rng.integers(0, 5, case.nodes)).astype(str),
            "split:kind": pd.Series(np.array(["train", "validation", "test"])[rows % 3], dtype="str"),
        }
    )
    return Parts(
        name="random",
        entities={"thing": table},
        modalities={
            f"thing/m{n}": Modality(rows, rng.normal(size=(case.nodes, case.width)).astype(np.float32))
            for n in range(case.modalities)
        },
        relations={
            ("thing", f"r{n}", "thing"): mg.Edges(
                rng.integers(0, case.nodes, case.edges), rng.integers(0, case.nodes, case.edges)
            )
            for n in range(case.relations)
        },
        tasks={"kind": TaskSpec(entity="thing", target="kind", split="fixed")},
    ).graph("{name}")


if __name__ == "__main__":
    raise SystemExit(main())
