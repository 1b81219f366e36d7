"""Pairs of which it is planted what carries them: links by a relation, queries by a modality."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from mmgraph.data.split_spec import HoldOut
from mmgraph.data.task_spec import LinkTaskSpec, MatchingTaskSpec, PretrainingTaskSpec, RetrievalTaskSpec
from mmgraph.graph.edges import StoredEdges
from mmgraph.graph.graph import Graph
from mmgraph.graph.schema import EdgeType, GraphSchema, NodeType
from mmgraph.training import Run, train

READERS, BOOKS, CLUBS, KINDS = 120, 12, 24, 6
THINGS = 120
SMALL = ("model.hidden_channels=16", "model.dropout=0", "model.input_dropout=0", "device=cpu")


def _nodes(prefix: str, count: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [f"{prefix}{i}" for i in range(count)],
            "entity_index": np.arange(count),
            "preview": pd.Series([f"<script>{prefix}</script> {i}" for i in range(count)], dtype=object),
        }
    )


def _entities(prefix: str, count: int) -> pd.DataFrame:
    ids = [f"{prefix}{i}" for i in range(count)]
    return pd.DataFrame({"id": ids, "title": [f"{prefix.upper()} {i}" for i in range(count)]})


def _sorted(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    order = np.lexsort((source, target))
    return np.ascontiguousarray(np.stack([source[order], target[order]]))


def _graph(
    entities: dict[str, int],
    features: dict[str, np.ndarray],
    edges: dict[tuple[str, str, str], np.ndarray],
    tasks: dict[str, object],
    columns: dict[str, np.ndarray],
) -> Graph:
    """Return a graph of entities, each with all of its modalities, and of relations that lead one way."""
    nodes = {name: _entities(name[0], count) for name, count in entities.items()}
    for name, values in columns.items():
        nodes["thing"][name] = values
    types = [NodeType(name, count, 0, name) for name, count in entities.items()]
    edge_types = []
    for name, values in features.items():
        entity, _, modality = name.partition("/")
        count = len(values)
        nodes[name] = _nodes(entity[0], count)
        types.append(NodeType(name, count, values.shape[1], entity, modality, "text"))
        edges[name, "of", entity] = np.stack([np.arange(count)] * 2)
        edge_types.append(EdgeType(name, "of", entity, count, "of", made_from=(name,)))
    known = {t.triple for t in edge_types}
    edge_types += [
        EdgeType(*triple, index.shape[1], "given", one_way=True)
        for triple, index in edges.items()
        if triple not in known
    ]
    manifest = {"format": 2, "name": "planted", "dataset": {}, "relations": {}, "encoders": {}}
    return Graph(
        GraphSchema(tuple(types), tuple(edge_types)),
        manifest,
        tasks,
        nodes,
        {name: values.astype(np.float32) for name, values in features.items()},
        {triple: StoredEdges(index) for triple, index in edges.items()},
    )


@pytest.fixture(scope="session")
def reading() -> Graph:
    """Readers buy a book of the kind that their one club's badge shows, and the book's cover.

    A reader's note tells nothing, nor do the clubs that it has heard of. Each reader buys one book, so that
    links of training tell nothing of those that are held out.
    """
    rng = np.random.default_rng(3)
    club_kind, book_kind = np.arange(CLUBS) % KINDS, np.arange(BOOKS) % KINDS
    club = rng.integers(CLUBS, size=READERS)
    book = club_kind[club] + KINDS * rng.integers(2, size=READERS)
    readers = np.arange(READERS)
    features = {
        "reader/note": rng.normal(size=(READERS, 4)),
        "club/badge": 3 * np.eye(KINDS)[club_kind] + 0.3 * rng.normal(size=(CLUBS, KINDS)),
        "book/cover": 3 * np.eye(KINDS)[book_kind] + 0.3 * rng.normal(size=(BOOKS, KINDS)),
        "book/back": rng.normal(size=(BOOKS, 4)),
    }
    edges = {
        ("club", "member", "reader"): _sorted(club, readers),
        ("club", "heard", "reader"): _sorted(rng.integers(CLUBS, size=2 * READERS), np.repeat(readers, 2)),
        ("reader", "buys", "book"): _sorted(readers, book),
    }
    hold_out = HoldOut(fractions={"train": 0.7, "validation": 0.15, "test": 0.15})
    tasks = {"sales": LinkTaskSpec(kind="link_prediction", relation="buys", hold_out=hold_out)}
    return _graph({"reader": READERS, "club": CLUBS, "book": BOOKS}, features, edges, tasks, {})


@pytest.fixture(scope="session")
def seller(reading: Graph) -> Run:
    """A run that scores links."""
    overrides = (*SMALL, "model.num_layers=1", "optimiser.lr=0.02", "max_epochs=60")
    return train(reading, task="sales", model="hetero_gat", overrides=overrides, seed=0)


@pytest.fixture(scope="session")
def make_things() -> Callable[[str], Graph]:
    """Return a function from what carries the match of the query to a graph of things.

    The first two of the four features of a name are those of the ``picture`` or the ``sound``, both of which
    the query is seen by. All the others are noise.
    """

    def make(carrier: str) -> Graph:
        rng = np.random.default_rng(5)
        meant = rng.normal(size=(THINGS, 2))
        features = {}
        for name in ("picture", "sound", "name"):
            values = rng.normal(size=(THINGS, 4))
            if name in (carrier, "name"):
                values[:, :2] = 2 * meant + 0.05 * rng.normal(size=meant.shape)
            features[f"thing/{name}"] = values
        rows = np.arange(THINGS)
        edges = {("thing", "beside", "thing"): _sorted((rows * 7 + 3) % THINGS, rows)}
        parts = np.array(["train", "train", "train", "validation", "test"])[rows % 5]
        pair = {
            "entity": "thing",
            "query": "picture",
            "answer": "name",
            "query_with": ("sound",),
            "split": "parts",
        }
        tasks = {
            "find": RetrievalTaskSpec(kind="retrieval", **pair),
            "match": MatchingTaskSpec(kind="matching", **pair),
            "learn": PretrainingTaskSpec(kind="pretraining", entity="thing", split="parts"),
        }
        ids = np.array([f"t{row}" for row in rows], dtype=object)
        columns = {f"{what}:{name}": of for name in tasks for what, of in (("split", parts), ("target", ids))}
        return _graph({"thing": THINGS}, features, edges, tasks, columns)

    return make


@pytest.fixture(scope="session")
def thing_run(make_things: Callable[[str], Graph]) -> Callable[[str, str], Run]:
    """Return a function from a task and what carries it to a run; each is trained once."""
    made: dict[tuple[str, str], Run] = {}

    def run(task: str, carrier: str) -> Run:
        if (task, carrier) not in made:
            overrides = [*SMALL, "model.num_layers=1", "optimiser.lr=0.02", "max_epochs=60"]
            if carrier == "sound":
                # The closed form reads the picture, and what is learnt would begin by adding nothing to it.
                overrides.append(f"{'contrastive' if task == 'find' else 'matching'}.ridge=false")
            made[task, carrier] = train(
                make_things(carrier), task=task, model="hetero_gat", overrides=overrides, seed=0
            )
        return made[task, carrier]

    return run
