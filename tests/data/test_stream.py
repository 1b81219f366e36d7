"""Columns that are read block by block: what a table holds, and where it is wrong, wherever blocks end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmgraph.data import open_table
from mmgraph.data.id_index import IdIndex
from mmgraph.data.stream import EntityRows, Wanted, read_columns
from mmgraph.errors import DataError, Faults
from mmgraph.progress import Progress

ROWS = 25


@pytest.fixture(params=["csv", "jsonl", "parquet"])
def table(request, tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setattr(open_table, "_ROWS", 4)
    frame = pd.DataFrame({"id": [f"n{i}" for i in range(ROWS)], "size": np.arange(ROWS) / 2})
    path = tmp_path / f"t.{request.param}"
    match request.param:
        case "csv":
            frame.to_csv(path, index=False)
        case "jsonl":
            frame.to_json(path, orient="records", lines=True)
        case _:
            frame.to_parquet(path, index=False)
    return path


def read(path: Path, *wanted: Wanted, faults: Faults | None = None):
    return read_columns(path, wanted, faults or Faults(), progress=Progress(quiet=True), name="t")


def numbers(name: str) -> Wanted:
    return Wanted(name, "dataset.yaml: t", lambda block: block.column().numbers())


def test_columns_come_whole_and_in_order(table: Path) -> None:
    rows = EntityRows(IdIndex([f"n{i}" for i in reversed(range(ROWS))]))
    (ids, size), total = read(table, Wanted("id", "dataset.yaml: t", rows), numbers("size"))
    assert total == ROWS
    assert ids.tolist() == list(reversed(range(ROWS)))
    assert size.tolist() == (np.arange(ROWS) / 2).tolist()
    assert rows.unknown is None


def test_the_first_unknown_id_is_named_by_its_row_in_the_file(table: Path) -> None:
    rows = EntityRows(IdIndex([f"n{i}" for i in range(ROWS) if i not in (9, 13)]))
    (ids,), _ = read(table, Wanted("id", "dataset.yaml: t", rows))
    assert np.flatnonzero(ids < 0).tolist() == [9, 13]
    assert rows.unknown is not None
    place, name = rows.unknown
    assert name == "n9"
    assert "row 10" in place


def test_a_column_that_is_not_there_is_a_fault_and_the_others_are_read(table: Path) -> None:
    faults = Faults()
    (missing, size), _ = read(table, numbers("sice"), numbers("size"), faults=faults)
    assert missing is None
    assert len(size) == ROWS
    assert "size" in str(faults.found[0])


def test_a_fault_in_a_later_block_names_the_row_of_the_file(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(open_table, "_ROWS", 4)
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"size": [*["1"] * 10, "many", *["2"] * 5]}), path)
    faults = Faults()
    (size,), _ = read(path, numbers("size"), faults=faults)
    assert size is None
    assert "row 11" in str(faults.found[0])


def test_a_table_without_rows_gives_columns_without_cells(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,size\n")
    (size,), total = read(path, numbers("size"))
    assert total == 0
    assert size.shape == (0,)


def test_a_table_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        read(tmp_path / "t.csv", numbers("size"))
