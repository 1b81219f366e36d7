"""Tables keep what stands in the file."""

from __future__ import annotations

import datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgraph.data.tables import read_table
from mmgraph.errors import DataError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "table"


def csv(path: Path, text: str | bytes) -> pd.DataFrame:
    path = path.with_suffix(".csv")
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_table(path)


def jsonl(path: Path, text: str) -> pd.DataFrame:
    path = path.with_suffix(".jsonl")
    path.write_text(text)
    return read_table(path)


def parquet(path: Path, columns: dict[str, object]) -> pd.DataFrame:
    path = path.with_suffix(".parquet")
    pyarrow.parquet.write_table(pa.table(columns), path)
    return read_table(path)


def test_csv_cells_stay_as_they_are(file: Path) -> None:
    table = csv(file, "id,country,n\n007,NA,1e5\n1.0,null,True\nnan,None, x\n")
    assert table["id"].tolist() == ["007", "1.0", "nan"]
    assert table["country"].tolist() == ["NA", "null", "None"]
    assert table["n"].tolist() == ["1e5", "True", " x"]
    assert table.index.equals(pd.RangeIndex(3))


def test_empty_csv_cells_are_missing_quoted_or_not(file: Path) -> None:
    table = csv(file, 'id,a\n1,\n2,""\n3,x\n')
    assert table["a"].isna().tolist() == [True, True, False]


def test_csv_with_byte_order_mark_and_windows_line_ends(file: Path) -> None:
    table = csv(file, b"\xef\xbb\xbfid,a\r\n1,x\r\n")
    assert table.to_dict("list") == {"id": ["1"], "a": ["x"]}


def test_csv_cells_may_hold_commas_quotes_and_line_breaks(file: Path) -> None:
    table = csv(file, 'id,a\n1,"x, ""y""\nz"\n')
    assert table["a"].tolist() == ['x, "y"\nz']


def test_csv_of_a_header_alone_has_no_rows(file: Path) -> None:
    for text in ("id,a", "id,a\n"):
        table = csv(file, text)
        assert list(table.columns) == ["id", "a"]
        assert len(table) == 0


def test_csv_counts_ragged_rows(file: Path) -> None:
    with pytest.raises(DataError, match=r"row 2: got 1 cell.*wanted 2.*row 4 with 3, row 5 with 1"):
        csv(file, "id,a\n1,2\n3\n5,6\n7,8,9\n1\n")


def test_csv_long_cells(file: Path) -> None:
    long = "x" * 3_000_000
    assert csv(file, f"id,a\n1,{long}\n")["a"].tolist() == [long]


@settings(max_examples=40)
@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1), min_size=1, max_size=8
    )
)
def test_csv_round_trip(tmp_path_factory: pytest.TempPathFactory, cells: list[str]) -> None:
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    pd.DataFrame({"id": range(len(cells)), "cell": cells}).to_csv(path, index=False)
    assert read_table(path)["cell"].tolist() == cells


def test_jsonl_keeps_types(file: Path) -> None:
    lines = ['{"id": "007", "n": 1, "x": 1.5, "b": true}', "", '{"id": "8", "n": null, "b": false, "z": "q"}']
    table = jsonl(file, "\n".join(lines))
    assert table["id"].tolist() == ["007", "8"]
    assert table["n"][0] == 1
    assert isinstance(table["n"][0], int)
    assert table["n"].isna().tolist() == [False, True]
    assert table["x"].isna().tolist() == [False, True]
    assert table["b"].tolist() == [True, False]
    assert table["z"].isna().tolist() == [True, False]


def test_jsonl_keeps_large_whole_numbers(file: Path) -> None:
    table = jsonl(file, '{"id": 9007199254740993}\n{"id": null}\n')
    assert str(table["id"][0]) == "9007199254740993"


def test_jsonl_may_escape_whole_characters(file: Path) -> None:
    assert list(jsonl(file, '{"id": "\\ud83d\\ude00 \\u05d0"}')["id"]) == ["\U0001f600 \u05d0"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"id": 1}\n{"id":', "line 2: is no JSON"),
        ('{"id": 1}\n[1]', r"line 2: got '\[1\]'; wanted a JSON object"),
        ('{"id": NaN}', "NaN is no JSON value; a missing value is null"),
        ("[" * 100_000, "line 1: is no JSON"),
        (
            '{"id": 1}\n{"id": "a\\ud83d b"}',
            r"line 2: holds half of a character, '\\ud83d'",
        ),
        ('{"a\\uDE00": 1}', r"line 1: holds half of a character, '\\ude00'"),
    ],
)
def test_broken_jsonl(file: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        jsonl(file, text)


def test_parquet_keeps_whole_numbers_whole_beside_missing_ones(file: Path) -> None:
    table = parquet(file, {"id": [2**60 + 1, None], "b": [True, None], "s": ["NA", None]})
    assert str(table["id"][0]) == str(2**60 + 1)
    assert table["id"].isna().tolist() == [False, True]
    assert table["b"][0] is True
    assert table["s"].tolist()[0] == "NA"


def test_parquet_dictionaries_and_dates(file: Path) -> None:
    table = parquet(
        file,
        {"c": pa.array(["a", "b", None]).dictionary_encode(), "d": [datetime.date(2024, 1, 2), None, None]},
    )
    assert table["c"].tolist()[:2] == ["a", "b"]
    assert table["d"][0] == pd.Timestamp("2024-01-02")


def test_parquet_index_of_pandas_is_a_column_or_nothing(file: Path) -> None:
    frame = pd.DataFrame({"id": ["a", "b"]}, index=[5, 6])
    frame.to_parquet(file.with_suffix(".parquet"))
    table = read_table(file.with_suffix(".parquet"))
    assert table["id"].tolist() == ["a", "b"]
    assert table.index.equals(pd.RangeIndex(2))


def test_broken_parquet(file: Path) -> None:
    path = file.with_suffix(".parquet")
    path.write_bytes(b"PAR1 but not really PAR1")
    with pytest.raises(DataError, match=r"table\.parquet: (is no Parquet table|cannot be read)"):
        read_table(path)


def test_absent_table_offers_the_nearest_names(tmp_path: Path) -> None:
    (tmp_path / "borders.csv").write_text("a\n")
    with pytest.raises(DataError, match=r"there is no such file\. Did you mean 'borders\.csv'\?"):
        read_table(tmp_path / "boders.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match="is a folder"):
        read_table(tmp_path / "folder.csv")
