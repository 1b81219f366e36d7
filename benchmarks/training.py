"""Measure training by mini-batches side by side with plain PyG: an epoch, its growth, memory, the start.

    python benchmarks/training.py [--quick] [--check] [--json FILE] [--case TEXT ...] [--page FILE]

Contenders of a case take turns, in a process of the case's own or, where memory or the start is measured, in
one each; ratios are medians over the rounds.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median

from case_runner import TIMEOUT, Benchmark, Result, at_least, at_most
from measure import in_own_process, interleaved, time_ratio
from pyg_peer import HOW, peer_name
from training_cases import (
    forget_files,
    make_graph,
    megabytes_of,
    mmgraph_epoch,
    mmgraph_start,
    plain_epoch,
    plain_load,
    plain_start,
    read_files,
    seconds_of,
    train_large,
    write_large,
    write_start,
)

SHRINK = {"quick": 10, "full": 1}
TINY = 200
BATCH_SIZES = (1024, 256)
# As a process has them that does not import mmgraph, which asks torch for large ones.
_SMALL_PAGES = {"THP_MEM_ALLOC_ENABLE": "0"}

_HEAD = """## Training by mini-batches

A training of `hetero_gat` that sees 1,024 entities in a step and 15, then 10 of their neighbours by each
relation, beside the same in plain PyG: `NeighborLoader` on what it finds, `HeteroConv` of `GATConv`s of the
same width, heads, dropout and relations, AdamW and a loop. Contenders take turns; figures are medians over
the rounds, and ratios are medians of the ratios within a round.

Made by:

```bash
python benchmarks/training.py --json training.json --page docs/performance.md
```

"""

_TAIL = """
### How to read these

- The epoch: mmgraph projects for each relation the states alone that its edges start at, PyG those of all.
  Both take what they sample by 2 threads or 2 worker processes, and learn the same model: the same networks,
  norms, dropouts and graph attention. mmgraph's layers leave out nodes and edges that the layers after them
  do not need; `NeighborLoader` on torch-sparse does not tell what each hop gave, so that PyG's
  `trim_to_layer` has nothing to go by. Large tensors are in huge pages for both, which mmgraph asks torch
  for.
- The growth is that of an epoch over all entities, from batches so small that they do not fill the graph. Its
  goal holds for ten times the entities: 10 times the cost, and at most a tenth of it more.
- Memory is how far what is resident in the process rises above that of one that has trained on a tiny graph,
  pages of mapped files included, with the validation on whole neighbourhoods after the epoch.
- The start: from a folder, or a file of `torch.save`, to the first batch, what is imported or compiled once
  not counted; with the files in the system's cache, and after they were dropped from it. `torch.load` alone,
  which makes no batch, stands beside it: it reads all features, and mmgraph those of the batch, so that it is
  ten times as slow where features are as wide as those of a sentence encoder and of CLIP (384 and 512), and
  a few times where there are 100. PyG's processes have torch's own small pages here, as without mmgraph: to
  be given large ones for all the graph took up to four times as long.
- torch-sparse and pyg-lib are no part of mmgraph;
  `python benchmarks/training.py --help` says how to get them.
"""


def an_epoch(size: str) -> Result:
    """Return the seconds of an epoch of two steps."""
    shrink = SHRINK[size]
    graph = make_graph(
        500_000 // shrink,
        1_500_000 // shrink,
        {"text": 64, "image": 128},
        relations=2,
        num_train=2 * 1024 // shrink,
    )
    contenders: dict[str, Callable[[], None]] = {"mmgraph": mmgraph_epoch(graph)}
    if peer := peer_name():
        contenders[f"PyG on {peer}"] = plain_epoch(graph)
    seconds = interleaved(contenders, 3, 60)
    return _result(
        seconds,
        [
            at_least(f"time of {name} / mmgraph", time_ratio(seconds, name, "mmgraph"), 3)
            for name in seconds
            if name != "mmgraph"
        ],
    )


def growth(size: str) -> Result:
    """Return the seconds of an epoch by number of entities, from batches that fill no graph."""
    batch, count = 16, 20
    epochs = {}
    for exponent in (4, 5) if size == "quick" else (4, 5, 6):
        num_nodes = 10**exponent
        graph = make_graph(num_nodes, 5 * num_nodes, {"text": 100}, num_train=batch * count)
        epochs[num_nodes] = mmgraph_epoch(graph, batch)
    seconds = interleaved({f"{number:,} entities": epoch for number, epoch in epochs.items()}, 9, 60)
    result = _result(
        seconds,
        [
            at_most(f"an epoch of {more} / {fewer}", 10 * time_ratio(seconds, more, fewer), 11)
            for fewer, more in pairwise(seconds)
        ],
    )
    for figures, number in zip(result["figures"].values(), epochs, strict=True):
        figures["seconds"] *= number / (batch * count)
    return result


def _result(seconds: dict[str, list[float]], goals: list[dict[str, object]]) -> Result:
    figures = {name: {"seconds": median(times)} for name, times in seconds.items()}
    return {"rounds": len(next(iter(seconds.values()))), "figures": figures, "goals": goals}


def memory(size: str) -> Result:
    """Return how far training on 4 GiB of features raises what is resident."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        _write(folder, write_large, 2 * 2**20 // SHRINK[size])
        found = {
            f"batches of {size:,}": json.loads(
                in_own_process("--step", f"train-{size}", place, timeout=TIMEOUT)
            )
            for size in BATCH_SIZES
        }
    goals = [
        at_most(f"GiB above the interpreter, {name}", figures["megabytes"] / 1024, 1.5)
        for name, figures in found.items()
    ]
    return {"rounds": 1, "figures": found, "goals": goals}


