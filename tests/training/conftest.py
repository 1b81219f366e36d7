"""Small graphs made on the spot, with a signal that is known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from mmgraph.data.load import load_dataset
from mmgraph.data.task_spec import TaskSpec
from mmgraph.graph.build import build_graph
from mmgraph.graph.edges import StoredEdges
from mmgraph.graph.graph import Graph
from mmgraph.graph.schema import EdgeType, GraphSchema, NodeType
from mmgraph.training import train
from mmgraph.training.module import TaskModule

CLASSES = 3
CHANNELS = 8
QUICK = (
    "model.input_dropout=0.1",
    "model.hidden_channels=16",
    "model.dropout=0.1",
    "optimiser.lr=0.02",
    "max_epochs=30",
    "device=cpu",
)


def synthetic_graph(
    labels: np.ndarray,
    *,
    seed: int = 0,
    signal: float = 0.0,
    tags: np.ndarray | None = None,
    split: np.ndarray | None = None,
    numbers: np.ndarray | None = None,
) -> Graph:
    """Return a graph of things with two modalities, `text` (all) and `image` (two of three), and of tags.

    Things are `beside` any other things, and `tagged` with one of three tags, which have features as well.

    Args:
        labels: Class of each thing, int [N].
        seed: The seed of features, edges and split.
        signal: How far the text features of a class lie from those of others.
        tags: The tag of each thing, int [N]; by default any.
        split: Text [N]; by default half train, a quarter validation, a quarter test.
        numbers: The target of the regression, float [N]; by default one that the features tell.
    """
    rng = np.random.default_rng(seed)
    count = len(labels)
    centres = rng.normal(size=(int(labels.max()) + 1, CHANNELS))
    text = rng.normal(size=(count, CHANNELS)) + signal * centres[labels]
    with_image = np.flatnonzero(np.arange(count) % 3 > 0)
    image = rng.normal(size=(len(with_image), CHANNELS))
    source = np.repeat(np.arange(count), 4)
    target = rng.integers(0, count, size=len(source))
    if tags is None:
        tags = rng.integers(0, CLASSES, size=count)
    if split is None:
        split = rng.permutation(np.resize(["train", "train", "validation", "test"], count))
    if numbers is None:
        numbers = 5 * text[:, 0] + 100
    features = {"thing/text": text, "thing/image": image, "tag/name": np.eye(CLASSES, CHANNELS)}
    ids = np.array([f"thing-{row}" for row in range(count)], dtype=object)
    things = pd.DataFrame(
        {
            "id": ids,
            "title": ids,
            "target:colour": pd.Series([f"class-{label}" for label in labels], dtype="str"),
            "split:colour": split.astype(object),
            "target:size": numbers,
            "split:size": split.astype(object),
        }
    )
    names = [f"tag-{tag}" for tag in range(CLASSES)]
    entities = {"thing": things, "tag": pd.DataFrame({"id": names, "title": names})}
    index = {"thing/text": np.arange(count), "thing/image": with_image, "tag/name": np.arange(CLASSES)}
    edges = {
        ("thing", "beside", "thing"): np.stack([source, target]),
        ("thing", "tagged", "tag"): np.stack([np.arange(count), tags]),
    }
    return assembled(entities, features, index, edges)


def assembled(
    entities: Mapping[str, pd.DataFrame],
    features: Mapping[str, np.ndarray],
    index: Mapping[str, np.ndarray],
    edges: Mapping[tuple[str, str, str], np.ndarray],
) -> Graph:
    """Return a graph of entity tables, modality features and edges, with `of` and all reverse edges."""
    node_types = [NodeType(name, len(table), 0, name) for name, table in entities.items()]
    nodes: dict[str, Any] = dict(entities)
    edge_index: dict[tuple[str, str, str], np.ndarray] = {}
    edge_types = []
    for name, rows in index.items():
        entity, modality = name.split("/")
        node_types.append(NodeType(name, len(rows), features[name].shape[1], entity, modality, "features"))
        ids = entities[entity]["id"].to_numpy()[rows]
        nodes[name] = pd.DataFrame({"id": ids, "entity_index": rows, "preview": None})
        edge_index[name, "of", entity] = np.stack([np.arange(len(rows)), rows])
    for triple in list(edge_index):
        edge_types += _both_ways(edge_index, triple, kind="of")
    for triple, pairs in edges.items():
        edge_index[triple] = pairs
        edge_types += _both_ways(edge_index, triple, kind="given")
    return Graph(
        schema=GraphSchema(tuple(node_types), tuple(edge_types)),
        manifest={"format": 2, "name": "things", "dataset": {}, "relations": {}},
        tasks={
            "colour": TaskSpec(entity="thing", target="hue", split="random"),
            "size": TaskSpec(entity="thing", kind="regression", target="size", split="random"),
        },
        nodes=nodes,
        features={name: values.astype(np.float32) for name, values in features.items()},
        edges={triple: StoredEdges(_sorted(pairs)) for triple, pairs in edge_index.items()},
    )


def _both_ways(
    edge_index: dict[tuple[str, str, str], np.ndarray], triple: Any, *, kind: Any
) -> list[EdgeType]:
    source, name, target = triple
    pairs = edge_index[triple]
    edge_index[target, f"rev_{name}", source] = pairs[::-1]
    return [
        EdgeType(source, name, target, pairs.shape[1], kind),
        EdgeType(target, f"rev_{name}", source, pairs.shape[1], kind, reverse_of=name),
    ]


def _sorted(pairs: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(pairs[:, np.lexsort((pairs[0], pairs[1]))]).astype(np.int64)


@pytest.fixture
def graph() -> Graph:
    """Return 120 things in three classes that their text tells."""
    labels = np.random.default_rng(1).integers(0, CLASSES, size=120)
    return synthetic_graph(labels, signal=1.5)


@pytest.fixture(scope="session")
def quick() -> tuple[str, ...]:
    """Return overrides that make a training short."""
    return QUICK


@pytest.fixture(scope="session")
def make_graph():
    """Return the function that makes a synthetic graph."""
    return synthetic_graph


class Killed(Exception):
    """Stands for a kill: nobody has an answer to it."""


@pytest.fixture
def start(graph, quick, monkeypatch):
    """Return a function that trains, and before some step does something else."""
    step = TaskModule.training_step

    def start(out, *, at=None, act=None, overrides=(), **options):
        steps = 0

        def counted(*arguments):
            nonlocal steps
            steps += 1
            if steps == at:
                act()
            return step(*arguments)

        monkeypatch.setattr(TaskModule, "training_step", counted)
        fixed = [*quick, "max_epochs=6", "checkpoint_seconds=0", "report_to=none", *overrides]
        return train(graph, task="colour", overrides=fixed, out=out, **options)

    return start


def kill():
    raise Killed


def stopped(start, tmp_path, **options):
    """Return the folder that a training has left that was stopped before its fourth step."""
    with pytest.raises(Killed):
        start(tmp_path / "run", at=4, act=kill, **options)
    return tmp_path / "run.unfinished"


NUM_THINGS, LATENT = 160, 6
TWO_VIEWS = {
    "name": "things",
    "entities": {
        "thing": {
            "table": "things.csv",
            "modalities": {
                "text": {"kind": "features", "file": "text.npy"},
                "image": {"kind": "features", "file": "image.npy", "present": "has_image"},
                "sound": {"kind": "features", "file": "sound.npy"},
            },
        }
    },
    "relations": {
        "looks_like": {"builder": "knn", "on": "thing/image", "k": 4, "connect": "entity"},
        "says_alike": {"builder": "knn", "on": "thing/text", "k": 4, "connect": "entity"},
        "beside": {"builder": "table", "table": "beside.csv", "source": "thing", "target": "thing"},
    },
    "splits": {
        "random": {
            "kind": "random",
            "entity": "thing",
            "fractions": {"train": 0.5, "validation": 0.2, "test": 0.3},
        }
    },
    "tasks": {
        "image_to_text": {
            "kind": "retrieval",
            "entity": "thing",
            "query": "image",
            "answer": "text",
            "split": "random",
        },
        "colour": {"entity": "thing", "target": "colour", "split": "random"},
    },
}


def two_views_in(folder: Path, **changes: Any) -> Path:
    """Write things whose text and image are two views of the same latent vector; the sound is the latent."""
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(NUM_THINGS, LATENT))
    views = {name: rng.normal(size=(LATENT, 12)) for name in ("text", "image")}
    for name, map_ in views.items():
        np.save(
            folder / f"{name}.npy",
            (latent @ map_ + 0.1 * rng.normal(size=(NUM_THINGS, 12))).astype(np.float32),
        )
    np.save(folder / "sound.npy", latent.astype(np.float32))
    ids = [f"t{row}" for row in range(NUM_THINGS)]
    has_image = np.arange(NUM_THINGS) % 20 > 0
    colour = np.where(latent[:, 0] > 0, "red", "blue")
    things = pd.DataFrame({"id": ids, "has_image": has_image, "colour": colour})
    things.to_csv(folder / "things.csv", index=False)
    ends = rng.integers(0, NUM_THINGS, size=(2, 3 * NUM_THINGS))
    beside = pd.DataFrame({"source": np.array(ids)[ends[0]], "target": np.array(ids)[ends[1]]})
    beside.drop_duplicates().to_csv(folder / "beside.csv", index=False)
    spec = json.loads(json.dumps(TWO_VIEWS))
    spec["tasks"]["image_to_text"].update(changes)
    (folder / "dataset.yaml").write_text(yaml.safe_dump(spec))
    return folder


@pytest.fixture(scope="session")
def write_two_views():
    """Return the function that writes the dataset of things seen from two sides."""
    return two_views_in


@pytest.fixture(scope="session")
def two_views(tmp_path_factory) -> Graph:
    """Return the graph of things seen from two sides."""
    return build_graph(load_dataset(two_views_in(tmp_path_factory.mktemp("things"))), cache=None)
