"""A small shop on disk: products with a name, a picture and a vector, and their makers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from mmgraph.data.dataset import Dataset
from mmgraph.data.load import load_dataset
from mmgraph.graph import Attached, Edges, Graph, RelationBuilder, build_graph
from mmgraph.registry import RELATIONS

PRODUCTS = 24
WORDS = ["red", "blue", "small", "large", "round", "square", "cheap", "fine"]


@pytest.fixture(scope="session")
def shop_spec() -> dict[str, Any]:
    """The content of `dataset.yaml`."""
    return {
        "name": "shop",
        "entities": {
            "product": {
                "table": "products.csv",
                "id": "sku",
                "title": "title",
                "modalities": {
                    "name": {"kind": "text", "column": "title"},
                    "picture": {"kind": "image", "column": "picture"},
                    "vector": {"kind": "features", "file": "vectors.npy"},
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
            "alike": {"builder": "knn", "on": "product/vector", "k": 3},
            "looks_like": {"builder": "knn", "on": "product/picture", "k": 2, "connect": "entity"},
        },
        "splits": {
            "random": {
                "kind": "random",
                "entity": "product",
                "fractions": {"train": 0.5, "validation": 0.25, "test": 0.25},
            }
        },
        "tasks": {
            "colour": {
                "entity": "product",
                "target": "colour",
                "split": "random",
                "without": {"modalities": ["name", "picture"], "relations": ["bought_with"]},
            },
            "price": {"kind": "regression", "entity": "product", "target": "price", "split": "random"},
        },
    }


def write_shop(folder: Path, spec: dict[str, Any]) -> None:
    """Write the files of the shop; two products have no name and a third has no picture."""
    rng = np.random.default_rng(7)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for n in range(PRODUCTS):
        colour = ["red", "blue"][n % 2]
        picture = f"{n}.png" if n % 3 else ""
        if picture:
            side = 20 + 5 * n
            Image.fromarray(rng.integers(0, 255, (side, side, 3), dtype=np.uint8)).save(folder / picture)
        title = "" if n in (4, 9) else " ".join(rng.choice(WORDS, size=4))
        rows.append(
            {
                "sku": f"p{n}",
                "title": title,
                "picture": picture,
                "shelf": f"s{n % 5}",
                "colour": "" if n == 2 else colour,
                "price": "" if n == 3 else 10.5 + n,
            }
        )
    pd.DataFrame(rows).to_csv(folder / "products.csv", index=False)
    np.save(folder / "vectors.npy", rng.normal(size=(PRODUCTS, 6)).astype(np.float32))
    (folder / "makers.csv").write_text("id\nacme\nbolt\n")
    pairs = [(f"p{n}", f"p{(n * 5 + 1) % PRODUCTS}", n + 1) for n in range(PRODUCTS)]
    (folder / "bought_with.csv").write_text(
        "source,target,times\n" + "".join(f"{s},{t},{w}\n" for s, t, w in pairs)
    )
    (folder / "made_by.csv").write_text(
        "source,target\n" + "".join(f"p{n},{'acme' if n % 4 else 'bolt'}\n" for n in range(PRODUCTS))
    )
    (folder / "dataset.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))


@pytest.fixture
def make_shop(tmp_path: Path, shop_spec: dict[str, Any]) -> Callable[..., Dataset]:
    """Return a function that writes the shop with some keys of its `dataset.yaml` set, and opens it."""

    def make(**changes: Any) -> Dataset:
        write_shop(tmp_path / "shop", shop_spec | changes)
        return load_dataset(tmp_path / "shop")

    return make


@pytest.fixture(scope="session")
def shop_folder(tmp_path_factory: pytest.TempPathFactory, shop_spec: dict[str, Any]) -> Path:
    """The folder of the shop; not to be changed."""
    folder = tmp_path_factory.mktemp("data") / "shop"
    write_shop(folder, shop_spec)
    return folder


@pytest.fixture(scope="session")
def shop(shop_folder: Path) -> Dataset:
    """The shop."""
    return load_dataset(shop_folder)


@pytest.fixture(scope="session")
def graph(shop: Dataset) -> Graph:
    """The graph of the shop."""
    return build_graph(shop, cache=False)


@pytest.fixture
def stored(graph: Graph, tmp_path: Path) -> Path:
    """The graph of the shop in a folder that a test may damage."""
    graph.save(tmp_path / "graph")
    return tmp_path / "graph"


def nearest_price(known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return for each wanted price the position of the nearest known one."""
    return abs(known[None, :] - wanted[:, None]).argmin(axis=1)


def prices(frame: Any) -> np.ndarray:
    return np.array([float(str(sku)[1:]) for sku in frame["sku"]])


@pytest.fixture
def closest() -> Iterator[type[RelationBuilder]]:
    """A registered inductive builder: everything hears from the product whose number is nearest."""

    @RELATIONS.register("closest")
    @dataclass(frozen=True)
    class Closest(RelationBuilder):
        kind: ClassVar = "derived"
        inductive: ClassVar = True

        @property
        def default_name(self):
            return "closest"

        def endpoints(self, context):
            return "product", "product"

        def fit(self, context):
            return {"price": prices(context.dataset.frame("product"))}

        def build(self, context):
            price = context.fitted["price"].copy()
            price[~context.permitted("product")] = np.inf
            target = np.arange(len(price))
            source = nearest_price(price, context.fitted["price"])
            return Edges(source, target, np.ones(len(price), np.float32))

        def attach(self, context):
            price = context.fitted["price"].copy()
            price[~context.permitted("product")] = np.inf
            source = nearest_price(price, prices(context.frame("product")))
            return Attached(Edges(source, np.arange(len(source)), np.ones(len(source), np.float32)))

    yield Closest
    RELATIONS._things.pop("closest")