def start(size: str, *, widths: dict[str, int], rounds: int) -> Result:
    """Return the seconds from nothing to a first batch, with files in the system's cache and out of it."""
    peer = peer_name()
    steps: dict[str, tuple[str, dict[str, str]]] = {"mmgraph": ("mmgraph-start", {})}
    if peer:
        steps[f"torch.load, PyG on {peer}"] = ("plain-start", _SMALL_PAGES)
    steps["torch.load, no batch"] = ("plain-load", _SMALL_PAGES)
    found: Result = {"rounds": rounds, "figures": {}, "goals": []}
    with tempfile.TemporaryDirectory() as place:
        write = partial(write_start, widths=widths)
        _write(Path(place), write, 10**6 // SHRINK[size], 10**7 // SHRINK[size])
        for where, before in (("cached", read_files), ("from disk", forget_files)):
            seconds: dict[str, list[float]] = {name: [] for name in steps}
            for _ in range(rounds):
                for name, (step, pages) in steps.items():
                    before(Path(place))
                    environment = {**os.environ, **pages}
                    one = json.loads(in_own_process("--step", step, place, timeout=TIMEOUT, env=environment))
                    seconds[name].append(one["seconds"])
            for name, times in seconds.items():
                ratio = time_ratio(seconds, name, "mmgraph")
                found["figures"][f"{name}, {where}"] = {"seconds": median(times), "times mmgraph's": ratio}
            if peer and where == "cached":
                name = f"torch.load, PyG on {peer}"
                ratio = time_ratio(seconds, name, "mmgraph")
                found["goals"].append(at_least(f"time of {name} / mmgraph", ratio, 10))
    return found


def _write(folder: Path, write: Callable[..., None], *sizes: int) -> None:
    """Write the graph of a case, and a tiny one like it in ``tiny``."""
    (folder / "tiny").mkdir()
    write(folder / "tiny", *[TINY for _ in sizes])
    write(folder, *sizes)


BENCHMARK = Benchmark(
    doc=f"Measure training by mini-batches side by side with plain PyG.\n\n{HOW}",
    section="training",
    head=_HEAD,
    tail=_TAIL,
    columns={
        "seconds": ("seconds", ",.3f"),
        "megabytes": ("MB", ",.0f"),
        "times mmgraph's": ("times mmgraph's", ".2f"),
    },
    cases={
        "an epoch of hetero_gat, 500k entities of two modalities, two relations": an_epoch,
        "an epoch as entities grow at constant degree": growth,
        "training on 4 GiB of features": memory,
        "from the start to a first batch, 10M edges and their reverse": partial(
            start, widths={"text": 100}, rounds=5
        ),
        "from the start to a first batch, as many edges, features of 384 and of 512 numbers": partial(
            start, widths={"text": 384, "image": 512}, rounds=3
        ),
    },
    steps={
        **{f"train-{size}": megabytes_of(partial(train_large, size)) for size in BATCH_SIZES},
        "mmgraph-start": seconds_of(mmgraph_start),
        "plain-start": seconds_of(plain_start),
        "plain-load": seconds_of(plain_load),
    },
)

if __name__ == "__main__":
    warnings.filterwarnings("ignore", "Using 'NeighborSampler' without")
    warnings.filterwarnings("ignore", "There exist node types")
    sys.exit(BENCHMARK.main())
