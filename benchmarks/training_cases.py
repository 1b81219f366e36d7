"""The graphs that `training.py` measures on, and the contenders."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from measure import peak_above
from numpy.typing import NDArray
from plain_pyg import PlainGAT, step
from torch.nn.functional import cross_entropy
from torch_geometric.data import HeteroData
from torch_geometric.loader import NeighborLoader

import mmgraph as mg
from mmgraph.data.task_spec import TaskSpec
from mmgraph.graph.exchange.parts import Modality, Parts
from mmgraph.models.receptive_field import receptive_field
from mmgraph.sampling import BatchLoader, NeighbourSampler
from mmgraph.training import TrainConfig
from mmgraph.training.assemble import assemble, visible_graph
from mmgraph.training.batching import open_batches
from mmgraph.training.optimisation import make_optimiser

FANOUT, BATCH, CLASSES, WORKERS = (15, 10), 1024, 5, 2
FOLDER, FILE = "graph", "graph.pt"
_CHUNK = 1 << 24


def make_graph(
    num_nodes: int, num_edges: int, widths: dict[str, int], *, relations: int = 1, num_train: int
) -> mg.Graph:
    """Return things with a class, modalities of random features, and random relations among them.

    Args:
        num_nodes: How many things.
        num_edges: How many edges each relation has.
        widths: By modality, the width of its features.
        relations: How many relations; each has its reverse besides.
        num_train: How many of the things are for training, and as many for validation; the others for the
            test.
    """
    rng = np.random.default_rng(0)
    rows = np.arange(num_nodes)
    split = np.full(num_nodes, "test", dtype=object)
    split[rng.permutation(num_nodes)[: 2 * num_train]] = ["train", "validation"] * num_train
    names = pd.Series(rows).astype(str)
    table = pd.DataFrame(
        {
            "id": names,
            "title": names,
            "target:kind": pd.Series(rng.integers(0, CLASSES, num_nodes)).astype(str),
            "split:kind": pd.Series(split).astype(str),
        }
    )
    return Parts(
        name="random",
        entities={"thing": table},
        modalities={
            f"thing/{name}": Modality(rows, _features(num_nodes, width)) for name, width in widths.items()
        },
        relations={
            ("thing", f"r{number}", "thing"): mg.Edges(
                rng.integers(0, num_nodes, num_edges), rng.integers(0, num_nodes, num_edges)
            )
            for number in range(relations)
        },
        tasks={"kind": TaskSpec(entity="thing", target="kind", split="fixed")},
    ).graph("{name}")


def _features(rows: int, width: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).random((rows, width), np.float32)


def mmgraph_epoch(graph: mg.Graph, batch_size: int = BATCH) -> Callable[[], None]:
    """Return what trains hetero_gat for one epoch by mini-batches, without the validation."""
    config = TrainConfig(batch_size=batch_size, fanout=FANOUT, batch_threads=WORKERS, device="cpu")
    view = visible_graph(graph, "kind", config)
    torch.manual_seed(0)
    module = assemble(graph, "kind", config)
    data, _ = open_batches(view, module, config, torch.device("cpu"))
    optimiser, _ = make_optimiser(module.parameters(), config.optimiser, num_steps=1)

    def epoch() -> None:
        module.train()
        for batch in data.train_dataloader():
            step(module, optimiser, module.training_step(batch, 0)["loss"])

    return epoch


def plain_epoch(graph: mg.Graph) -> Callable[[], None]:
    """Return what does the same in plain PyG: the same neighbours, widths, heads, dropout and optimiser."""
    config = TrainConfig(batch_size=BATCH, fanout=FANOUT)
    view = visible_graph(graph, "kind", config)
    module = assemble(graph, "kind", config)
    reads = [sorted(frozenset().union(*layer.hops)) for layer in module.model.layers]
    torch.manual_seed(0)
    model = PlainGAT(
        view.schema,
        "thing",
        reads[0],
        reads[1:],
        channels=config.model.hidden_channels,
        heads=config.model.heads,
        share=config.model.dropout,
        num_classes=CLASSES,
    )
    data, rows = view.data, module.task.rows("train").cpu()
    target = torch.from_numpy(module.task.labels.values.astype(int).to_numpy(copy=True))
    loader = NeighborLoader(
        data,
        receptive_field(module.model, view.schema, FANOUT).fanout,
        ("thing", rows),
        batch_size=BATCH,
        shuffle=True,
        num_workers=WORKERS,
        persistent_workers=True,
    )
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.optimiser.lr)

    def epoch() -> None:
        model.train()
        for batch in loader:
            seeds = batch["thing"].n_id[: batch["thing"].batch_size]
            step(model, optimiser, cross_entropy(model(batch), target[seeds]))

    return epoch


def write_start(folder: Path, num_nodes: int, num_edges: int, *, widths: dict[str, int]) -> None:
    """Write a graph of one relation as mmgraph's folder and as a file of PyG's."""
    graph = make_graph(num_nodes, num_edges, widths, num_train=min(num_nodes // 4, 10_000))
    graph.save(folder / FOLDER)
    torch.save(graph.data, folder / FILE)


def mmgraph_start(folder: Path) -> None:
    """Open the folder and make a batch."""
    graph = mg.load_graph(folder / FOLDER)
    sampler = NeighbourSampler(graph, FANOUT, seed=0, backend="numba")
    seeds = torch.arange(min(BATCH, graph.schema.node_type("thing").num_nodes))
    next(iter(BatchLoader(graph, sampler, input_nodes=("thing", seeds), batch_size=BATCH, threads=1)))


def plain_start(folder: Path) -> None:
    """Load the file and make a batch."""
    data: HeteroData = plain_load(folder)
    seeds = torch.arange(min(BATCH, data["thing"].num_nodes))
    next(iter(NeighborLoader(data, list(FANOUT), ("thing", seeds), batch_size=BATCH)))


def plain_load(folder: Path) -> HeteroData:
    """Load the file alone."""
    data: HeteroData = torch.load(folder / FILE, weights_only=False)
    return data


def read_files(folder: Path) -> None:
    """Read all files in a folder, so that the system has them in its cache."""
    for path in _files(folder):
        with path.open("rb") as file:
            while file.read(_CHUNK):
                pass


def forget_files(folder: Path) -> None:
    """Have the system drop all files in a folder from its cache."""
    for path in _files(folder):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def write_large(folder: Path, num_nodes: int) -> None:
    """Write a graph with 2 KiB of features a node as mmgraph's folder."""
    width = 512 if num_nodes >= BATCH else 8
    graph = make_graph(num_nodes, 5 * num_nodes, {"image": width}, num_train=min(num_nodes // 4, 10 * BATCH))
    graph.save(folder / FOLDER)


def train_large(batch_size: int, folder: Path) -> None:
    """Open the folder and train an epoch by mini-batches, with the validation after it."""
    settings = [f"batch_threads={WORKERS}", "max_epochs=1", "device=cpu"]
    mg.train(
        folder / FOLDER,
        task="kind",
        model="hetero_gat",
        batch_size=batch_size,
        fanout=FANOUT,
        overrides=settings,
    )


def seconds_of(start: Callable[[Path], object]) -> Callable[[Path], dict[str, float]]:
    """Return what measures a start, after one on a tiny graph, which imports and compiles what it needs."""

    def measured(folder: Path) -> dict[str, float]:
        start(folder / "tiny")
        begin = time.perf_counter()
        start(folder)
        return {"seconds": time.perf_counter() - begin}

    return measured


def megabytes_of(training: Callable[[Path], object]) -> Callable[[Path], dict[str, float]]:
    """Return what measures, after a training on a tiny graph, how far another raises what is resident."""

    def measured(folder: Path) -> dict[str, float]:
        training(folder / "tiny")
        return {"megabytes": peak_above(lambda: training(folder))}

    return measured
