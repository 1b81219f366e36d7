"""The table of an entity type has an id of its own for each row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmgraph.data.entity_table import EntityTable, read_entity_table
from mmgraph.data.spec import EntitySpec
from mmgraph.errors import DataError


def read(folder: Path, text: str, name: str = "t.csv", **spec: str) -> EntityTable:
    (folder / name).write_text(text)
    return read_entity_table(EntitySpec(table=name, **spec), folder, where="dataset.yaml: entities.thing")


def test_ids_are_text_sorted_short_ones_first(tmp_path: Path) -> None:
    table = read(tmp_path, "key,x\n007,1\nNA,2\n", id="key")
    assert table.ids == ["NA", "007"]
    assert table.frame["key"].tolist() == ["NA", "007"]
    assert table.frame["x"].tolist() == ["2", "1"]


def test_whole_numbers_become_text(tmp_path: Path) -> None:
    table = read(tmp_path, '{"id": 7}\n{"id": "x"}\n', "t.jsonl")
    assert table.ids == ["7", "x"]
    assert table.frame["id"].tolist() == ["7", "x"]


@pytest.mark.parametrize("kind", ["int8", "int64", "uint64", "Int64"])
@pytest.mark.parametrize("least", [0, -20])
def test_numbers_stand_as_their_digits_would(tmp_path: Path, kind: str, least: int) -> None:
    numbers = np.random.default_rng(0).permutation(
        np.arange(max(least, 0) if kind == "uint64" else least, 120)
    )
    pd.DataFrame({"id": pd.Series(numbers, dtype=kind)}).to_parquet(tmp_path / "t.parquet")
    table = read_entity_table(EntitySpec(table="t.parquet"), tmp_path, where="here")
    assert table.ids == sorted(map(str, numbers), key=lambda text: (len(text), text))
    assert [str(numbers[row]) for row in table.rows] == table.ids


def test_numbers_up_to_the_largest_keep_their_places(tmp_path: Path) -> None:
    numbers = np.array([2**64 - 1, 2**63, 5], dtype=np.uint64)
    pd.DataFrame({"id": numbers}).to_parquet(tmp_path / "t.parquet")
    table = read_entity_table(EntitySpec(table="t.parquet"), tmp_path, where="here")
    assert table.ids == ["5", str(2**63), str(2**64 - 1)]


def test_all_faulty_ids_are_reported_together(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, "id,x\na,1\n,1\nb,1\na,1\n,1\nb,1\nb,1\nc,1\n")
    missing, twins = caught.value.faults
    assert missing.where == f"{tmp_path}/t.csv: column 'id', rows 2, 5"
    assert twins.problem == "ids stand more than once: 'a' in rows 1, 4; 'b' in rows 3, 6, 7"


def test_an_id_with_spaces_around_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"row 2: got 'a '; wanted an id without spaces around it \(also in row 3\)"
    ):
        read(tmp_path, "id\na\na \n b\n")


def test_only_the_first_few_ids_are_named(tmp_path: Path) -> None:
    rows = "".join(f"{i}\n{i}\n" for i in range(8))
    with pytest.raises(DataError, match=r"'4' in rows 9, 10 and 3 more ids"):
        read(tmp_path, f"id\n{rows}")


def test_column_names_the_key_that_asked(tmp_path: Path) -> None:
    table = read(tmp_path, "id,x\na,1\n")
    assert table.column("x", where="w").numbers().tolist() == [1]
    with pytest.raises(DataError, match=r"^w: got 'y'"):
        table.column("y", where="w")
