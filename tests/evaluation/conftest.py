"""A graph small enough to train on in a second, with a hostile title and texts among its nodes."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mmgraph.data.task_spec import TaskSpec
from mmgraph.evaluation.baselines import BASELINES
from mmgraph.evaluation.comparison import Comparison, Trial
from mmgraph.evaluation.entries import Entry, parse_entry
from mmgraph.evaluation.roles import Role
from mmgraph.graph.edges import StoredEdges
from mmgraph.graph.graph import Graph
from mmgraph.graph.schema import EdgeType, GraphSchema, NodeType
from mmgraph.training import Run, train

COUNT = 90
HOSTILE = "<script>alert('x')</script>"


@pytest.fixture(scope="session")
def graph() -> Graph:
    """Ninety marks of three scripts: pictures (some missing), texts, and a relation within the scripts."""
    rng = np.random.default_rng(0)
    scripts = np.arange(COUNT) % 3
    present = np.flatnonzero(np.arange(COUNT) % 5 > 0)
    parts = np.array(["train", "train", "train", "validation", "test", "test"])[(np.arange(COUNT) // 3) % 6]
    means = 1.2 * rng.normal(size=(3, 6))
    features = {
        "mark/picture": (means[scripts[present]] + rng.normal(size=(len(present), 6))).astype(np.float32),
        "mark/name": (means[scripts][:, :4] + 2 * rng.normal(size=(COUNT, 4))).astype(np.float32),
    }
    names = np.array(["latin", "greek", "thai"], dtype=object)
    nodes = {
        "mark": pd.DataFrame(
            {
                "id": [f"m{i}" for i in range(COUNT)],
                "title": [HOSTILE if i == 1 else f"Mark {i}" for i in range(COUNT)],
                "target:script": names[scripts],
                "split:script": parts,
                "target:size": 3.0 * scripts + 0.1 * rng.normal(size=COUNT),
                "split:size": parts,
            }
        ),
        "mark/picture": _nodes(present, [_png(int(80 * scripts[i])) for i in present]),
        "mark/name": _nodes(np.arange(COUNT), [f"{HOSTILE} number {i}" for i in range(COUNT)]),
    }
    like = np.array([[i, (i + 3) % COUNT] for i in range(COUNT)]).T
    picture_of = np.stack([np.arange(len(present)), present])
    name_of = np.stack([np.arange(COUNT), np.arange(COUNT)])
    edges = {
        ("mark/picture", "of", "mark"): picture_of,
        ("mark", "rev_of", "mark/picture"): picture_of[::-1].copy(),
        ("mark/name", "of", "mark"): name_of,
        ("mark", "rev_of", "mark/name"): name_of,
        ("mark", "like", "mark"): _sorted(like),
        ("mark", "rev_like", "mark"): _sorted(like[::-1]),
    }
    schema = GraphSchema(
        (
            NodeType("mark", COUNT, 0, "mark"),
            NodeType("mark/picture", len(present), 6, "mark", "picture", "image"),
            NodeType("mark/name", COUNT, 4, "mark", "name", "text"),
        ),
        (
            EdgeType("mark/picture", "of", "mark", len(present), "of"),
            EdgeType("mark", "rev_of", "mark/picture", len(present), "of", reverse_of="of"),
            EdgeType("mark/name", "of", "mark", COUNT, "of"),
            EdgeType("mark", "rev_of", "mark/name", COUNT, "of", reverse_of="of"),
            EdgeType("mark", "like", "mark", COUNT, "given"),
            EdgeType("mark", "rev_like", "mark", COUNT, "given", reverse_of="like"),
        ),
    )
    tasks = {
        "script": TaskSpec(
            entity="mark", target="script", split="parts", description=f"Which script? {HOSTILE}"
        ),
        "size": TaskSpec(entity="mark", kind="regression", target="size", split="parts"),
    }
    manifest = {"format": 2, "name": "marks", "dataset": {}, "relations": {}, "encoders": {}}
    stored = {triple: StoredEdges(index) for triple, index in edges.items()}
    return Graph(schema, manifest, tasks, nodes, features, stored)


def _nodes(rows: np.ndarray, previews: list[bytes] | list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [f"m{row}" for row in rows],
            "entity_index": rows,
            "preview": pd.Series(previews, dtype=object),
        }
    )


def _png(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (8, 8), shade).save(buffer, format="PNG")
    return buffer.getvalue()


def _sorted(index: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(index[:, np.lexsort((index[0], index[1]))])


@pytest.fixture(scope="session")
def make_comparison(graph: Graph) -> Callable[..., Comparison]:
    """Return a function from entry -> values of the headline metric to a comparison that has them.

    The values are of seeds on one split, or with ``splits`` of one seed on several splits. Who begins with
    ``hetero_gat`` and is no control is the subject.
    """

    def make(
        values: dict[str, list[float]],
        metric: str = "accuracy",
        *,
        roles: dict[str, Role] | None = None,
        splits: bool = False,
        overlap: float = 0.25,
    ) -> Comparison:
        table = graph.nodes["mark"]
        most = max(len(scores) for scores in values.values())
        predictions = pd.DataFrame(
            {
                "id": table["id"],
                "split": table["split:script"],
                "target": table["target:script"],
                "prediction": "latin",
            }
        )
        trials = [
            Trial(
                entry=name,
                seed=0 if splits else number,
                draw=number if splits else 0,
                parameters=None if name in BASELINES else 1000,
                seconds=2.0,
                metrics={"validation": {metric: value}, "test": {metric: value}},
                predictions=predictions,
                history=None
                if name in BASELINES
                else pd.DataFrame({"epoch": [1, 2], f"validation_{metric}": [value / 2, value]}),
                config={"model": {"name": name}},
            )
            for name, scores in values.items()
            for number, value in enumerate(scores)
        ]
        return Comparison(
            graph="marks",
            fingerprint="0" * 32,
            task="script",
            spec=graph.tasks["script"],
            monitor=(metric, "max"),
            entries=tuple(parse_entry(name) if "[" in name else Entry(name, name) for name in values),
            overrides=(),
            seeds=(0,) if splits else tuple(range(most)),
            trials=tuple(trials),
            subject="hetero_gat" if "hetero_gat" in values else None,
            roles=roles or {},
            draws=tuple(range(most)) if splits else (0,),
            overlap=overlap,
        )

    return make


@pytest.fixture(scope="session")
def make_planted() -> Callable[[str], Graph]:
    """Return a function from what carries the answer to a graph in which nothing else does.

    ``picture`` and ``name``: that modality of the entity itself. ``like``: the picture of the one entity from
    which a ``like`` edge leads to it, number i - 7. Edges of ``other`` lead anywhere.
    """

    def make(carrier: str) -> Graph:
        rng = np.random.default_rng(7)
        count, rows = 120, np.arange(120)
        own = rng.integers(2, size=count)
        answer = np.roll(own, 7) if carrier == "like" else own
        parts = np.array(["train", "train", "train", "validation", "test"])[rows % 5]
        signal = np.where(own, 2.0, -2.0)[:, None] * np.array([1.0, -1.0, 0.0, 0.0])
        noise = {name: rng.normal(size=(count, 4)) for name in ("picture", "name")}
        told = "picture" if carrier == "like" else carrier
        features = {
            f"mark/{name}": (values + (signal if name == told else 0)).astype(np.float32)
            for name, values in noise.items()
        }
        nodes = {
            "mark": pd.DataFrame(
                {
                    "id": [f"m{i}" for i in rows],
                    "title": [f"Mark {i}" for i in rows],
                    "target:side": np.array(["left", "right"], dtype=object)[answer],
                    "split:side": parts,
                }
            ),
            "mark/picture": _nodes(rows, [_png(int(90 * one)) for one in own]),
            "mark/name": _nodes(rows, [f"{HOSTILE} number {i}" for i in rows]),
        }
        own_edges = np.stack([rows, rows])
        like = _sorted(np.stack([(rows - 7) % count, rows]))
        other = _sorted(np.stack([rng.integers(count, size=240), np.tile(rows, 2)]))
        edges = {
            ("mark/picture", "of", "mark"): own_edges,
            ("mark/name", "of", "mark"): own_edges,
            ("mark", "like", "mark"): like,
            ("mark", "other", "mark"): other,
        }
        schema = GraphSchema(
            (
                NodeType("mark", count, 0, "mark"),
                NodeType("mark/picture", count, 4, "mark", "picture", "image"),
                NodeType("mark/name", count, 4, "mark", "name", "text"),
            ),
            (
                EdgeType("mark/picture", "of", "mark", count, "of", made_from=("mark/picture",)),
                EdgeType("mark/name", "of", "mark", count, "of", made_from=("mark/name",)),
                EdgeType("mark", "like", "mark", count, "given", one_way=True),
                EdgeType("mark", "other", "mark", 240, "given", one_way=True),
            ),
        )
        tasks = {"side": TaskSpec(entity="mark", target="side", split="parts", description="Which side?")}
        manifest = {"format": 2, "name": "planted", "dataset": {}, "relations": {}, "encoders": {}}
        stored = {triple: StoredEdges(index) for triple, index in edges.items()}
        return Graph(schema, manifest, tasks, nodes, features, stored)

    return make


@pytest.fixture(scope="session")
def planted_run(make_planted: Callable[[str], Graph]) -> Callable[[str], Run]:
    """Return a function from what carries the answer to a run on such a graph; each is trained once."""
    made: dict[str, Run] = {}
    overrides = (
        *("model.hidden_channels=16", "model.num_layers=1", "model.dropout=0", "model.input_dropout=0"),
        *("optimiser.lr=0.02", "max_epochs=30", "device=cpu"),
    )

    def run(carrier: str) -> Run:
        if carrier not in made:
            made[carrier] = train(
                make_planted(carrier), task="side", model="hetero_gat", overrides=overrides, seed=0
            )
        return made[carrier]

    return run
