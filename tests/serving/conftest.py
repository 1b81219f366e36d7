"""A small shop with pictures, names and columns, its graph, and runs on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from mmgraph.data.load import load_dataset
from mmgraph.graph import Graph, build_graph
from mmgraph.training import Run, train

PRODUCTS = 60
COLOURS = {"red": (220, 40, 40), "blue": (40, 40, 220), "green": (40, 200, 40)}
WORDS = {"red": ["warm", "fire"], "blue": ["cold", "water"], "green": ["fresh", "leaf"]}
QUICK = ("model.hidden_channels=16", "model.dropout=0.1", "optimiser.lr=0.02", "max_epochs=25", "device=cpu")

SPEC: dict[str, Any] = {
    "name": "shop",
    "entities": {
        "product": {
            "table": "products.csv",
            "id": "sku",
            "title": "title",
            "modalities": {
                "name": {"kind": "text", "column": "title"},
                "picture": {"kind": "image", "column": "picture"},
                "facts": {"kind": "tabular", "columns": {"material": "categorical", "weight": "numeric"}},
            },
        },
        "maker": {"table": "makers.csv"},
    },
    "relations": {
        "bought_with": {
            "builder": "table",
            "source": "product",
            "target": "product",
            "table": "bought_with.csv",
            "weight_column": "times",
        },
        "made_by": {"builder": "table", "source": "product", "target": "maker", "table": "made_by.csv"},
        "same_shelf": {"builder": "shared_attribute", "entity": "product", "column": "shelf"},
        "alike": {"builder": "knn", "on": "product/name", "k": 3, "weight": "similarity"},
    },
    "splits": {
        "random": {
            "kind": "random",
            "entity": "product",
            "fractions": {"train": 0.6, "validation": 0.2, "test": 0.2},
        }
    },
    "tasks": {
        "colour": {"entity": "product", "target": "colour", "split": "random"},
        "price": {"kind": "regression", "entity": "product", "target": "price", "split": "random"},
    },
}


def write_shop(folder: Path, spec: dict[str, Any] = SPEC) -> None:
    """Write the files of the shop; some products lack a name or a picture."""
    rng = np.random.default_rng(3)
    folder.mkdir(parents=True)
    rows = []
    for n in range(PRODUCTS):
        colour = list(COLOURS)[n % 3]
        picture = f"{n}.png" if n % 4 else ""
        if picture:
            Image.new("RGB", (24 + n % 5, 24), COLOURS[colour]).save(folder / picture)
        title = "" if n % 7 == 3 else " ".join([*rng.permutation(WORDS[colour]), f"item{n % 11}"])
        rows.append(
            {
                "sku": f"p{n}",
                "title": title,
                "picture": picture,
                "material": ["wood", "steel", "glass"][n % 3 if n % 5 else 0],
                "weight": 1.0 + n,
                "shelf": f"s{n % 9}",
                "colour": colour,
                "price": 10.0 + n,
            }
        )
    pd.DataFrame(rows).to_csv(folder / "products.csv", index=False)
    (folder / "makers.csv").write_text("id\nacme\nbolt\n")
    pairs = [(f"p{n}", f"p{(n * 5 + 1) % PRODUCTS}", n + 1) for n in range(PRODUCTS)]
    (folder / "bought_with.csv").write_text(
        "source,target,times\n" + "".join(f"{s},{t},{w}\n" for s, t, w in pairs)
    )
    (folder / "made_by.csv").write_text(
        "source,target\n" + "".join(f"p{n},{'acme' if n % 4 else 'bolt'}\n" for n in range(PRODUCTS))
    )
    (folder / "dataset.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))


@pytest.fixture(scope="session")
def shop_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the shop; not to be changed."""
    folder = tmp_path_factory.mktemp("data") / "shop"
    write_shop(folder)
    return folder


@pytest.fixture(scope="session")
def shop_graph(shop_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Graph:
    """The graph of the shop, opened from its folder."""
    out = tmp_path_factory.mktemp("graphs") / "shop"
    return build_graph(load_dataset(shop_folder), cache=False, out=out)


@pytest.fixture(scope="session")
def make_run(shop_graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    """Return a function that trains a model on the shop and keeps the run; the same one is trained once."""
    made: dict[tuple[Any, ...], Run] = {}

    def make(model: str = "hetero_gat", *overrides: str, task: str = "colour", graph: Any = None) -> Run:
        key = (model, overrides, task, id(graph))
        if key not in made:
            made[key] = train(
                graph or shop_graph, task=task, model=model, overrides=[*QUICK, *overrides], seed=0
            )
            made[key].save(tmp_path_factory.mktemp("runs") / "run")
        return made[key]

    return make


@pytest.fixture(scope="session")
def run(make_run: Callable[..., Run]) -> Run:
    """A run of a graph model that classifies colours."""
    return make_run()


@pytest.fixture
def planted(shop_graph: Graph) -> Callable[..., Any]:
    """Return a function from the vectors of products to what stands for a run that gives them."""
    labels = SimpleNamespace(entity="product", task="colour")
    split = shop_graph.nodes["product"]["split:colour"].to_numpy(dtype=str)
    ids = shop_graph.nodes["product"]["id"].to_numpy(dtype=str)

    def make(vectors: np.ndarray) -> Any:
        return SimpleNamespace(
            graph=shop_graph,
            task=SimpleNamespace(labels=labels, split_of=lambda _: split),
            embed=lambda entity=None: (ids, vectors.astype(np.float32)),
        )

    return make
