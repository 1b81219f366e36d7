"""Other random splits of a data set: what stays together does, and nothing fitted sees what is held out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from mmgraph.errors import ConfigError
from mmgraph.evaluation.resplit import Resplit
from mmgraph.graph.build import build_graph
from mmgraph.graph.graph import Graph
from mmgraph.progress import Progress
from mmgraph.relations import KNN

COUNT = 60
FRACTIONS = {"train": 0.6, "validation": 0.2, "test": 0.2}


def write_dataset(folder: Path, split: dict[str, Any], *, seed: int = 0) -> Path:
    """Write a data set of sixty things of twenty makers."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    things = pd.DataFrame(
        {
            "id": [f"t{i}" for i in range(COUNT)],
            "maker": [f"m{i % 20}" for i in range(COUNT)],
            "size": rng.normal(size=COUNT).round(4),
            "weight": rng.normal(size=COUNT).round(4),
            "colour": rng.choice(["red", "blue"], COUNT),
            "part": rng.choice(["train", "validation", "test"], COUNT, p=[0.6, 0.2, 0.2]),
        }
    )
    things.to_csv(folder / "things.csv", index=False)
    pairs = pd.DataFrame(
        {"a": [f"t{i}" for i in range(COUNT)], "b": [f"t{(i + 1) % COUNT}" for i in range(COUNT)]}
    )
    pairs.to_csv(folder / "pairs.csv", index=False)
    columns = {"size": "numeric", "weight": "numeric"}
    table = {"builder": "table", "table": "pairs.csv", "source": "thing", "target": "thing"}
    spec = {
        "name": "things",
        "entities": {
            "thing": {
                "table": "things.csv",
                "id": "id",
                "modalities": {"facts": {"kind": "tabular", "columns": columns}},
            }
        },
        "relations": {"beside": {**table, "source_column": "a", "target_column": "b"}},
        "splits": {"parts": {"entity": "thing", **split}},
        "tasks": {
            "colour": {"entity": "thing", "target": "colour", "split": "parts"},
            "pairs": {"kind": "link_prediction", "relation": "beside"},
        },
    }
    (folder / "dataset.yaml").write_text(yaml.safe_dump(spec))
    return folder


def _parts(graph: Graph) -> pd.Series:
    table = graph.nodes["thing"]
    return pd.Series(table["split:colour"].to_numpy(dtype=str), index=table["id"].to_numpy(dtype=str))


GROUPED = {"kind": "grouped", "group": "maker", "seed": 3, "fractions": FRACTIONS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data set whose makers stay together."""
    return write_dataset(tmp_path_factory.mktemp("resplit") / "things", GROUPED)


@pytest.fixture(scope="module")
def graph(folder: Path) -> Graph:
    """Return its graph, with a relation that dataset.yaml does not have."""
    return build_graph(folder, relations=["beside", ("near", KNN("thing/facts", k=3))], cache=False)


def test_another_split_keeps_groups_together(graph: Graph, folder: Path) -> None:
    makers = pd.read_csv(folder / "things.csv").set_index("id")["maker"]
    resplit, seen = Resplit.of(graph, "colour", folder), [_parts(graph)]
    for draw in (1, 2):
        made = resplit.make(draw, out=None, progress=Progress(quiet=True))
        parts = _parts(made)
        assert (parts.groupby(makers.reindex(parts.index)).nunique() == 1).all()
        assert all((parts != other.reindex(parts.index)).any() for other in seen)
        assert made.schema.relations == graph.schema.relations
        seen.append(parts)


def test_what_is_fitted_sees_the_training_entities_of_its_split_alone(graph: Graph, folder: Path) -> None:
    made = Resplit.of(graph, "colour", folder).make(1, out=None, progress=Progress(quiet=True))
    own = made.nodes["thing"].reset_index(drop=True)
    assert own["training"].tolist() == (own["split:colour"] == "train").tolist()
    # Columns are scaled to the training entities of this split, not to those of the first.
    features = made.features["thing/facts"][:, :2]
    training = features[own["training"].to_numpy(dtype=bool)]
    assert np.abs(training.mean(axis=0)).max() < 1e-5
    before = graph.nodes["thing"]["training"].to_numpy(dtype=bool)
    assert np.abs(features[before].mean(axis=0)).max() > 1e-3


def test_the_same_number_is_the_same_split(graph: Graph, folder: Path, tmp_path: Path) -> None:
    resplit = Resplit.of(graph, "colour", folder)
    made = [resplit.make(1, out=out, progress=Progress(quiet=True)) for out in (tmp_path / "graph", None)]
    assert made[0].fingerprint() == made[1].fingerprint() != graph.fingerprint()
    assert made[0].folder == tmp_path / "graph"


def test_edges_are_held_out_anew(graph: Graph, folder: Path) -> None:
    made = Resplit.of(graph, "pairs", folder).make(1, out=None, progress=Progress(quiet=True))
    held_out = [g.view("pairs").held_out["beside"].source for g in (graph, made)]
    assert len(held_out[0]) == len(held_out[1])
    assert (held_out[0] != held_out[1]).any()
    assert (_parts(made) == _parts(graph)).all()


def test_other_data_are_refused(graph: Graph, tmp_path: Path) -> None:
    other = write_dataset(tmp_path / "things", GROUPED, seed=1)
    with pytest.raises(ConfigError, match="other nodes 'thing', or other answers"):
        Resplit.of(graph, "colour", other).make(1, out=None, progress=Progress(quiet=True))


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"kind": "column", "column": "part"}, "given by a column"),
        ({"kind": "time", "column": "size", "fractions": FRACTIONS}, "by time"),
    ],
)
def test_a_split_that_is_not_random_is_the_only_one(
    split: dict[str, Any], message: str, tmp_path: Path
) -> None:
    fixed = write_dataset(tmp_path / "things", split)
    with pytest.raises(ConfigError, match=message):
        Resplit.of(build_graph(fixed, cache=False), "colour", fixed)


def test_edges_that_no_task_of_the_data_set_holds_out(graph: Graph, folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"is no task of dataset\.yaml"):
        Resplit.of(graph, "link:near", folder)
