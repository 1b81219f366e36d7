"""A dataset answers questions about its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mmgraph.data.dataset_faults import dataset_faults
from mmgraph.errors import ConfigError, DataError


def test_frame_and_ids(shop: Any) -> None:
    dataset = shop.open()
    assert dataset.entity_ids("product")[:2] == ["p01", "p02"]
    frame = dataset.frame("product")
    assert frame.index.equals(pd.RangeIndex(24))
    assert frame["colour"].tolist()[1] == "NA"
    assert dataset.frame("product") is frame


def test_titles_fall_back_to_ids(shop: Any) -> None:
    shop.set_cell(2, "name", "")
    assert shop.open().titles("product")[:2] == ["Product 1", "p02"]
    shop.change_spec("entities.product.title", ...)
    assert shop.open().titles("product")[:2] == ["p01", "p02"]


def test_modalities(shop: Any) -> None:
    dataset = shop.open()
    assert 4 not in dataset.modality("product", "description").index
    photo = dataset.modality("product", "photo")
    assert photo.values[0] == shop.folder / "images/1.png"
    assert len(photo) == 23
    assert 10 not in dataset.modality("product", "vector").index
    assert dataset.modality("product", "some").values.shape == (10, 3)


def test_features_of_a_table_follow_the_ids_not_the_rows(shop: Any) -> None:
    dataset = shop.open()
    some, vector = dataset.modality("product", "some"), dataset.modality("product", "vector")
    np.testing.assert_array_equal(some.values, vector.values[np.isin(vector.index, some.index)])


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda d: d.frame("prodct"), r"there is no entity type 'prodct'\. Did you mean 'product'\?"),
        (lambda d: d.modality("product", "foto"), r"no modality 'foto'\. Did you mean 'photo'\?"),
        (lambda d: d.split("fixd"), r"there is no split 'fixd'\. Did you mean 'fixed'\?"),
    ],
)
def test_unknown_names(shop: Any, ask: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ask(shop.open())


def test_training_rows_are_held_out_by_no_split(shop: Any) -> None:
    dataset = shop.open()
    rows = dataset.training_rows("product")
    for name in dataset.spec.splits:
        assert set(dataset.split(name)[rows]) == {"train"}
    some_split_holds_out = np.any(
        [np.isin(dataset.split(name), ["validation", "test"]) for name in dataset.spec.splits], axis=0
    )
    np.testing.assert_array_equal(rows, ~some_split_holds_out)


def test_entities_outside_a_split_are_no_test_entities(shop: Any) -> None:
    for name in ("random", "stratified", "grouped", "time"):
        shop.change_spec(f"splits.{name}", ...)
    shop.set_cell(1, "part", "")
    assert shop.open().training_rows("product")[:4].tolist() == [True, False, False, True]


def test_splits_that_hold_out_everything(shop: Any) -> None:
    def reverse(table: pd.DataFrame) -> None:
        table["other"] = table["part"].map({"train": "test", "test": "train", "validation": "validation"})

    shop.change_table(reverse)
    shop.change_spec("splits.other", {"kind": "column", "entity": "product", "column": "other"})
    with pytest.raises(DataError, match="each entity of 'product' is held out"):
        shop.open().training_rows("product")


def test_other_tables(shop: Any) -> None:
    (shop.folder / "pairs.csv").write_text("a,b\n007,NA\n")
    dataset = shop.open()
    table = dataset.table("pairs.csv", where="w")
    assert table.to_dict("list") == {"a": ["007"], "b": ["NA"]}
    assert dataset.table("pairs.csv", where="w") is table
    with pytest.raises(DataError, match=r"^w: the path '\.\./pairs\.csv' leaves the folder"):
        dataset.table("../pairs.csv", where="w")
    with pytest.raises(DataError, match=r"^w: got 'pair\.csv'; there is no such file"):
        dataset.table("pair.csv", where="w")


def test_fingerprint_is_of_content_alone(shop: Any, tmp_path: Path) -> None:
    before = shop.open().fingerprint()
    shop.folder.rename(tmp_path / "elsewhere")
    shop.folder = tmp_path / "elsewhere"
    assert shop.open().fingerprint() == before


@pytest.mark.parametrize("name", ["products.csv", "images/3.png", "vectors.npy", "some.parquet"])
def test_fingerprint_covers_every_file(shop: Any, name: str) -> None:
    before = shop.open().fingerprint()
    path = shop.folder / name
    content = path.read_bytes()
    changed = content.replace(b"Product 3,", b"Product 4,") if name.endswith(".csv") else content + b" "
    if name == "some.parquet":
        pd.read_parquet(path).assign(x=1.0).to_parquet(path)
    else:
        path.write_bytes(changed)
    assert shop.open().fingerprint() != before


def test_fingerprint_covers_the_spec_and_tables_of_relations(shop: Any) -> None:
    (shop.folder / "pairs.csv").write_text("a,b\n1,2\n")
    before = shop.open().fingerprint()
    shop.change_spec("relations.pairs", {"builder": "table", "table": "pairs.csv"})
    with_relation = shop.open().fingerprint()
    (shop.folder / "pairs.csv").write_text("a,b\n1,3\n")
    assert len({before, with_relation, shop.open().fingerprint()}) == 3


def test_fingerprint_reads_nothing_outside_the_folder(shop: Any) -> None:
    (shop.folder.parent / "outside.csv").write_text("a\n")
    shop.change_spec("relations.pairs", {"builder": "table", "table": "../outside.csv"})
    before = shop.open().fingerprint()
    (shop.folder.parent / "outside.csv").write_text("b\n")
    assert shop.open().fingerprint() == before


def test_times_are_those_of_a_column_or_of_a_split_by_time(shop: Any) -> None:
    second = 86_400.0
    found = shop.open().times("product")
    assert found is not None
    assert np.diff(found).tolist() == [second] * 23
    shop.change_spec("entities.product.time", "rating")
    named = shop.open().times("product")
    assert named is not None
    assert named.tolist() == [number / 10 for number in range(1, 25)]
    shop.change_spec("entities.product.time", ...)
    shop.change_spec("splits.other", {**shop.open().spec.splits["time"].model_dump(), "column": "rating"})
    assert shop.open().times("product") is None


def test_a_column_of_times_that_cannot_be_used_is_told(shop: Any) -> None:
    for column, message in (
        ("mad", "no such column"),
        ("price", "wanted a number or a date"),
        ("brand", "wanted a number or"),
    ):
        shop.change_spec("entities.product.time", column)
        with pytest.raises(DataError, match=message):
            shop.open().times("product")
        faults = dataset_faults(shop.open(), open_files=False)
        assert len(faults) == 1
