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
from mmgraph.graph import Edges, Graph, RelationBuilder, build_graph
from mmgraph.graph.attach import attach
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


@pytest.fixture
def check_joining(make_dataset: MakeDataset) -> Callable[..., None]:
    """Return a function that checks what new things hear: what they would in a graph built with each."""

    def check(builder: RelationBuilder, known: Rows, new: Rows, **files: Any) -> None:
        """Check the edges that new things get, once as they are and once in the reverse relation."""
        graph = build_graph(make_dataset(known, **files), relations=[("r", builder)])
        found = attach(graph, make_dataset(new, **files)).relations["r"]
        both = [t.name for t in graph.schema.edge_types if t.relation == "r"] == ["r", "rev_r"]
        assert not len(found.own)
        ids = graph.nodes["thing"]["id"].to_numpy(object)
        new_ids = make_dataset(new, **files).entity_ids("thing")
        for thing in new:
            whole = build_graph(make_dataset([*known, thing], **files), relations=[("r", builder)])
            triple = next(t.triple for t in whole.schema.edge_types if t.name == "r")
            edges, names = whole.edges[triple].edges(), whole.nodes["thing"]["id"].to_numpy(object)
            own, row = thing["id"], new_ids.index(thing["id"])
            source, target = names[edges.source], names[edges.target]
            incoming, outgoing = found.incoming, found.outgoing
            heard = told(edges, source, (target == own) & (source != own))
            assert heard == told(incoming, ids[incoming.source], incoming.target == row)
            if both:
                sent = told(edges, target, (source == own) & (target != own))
                assert sent == told(outgoing, ids[outgoing.target], outgoing.source == row)

    return check


def told(edges: Edges, others: Any, which: Any) -> list[Any]:
    """Return the ids at the other end of some edges with all that these carry, in order."""
    size = len(edges)
    weight = np.zeros(size) if edges.weight is None else edges.weight
    time = np.zeros(size, dtype=int) if edges.time is None else edges.time
    attr = np.zeros((size, 0)) if edges.attr is None else edges.attr.astype(float)
    rows = zip(others[which], weight[which].tolist(), time[which].tolist(), attr[which].tolist(), strict=True)
    return sorted((name, round(w, 5), t, tuple(round(a, 3) for a in own)) for name, w, t, own in rows)
