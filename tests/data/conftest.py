"""A small dataset without a fault, in a folder that a test may change."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from mmgraph.data.dataset import Dataset
from mmgraph.data.spec import read_spec

ROWS = 24


@dataclass
class Shop:
    """A dataset of products with every kind of modality but audio, every kind of split, and both tasks."""

    folder: Path

    @property
    def yaml(self) -> Path:
        return self.folder / "dataset.yaml"

    @property
    def products(self) -> Path:
        return self.folder / "products.csv"

    def change_spec(self, path: str, value: Any) -> None:
        """Set one key of dataset.yaml, e.g. ``splits.random.seed``; ``...`` removes it."""
        spec = yaml.safe_load(self.yaml.read_text())
        *parents, last = path.split(".")
        at = spec
        for key in parents:
            at = at[key]
        if value is ...:
            del at[last]
        else:
            at[last] = value
        self.yaml.write_text(yaml.safe_dump(spec, sort_keys=False))

    def change_table(self, change: Callable[[pd.DataFrame], pd.DataFrame | None]) -> None:
        """Change the table of products; cells are text, and empty ones are empty text."""
        table = pd.read_csv(self.products, dtype=str, keep_default_na=False)
        changed = change(table)
        (table if changed is None else changed).to_csv(self.products, index=False)

    def set_cell(self, row: int, column: str, value: str) -> None:
        """Set a cell; rows are counted from 1, as in messages."""

        def change(table: pd.DataFrame) -> None:
            table.loc[row - 1, column] = value

        self.change_table(change)

    def open(self) -> Dataset:
        return Dataset(read_spec(self.yaml), self.folder)


@pytest.fixture(scope="session")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    made = Shop(tmp_path_factory.mktemp("made") / "shop")
    (made.folder / "images").mkdir(parents=True)
    table = _products()
    table.to_csv(made.products, index=False)
    for name in table["photo"]:
        if name:
            Image.new("RGB", (4, 4), (len(name), 0, 99)).save(made.folder / name)
    vectors = np.arange(ROWS * 3, dtype=np.float32).reshape(ROWS, 3)
    np.save(made.folder / "vectors.npy", vectors)
    some = pd.DataFrame(vectors[::-1][:10], columns=["x", "y", "z"])
    some.insert(0, "product", list(table["id"])[::-1][:10])
    some.to_parquet(made.folder / "some.parquet")
    made.yaml.write_text(SPEC)
    return made


@pytest.fixture
def shop(_shop: Shop, tmp_path: Path) -> Shop:
    """A dataset of 24 products ``p01`` to ``p24``."""
    return Shop(shutil.copytree(_shop.folder, tmp_path / "shop"))


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests out of the user's prepared datasets."""
    monkeypatch.setenv("MMGRAPH_HOME", str(tmp_path / "home"))


def _products() -> pd.DataFrame:
    rows = []
    for number in range(1, ROWS + 1):
        rows.append(
            {
                "id": f"p{number:02}",
                "name": f"Product {number}",
                "description": "" if number == 5 else f"A thing of kind {number % 3}",
                "photo": "" if number == 7 else f"images/{number}.png",
                "price": "" if number == 9 else str(number * 1.5),
                "colour": ["red", "green", "NA"][number % 3],
                "made": str(datetime.date(2024, 1, 1) + datetime.timedelta(days=number)),
                "brand": "" if number > 20 else f"brand {number % 5}",
                "part": ["train", "train", "validation", "test"][number % 4],
                "has_vector": str(number != 11).lower(),
                "category": "" if number == 2 else ["toy", "tool"][number % 2],
                "rating": str(number / 10),
            }
        )
    return pd.DataFrame(rows)


SPEC = """\
format: 1
name: shop
title: A shop
entities:
  product:
    table: products.csv
    id: id
    title: name
    modalities:
      description: {kind: text, column: description}
      photo: {kind: image, column: photo}
      facts:
        kind: tabular
        columns: {price: numeric, colour: categorical, made: date}
      vector: {kind: features, file: vectors.npy, present: has_vector}
      some: {kind: features, file: some.parquet, id: product}
relations:
  same_brand: {builder: shared_attribute, entity: product, column: brand}
splits:
  fixed: {kind: column, entity: product, column: part}
  random: {kind: random, entity: product, fractions: {train: 0.6, validation: 0.2, test: 0.2}, seed: 3}
  stratified:
    kind: stratified
    entity: product
    by: category
    fractions: {train: 0.5, validation: 0.25, test: 0.25}
  grouped:
    kind: grouped
    entity: product
    group: brand
    fractions: {train: 0.6, validation: 0.2, test: 0.2}
  time: {kind: time, entity: product, column: made, fractions: {train: 0.6, validation: 0.2, test: 0.2}}
tasks:
  category: {entity: product, target: category, split: fixed}
  rating: {entity: product, kind: regression, target: rating, split: fixed}
"""
