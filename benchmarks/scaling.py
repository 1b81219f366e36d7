"""Measure what `docs/scaling.md` reckons with: a step and exact validation as a graph grows.

    python benchmarks/scaling.py [--quick] [--json FILE] [--page FILE]

Each size is measured in a process of its own. Time is that of all cores together, which what else runs
disturbs less than the clock does.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import torch
from case_runner import TIMEOUT, Benchmark, Result
from measure import in_own_process, peak_above
from training_cases import BATCH, FANOUT, FOLDER, WORKERS, make_graph

import mmgraph as mg
from mmgraph.training import TrainConfig
from mmgraph.training.assemble import assemble, visible_graph
from mmgraph.training.batching import open_batches
from mmgraph.training.optimisation import make_optimiser

SHRINK = {"quick": 10, "full": 1}
EDGES = (10**6, 10**7)
STEPS, TINY, VALIDATION = 4, 200, 20_480

_HEAD = f"""## A step as a graph grows

What [Scaling](scaling.md) reckons with: E edges of one relation among E / 10 entities, each with one modality
of 100 numbers; `hetero_gat`, {BATCH:,} entities in a step, 15, then 10 of their neighbours by the relation
and as many by its reverse; exact validation of {VALIDATION:,} entities, layer by layer. Seconds are those of
all cores together; memory is how far what is resident rises above that of a process that has trained on a
tiny graph, pages of mapped files included.

Made by:

```bash
python benchmarks/scaling.py --json scaling.json --page docs/performance.md
```

"""


def growth(size: str) -> Result:
    """Return by number of edges what a step and validation take."""
    figures = {}
    for full in EDGES:
        edges = full // SHRINK[size]
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            _write(folder / "tiny", TINY, TINY // 4)
            _write(folder, edges, min(VALIDATION, edges // 40))
            step = in_own_process("--step", "measured", place, timeout=TIMEOUT)
        figures[f"{edges:,} edges"] = json.loads(step)
    return {"rounds": 1, "figures": figures, "goals": []}


def _write(folder: Path, num_edges: int, num_validation: int) -> None:
    folder.mkdir(exist_ok=True)
    graph = make_graph(max(TINY, num_edges // 10), num_edges, {"text": 100}, num_train=num_validation)
    graph.save(folder / FOLDER)


def measured(folder: Path) -> dict[str, float]:
    """Return what steps and validation on the graph of a folder take, once all is imported and compiled."""
    _train_and_validate(folder / "tiny", {})
    found: dict[str, float] = {}
    found["megabytes"] = peak_above(partial(_train_and_validate, folder, found))
    return found


def _train_and_validate(folder: Path, found: dict[str, float]) -> None:
    graph = mg.load_graph(folder / FOLDER)
    config = TrainConfig(batch_size=BATCH, fanout=FANOUT, batch_threads=WORKERS, device="cpu")
    view = visible_graph(graph, "kind", config)
    torch.manual_seed(0)
    module = assemble(graph, "kind", config)
    data, inference = open_batches(view, module, config, torch.device("cpu"))
    optimiser, _ = make_optimiser(module.parameters(), config.optimiser, num_steps=1)
    module.train()
    seconds = []
    begin = time.process_time()
    for number, batch in enumerate(data.train_dataloader()):
        optimiser.zero_grad()
        module.training_step(batch, number)["loss"].backward()
        optimiser.step()
        seconds.append(time.process_time() - begin)
        found["entities"] = batch.sample.numbers["thing"].numel()
        found["edges"] = sum(index.shape[1] for index in batch.edge_index_dict.values())
        if len(seconds) > STEPS:
            break
    # The first step makes what later ones find: tables, the optimiser's state.
    found["step"] = (seconds[-1] - seconds[0]) / max(1, len(seconds) - 1)
    begin = time.process_time()
    module.eval()
    with torch.no_grad():
        inference.unify(module.model, {"thing": module.task.rows("validation").cpu()})
    found["validation"] = time.process_time() - begin


BENCHMARK = Benchmark(
    doc="Measure a step and exact validation as a graph grows.",
    section="growing",
    head=_HEAD,
    tail="",
    columns={
        "step": ("a step, core seconds", ",.2f"),
        "entities": ("entities in it", ",.0f"),
        "edges": ("edges in it", ",.0f"),
        "validation": ("validation, core seconds", ",.1f"),
        "megabytes": ("MB", ",.0f"),
    },
    cases={"a step and validation by number of edges": growth},
    steps={"measured": measured},
)

if __name__ == "__main__":
    sys.exit(BENCHMARK.main())
