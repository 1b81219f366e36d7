"""What `build.py` measures: tables of nodes and edges, made into graphs, by mmgraph and otherwise."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from measure import peak_above

NODES = {"tiny": 100, "quick": 50_000, "full": 1_000_000}
EDGES = {"tiny": 1_000, "quick": 500_000, "full": 10_000_000}


@dataclass(frozen=True)
class Goal:
    """That a figure of one contender, or its ratio to another's, is at most so much."""

    what: str
    of: str
    at_most: float
    over: str | None = None


@dataclass(frozen=True)
class Case:
    """Contenders, which take turns in the order of ``steps``.

    Args:
        name: What is measured.
        text_ids: Whether ids are text, else whole numbers.
        relations: Among how many relations the edges are divided.
        steps: By contender, what it does in the folder of the data; each in a process of its own.
        goals: What the figures should be.
        before: What is done once before all steps, in no measured process.
        edits: By contender, what is done to the data each time before its step, and not measured.
    """

    name: str
    text_ids: bool
    relations: int
    steps: dict[str, Callable[[Path], object]]
    goals: list[Goal]
    before: tuple[Callable[[Path], object], ...] = ()
    edits: dict[str, Callable[[Path], object]] = field(default_factory=dict)


def write_data(folder: Path, case: Case, size: str) -> None:
    """Write the dataset of a case, and a tiny one like it in ``tiny``."""
    for place, chosen in ((folder, size), (folder / "tiny", "tiny")):
        place.mkdir(exist_ok=True)
        rng = np.random.default_rng(0)
        numbers = pa.array(rng.permutation(NODES[chosen]))
        ids = pa.array([f"item-{n:08d}" for n in numbers.to_pylist()]) if case.text_ids else numbers
        pq.write_table(pa.table({"id": ids}), place / "items.parquet")
        for number in range(case.relations):
            _write_edges(place / f"r{number}.parquet", ids, EDGES[chosen] // case.relations, rng)
        (place / "dataset.yaml").write_text(yaml.safe_dump(_spec(case.relations)))
        for step in case.before:
            step(place)


def _write_edges(path: Path, ids: Any, count: int, rng: np.random.Generator) -> None:
    ends = {name: ids.take(pa.array(rng.integers(len(ids), size=count))) for name in ("source", "target")}
    pq.write_table(pa.table(ends), path)


def _spec(relations: int) -> dict[str, Any]:
    ends = {"builder": "table", "source": "item", "target": "item"}
    return {
        "name": "items",
        "entities": {"item": {"table": "items.parquet"}},
        "relations": {f"r{n}": {**ends, "table": f"r{n}.parquet"} for n in range(relations)},
    }


def measure_step(case: Case, contender: str, folder: Path) -> dict[str, float]:
    """Return the seconds and the peak in MB of a contender, once in this process."""
    step, edit = case.steps[contender], case.edits.get(contender, lambda _: None)
    edit(folder / "tiny")
    edit(folder)
    # What is imported and compiled at first use is not the step's.
    step(folder / "tiny")
    gc.collect()
    taken = []

    def timed() -> None:
        start = time.perf_counter()
        step(folder)
        taken.append(time.perf_counter() - start)

    megabytes = peak_above(timed)
    return {"seconds": taken[0], "megabytes": megabytes}


def build(folder: Path) -> None:
    """Build the graph with mmgraph, into a folder."""
    import mmgraph as mg

    mg.build_graph(folder, out=folder / "graph", overwrite=True, cache=False)


def usual_script(folder: Path) -> None:
    """Build a `HeteroData` by pandas and save it."""
    import pandas as pd
    import torch
    from torch_geometric.data import HeteroData

    ids = pd.Index(pd.read_parquet(folder / "items.parquet")["id"])
    data = HeteroData()
    data["item"].num_nodes = len(ids)
    for path in sorted(folder.glob("r*.parquet")):
        table = pd.read_parquet(path)
        index = np.stack([ids.get_indexer(table[end]) for end in ("source", "target")])
        data["item", path.stem, "item"].edge_index = torch.from_numpy(index)
    torch.save(data, folder / "data.pt")


def read_tables(folder: Path) -> None:
    """Read the tables with pandas, and do nothing with them."""
    import pandas as pd

    for path in sorted(folder.glob("*.parquet")):
        pd.read_parquet(path)


def open_graph(folder: Path) -> object:
    """Open the graph that `build` has written."""
    import mmgraph as mg

    return mg.load_graph(folder / "graph")


def load_data(folder: Path) -> object:
    """Load what the usual script has saved."""
    import torch

    return torch.load(folder / "data.pt", weights_only=False)


def build_whole(folder: Path) -> None:
    """Build all relations, and remember what they were made from."""
    import shutil

    import mmgraph as mg

    shutil.rmtree(folder / "graph", ignore_errors=True)
    mg.build_graph(folder, out=folder / "graph")


def change_one(folder: Path) -> None:
    """Change one relation of the dataset whose graph `build_whole` has written."""
    table = pq.read_table(folder / "r0.parquet")
    pq.write_table(table.slice(1), folder / "r0.parquet")


def build_again(folder: Path) -> None:
    """Build the graph again."""
    import mmgraph as mg
    from mmgraph.graph.notes import BuildNotes

    notes = BuildNotes()
    mg.build_graph(folder, out=folder / "graph", overwrite=True, notes=notes)
    built = [name for name, decision in notes.relations.items() if not decision.reused]
    if built != ["r0"]:
        raise SystemExit(f"built again: {built}")


_HALF = [
    Goal("seconds", "mmgraph", 0.5, over="pandas + HeteroData"),
    Goal("megabytes", "mmgraph", 0.5, over="pandas + HeteroData"),
]

CASES = [
    *(
        Case(
            f"1M nodes and 10M edges from Parquet, {ids}",
            text_ids=ids == "text ids",
            relations=1,
            steps={
                "pandas, reading alone": read_tables,
                "pandas + HeteroData": usual_script,
                "mmgraph": build,
            },
            goals=_HALF,
        )
        for ids in ("text ids", "whole numbers as ids")
    ),
    Case(
        "opening a graph of 10M edges",
        text_ids=False,
        relations=1,
        steps={"torch.load": load_data, "mmgraph": open_graph},
        goals=[Goal("seconds", "mmgraph", 0.05), Goal("megabytes", "mmgraph", 50)],
        before=(usual_script, build),
    ),
    Case(
        "one of ten relations has changed",
        text_ids=True,
        relations=10,
        steps={"whole": build_whole, "again": build_again},
        goals=[Goal("seconds", "again", 0.2, over="whole")],
        edits={"again": change_one},
    ),
]
