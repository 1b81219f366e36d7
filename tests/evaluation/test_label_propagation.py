"""Labels that flow along edges: right where neighbours agree, and from training entities alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from mmgraph.data.task_spec import MultiLabelTaskSpec, TaskSpec
from mmgraph.evaluation.baselines import BASELINES
from mmgraph.evaluation.fitted import Fitted
from mmgraph.graph.edges import StoredEdges
from mmgraph.graph.graph import Graph
from mmgraph.graph.schema import EdgeType, GraphSchema, NodeType
from mmgraph.tasks.task import Task

COUNT, BLOCKS = 120, 3


@pytest.fixture(scope="module")
def blocks() -> Graph:
    """Return things in three blocks whose labels, numbers and edges go by the block; the last has no edge."""
    rng = np.random.default_rng(0)
    block = np.arange(COUNT) % BLOCKS
    ends = rng.integers(COUNT - 1, size=(2, 900))
    ends = np.unique(ends[:, (block[ends[0]] == block[ends[1]]) & (ends[0] != ends[1])], axis=1)
    ends = ends[:, np.lexsort((ends[0], ends[1]))]
    parts = rng.choice(["train", "validation", "test"], COUNT, p=[0.4, 0.3, 0.3])
    parts[-1] = "test"
    names = np.array(["red", "green", "blue"])
    kinds = [f'["{names[b]}", "any"]' for b in block]
    targets = {"colour": names[block], "size": 10.0 * block, "kinds": kinds}
    columns = {f"target:{name}": values for name, values in targets.items()}
    table = pd.DataFrame({"id": [f"t{i}" for i in range(COUNT)], **columns})
    table["title"] = table["id"]
    for name in targets:
        table[f"split:{name}"] = parts
    schema = GraphSchema(
        (NodeType("thing", COUNT, 0, "thing"),),
        (
            EdgeType("thing", "like", "thing", ends.shape[1], "given"),
            EdgeType("thing", "rev_like", "thing", ends.shape[1], "given", reverse_of="like"),
        ),
    )
    edges = StoredEdges(ends)
    tasks = {
        "colour": TaskSpec(entity="thing", target="colour", split="parts"),
        "size": TaskSpec(entity="thing", kind="regression", target="size", split="parts"),
        "kinds": MultiLabelTaskSpec(entity="thing", kind="multi_label", target="kinds", split="parts"),
    }
    manifest = {"format": 2, "name": "blocks", "dataset": {}, "relations": {}, "encoders": {}}
    triples = {("thing", "like", "thing"): edges, ("thing", "rev_like", "thing"): edges.reversed()}
    return Graph(schema, manifest, tasks, {"thing": table}, {}, triples)


def _fitted(graph: Graph, name: str) -> tuple[Task, Fitted]:
    task = Task.from_graph(graph, name)
    return task, BASELINES["label_propagation"].fit(task, None, graph.view(name))


@pytest.mark.parametrize(
    ("name", "metric", "least"),
    [("colour", "accuracy", 0.95), ("size", "r2_score", 0.8), ("kinds", "f1", 0.95)],
)
def test_neighbours_tell(blocks: Graph, name: str, metric: str, least: float) -> None:
    task, fitted = _fitted(blocks, name)
    rows = task.rows("test")
    found = task.metrics(fitted.output(rows), rows)
    value = next(value for key, value in found.items() if metric in key)
    assert value > least
    assert fitted.config["name"] == "label_propagation"


def test_who_has_no_edge_gets_the_shares_of_training(blocks: Graph) -> None:
    task, fitted = _fitted(blocks, "colour")
    own = fitted.output(torch.tensor([COUNT - 1])).exp()[0]
    target = task.target[task.rows("train")]
    shares = torch.bincount(target, minlength=BLOCKS).double() / len(target)
    assert own.tolist() == pytest.approx(shares.tolist(), abs=1e-6)


def test_held_out_labels_change_nothing_but_what_validation_chooses(blocks: Graph) -> None:
    table = blocks.nodes["thing"].copy()
    test = table["split:colour"] == "test"
    rng = np.random.default_rng(1)
    table.loc[test, "target:colour"] = rng.permutation(table.loc[test, "target:colour"].to_numpy())
    other = replace(blocks, nodes={"thing": table})
    rows = torch.arange(COUNT)
    assert torch.equal(_fitted(blocks, "colour")[1].output(rows), _fitted(other, "colour")[1].output(rows))


def test_shuffled_edges_tell_nothing(blocks: Graph) -> None:
    task, fitted = _fitted(blocks.shuffled(0), "colour")
    rows = task.rows("test")
    assert task.metrics(fitted.output(rows), rows)["accuracy"] < 0.6
