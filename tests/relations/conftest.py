"""Small datasets on disk, and graphs of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from mmgraph.data.dataset import Dataset
from mmgraph.data.load import load_dataset
from mmgraph.graph import Graph
from mmgraph.graph.attach_relation import AttachedRelation, attach_relation
from mmgraph.graph.nodes import NodeFactory
from mmgraph.progress import Progress

Rows = Sequence[Mapping[str, Any]]
MakeDataset = Callable[..., Dataset]


@pytest.fixture
def make_dataset(tmp_path: Path) -> MakeDataset:
    """Return a function that writes a dataset of one entity type, `thing`, and opens it."""

    def make(
        things: Rows,
        *,
        vectors: Any = None,
        tables: Mapping[str, str] | None = None,
        relations: Mapping[str, Any] | None = None,
        target: str | None = None,
        others: Rows = (),
    ) -> Dataset:
        entities: dict[str, Any] = {"thing": {"table": "things.jsonl"}}
        spec: dict[str, Any] = {"name": "things", "entities": entities, "relations": dict(relations or {})}
        things = [dict(row) for row in things]
        if vectors is not None:
            np.save(tmp_path / "vectors.npy", np.asarray(vectors, dtype=np.float32))
            vector = {"kind": "features", "file": "vectors.npy", "present": "present"}
            entities["thing"]["modalities"] = {"vector": vector}
            things = [{"present": True} | row for row in things]
        if others:
            entities["other"] = {"table": "others.jsonl"}
            write_rows(tmp_path / "others.jsonl", others)
        if target is not None:
            fractions = {"train": 0.5, "validation": 0.25, "test": 0.25}
            spec["splits"] = {"random": {"kind": "random", "entity": "thing", "fractions": fractions}}
            spec["tasks"] = {"answer": {"entity": "thing", "target": target, "split": "random"}}
        write_rows(tmp_path / "things.jsonl", things)
        for name, text in (tables or {}).items():
            (tmp_path / name).write_text(text)
        (tmp_path / "dataset.yaml").write_text(yaml.safe_dump(spec))
        return load_dataset(tmp_path)

    return make


@pytest.fixture
def attached() -> Callable[[Graph, Dataset, str], AttachedRelation]:
    """Return a function that gives the edges of a relation to the entities of another dataset."""

    def attach(graph: Graph, dataset: Dataset, name: str) -> AttachedRelation:
        quiet = Progress(quiet=True)
        factory = NodeFactory(dataset, cache=None, progress=quiet, encoders=graph.encoders)
        return attach_relation(graph, factory, name)

    return attach


def write_rows(path: Path, rows: Rows) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def things() -> list[dict[str, Any]]:
    """Return six things, `a` to `f`."""
    return [{"id": name} for name in "abcdef"]
