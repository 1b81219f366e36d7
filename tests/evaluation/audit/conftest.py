"""Graphs without a leak, of many kinds, as the parts that a test may spoil before it puts them together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from mmgraph.data.dataset import Dataset
from mmgraph.data.load import load_dataset
from mmgraph.data.split_spec import RandomEdgeSplit
from mmgraph.data.task_spec import TaskSpec
from mmgraph.graph.edge_sets import EdgeSets
from mmgraph.graph.edges import StoredEdges, merge, symmetrise
from mmgraph.graph.graph import Graph
from mmgraph.graph.hold_out import HeldOutEdges, hold_out
from mmgraph.graph.relation import Edges
from mmgraph.graph.schema import EdgeType, GraphSchema, NodeType

FRACTIONS = {"train": 0.8, "validation": 0.1, "test": 0.1}
WORDS = np.array([f"w{n}" for n in range(400)], dtype=object)


@dataclass
class Parts:
    """What a graph of `things` and `makers` is made of; spoil it and call `graph`."""

    rng: np.random.Generator
    target: np.ndarray
    split: np.ndarray
    features: dict[str, np.ndarray]
    rows: dict[str, np.ndarray]
    previews: dict[str, list[Any]]
    pairs: dict[str, np.ndarray]
    kinds: dict[str, str]
    names: dict[int, str] = field(default_factory=dict)
    titles: list[str] | None = None
    ids: list[str] | None = None
    put_back: int = 0
    manifest: dict[str, Any] = field(default_factory=dict)
    task: dict[str, Any] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.target)

    @property
    def train(self) -> np.ndarray:
        return np.flatnonzero(self.split == "train")

    @property
    def held_out(self) -> np.ndarray:
        return np.flatnonzero(np.isin(self.split, ["validation", "test"]))

    def at(self, modality: str, entities: np.ndarray) -> np.ndarray:
        """Return the nodes of some entities that have the modality."""
        return np.flatnonzero(np.isin(self.rows[modality], entities))

    def dataset(self, folder: Path, columns: dict[str, Any]) -> Dataset:
        """Write and return a dataset with the ids of the graph, its texts, and some columns."""
        texts = pd.Series("", index=range(self.count), dtype=object)
        texts[self.rows["words"]] = self.previews["words"]
        frame = pd.DataFrame({"id": self.ids, **columns, "words": texts})
        frame.to_csv(folder / "things.csv", index=False)
        modalities = {
            "words": {"kind": "text", "column": "words"},
            "facts": {"kind": "tabular", "columns": dict.fromkeys(columns, "categorical")},
        }
        entities = {"thing": {"table": "things.csv", "modalities": modalities}}
        (folder / "dataset.yaml").write_text(yaml.safe_dump({"name": "things", "entities": entities}))
        return load_dataset(folder)

    def graph(self) -> Graph:
        numbers = np.issubdtype(self.target.dtype, np.floating)
        labels = self.target if numbers else [self.names.get(int(t), f"class{int(t)}") for t in self.target]
        ids = self.ids or [f"{n:05d}" for n in self.rng.permutation(90_000)[: self.count]]
        nodes = {
            "thing": pd.DataFrame(
                {
                    "id": ids,
                    "title": self.titles or ids,
                    "training": self.split == "train",
                    "target:kind": labels,
                    "split:kind": self.split,
                }
            ),
            "maker": pd.DataFrame({"id": [f"m{n}" for n in range(40)], "title": "", "training": True}),
        }
        types = [NodeType("thing", self.count, 0, "thing")]
        edges, held_out = EdgeSets(), dict[str, HeldOutEdges]()
        for name, values in self.features.items():
            node_type, rows = f"thing/{name}", self.rows[name]
            types.append(NodeType(node_type, len(rows), values.shape[1], "thing", name, self.kinds[name]))
            nodes[node_type] = pd.DataFrame(
                {
                    "id": np.array(ids, dtype=object)[rows],
                    "entity_index": rows,
                    "preview": pd.Series(self.previews[name], dtype=object),
                }
            )
            edges.add_of(node_type, "thing", rows)
        types.append(NodeType("maker", 40, 0, "maker"))
        for name, pairs in self.pairs.items():
            target = "maker" if name == "made_by" else "thing"
            symmetric = name == "alike"
            size = self.count
            merged = merge(Edges(*pairs.astype(np.int64)), size)
            merged = symmetrise(merged, size) if symmetric else merged
            if name == "follows":
                merged, held_out[name] = hold_out(
                    merged,
                    RandomEdgeSplit(kind="edges", relation=name, fractions=FRACTIONS),
                    ids=(np.array(ids, dtype=object),) * 2,
                    homogeneous=True,
                    symmetric=False,
                    where="follows",
                )
                put_back = held_out[name].edges.take(np.arange(self.put_back)).reversed()
                merged = merge(
                    Edges(
                        np.concatenate([merged.source, put_back.source]),
                        np.concatenate([merged.target, put_back.target]),
                    ),
                    size,
                )
            number = len(held_out[name]) if name in held_out else 0
            edge_type = EdgeType(
                "thing", name, target, len(merged), "given", symmetric=symmetric, held_out=number
            )
            edges.add(edge_type, StoredEdges.of(merged))
        manifest = {"format": 2, "name": "things", "dataset": {}, "relations": {}, "encoders": {}}
        return Graph(
            GraphSchema(tuple(types), tuple(edges.types)),
            manifest | self.manifest,
            {
                "kind": TaskSpec(
                    entity="thing",
                    target="kind",
                    split="parts",
                    kind="regression" if numbers else "classification",
                    **self.task,
                )
            },
            nodes,
            {f"thing/{name}": values.astype(np.float32) for name, values in self.features.items()},
            edges.edges,
            held_out=held_out,
        )


def make_parts(
    seed: int, *, count: int = 300, classes: int = 3, shares: tuple[float, ...] = (), numbers: bool = False
) -> Parts:
    """Return the parts of a graph that has signal everywhere and a leak nowhere.

    Args:
        seed: Decides everything.
        count: The number of entities.
        classes: The number of classes.
        shares: How frequent the classes are; all alike by default.
        numbers: Labels are numbers.
    """
    rng = np.random.default_rng(seed)
    kind = rng.choice(classes, size=count, p=shares or None)
    split = rng.choice(["train", "validation", "test", ""], size=count, p=[0.6, 0.12, 0.25, 0.03])
    means = 0.8 * rng.normal(size=(classes, 12))
    rows = {
        "picture": np.flatnonzero(rng.random(count) < 0.8),
        "words": np.flatnonzero(rng.random(count) < 0.9),
        "facts": np.arange(count),
    }
    features = {
        "picture": means[kind][rows["picture"]] + rng.normal(size=(len(rows["picture"]), 12)),
        "words": rng.normal(size=(len(rows["words"]), 6)) + 0.5 * kind[rows["words"], None],
        # Two columns of few values, which many entities share, and a number.
        "facts": np.stack(
            [rng.integers(3, size=count), kind % 2 * (rng.random(count) < 0.6), rng.normal(size=count)],
            axis=1,
        ),
    }
    for name, values in features.items():
        known = np.isin(split[rows[name]], ["train", ""])
        features[name] = (values - values[known].mean(axis=0)) / values[known].std(axis=0)
    texts = [" ".join(rng.choice(WORDS, size=rng.integers(1, 9))) for _ in rows["words"]]
    # Two edges in three stay within a class.
    one = rng.integers(count, size=4 * count)
    near = np.array([rng.choice(np.flatnonzero(kind == k)) for k in kind[one]])
    other = np.where(rng.random(len(one)) < 0.5, near, rng.integers(count, size=len(one)))
    cut = len(one) // 2
    return Parts(
        rng=rng,
        target=means[kind, 0] + rng.normal(size=count) if numbers else kind,
        split=split,
        features=features,
        rows=rows,
        previews={
            "picture": [rng.bytes(20) for _ in rows["picture"]],
            "words": texts,
            "facts": [None] * count,
        },
        pairs={
            "alike": np.stack([one[:cut], other[:cut]]),
            "follows": np.stack([one[cut:], other[cut:]]),
            "made_by": np.stack([np.arange(count), rng.integers(40, size=count)]),
        },
        kinds={"picture": "image", "words": "text", "facts": "tabular"},
    )


@pytest.fixture
def parts() -> Callable[..., Parts]:
    """Return a function that makes the parts of a graph without a leak."""
    return make_parts
