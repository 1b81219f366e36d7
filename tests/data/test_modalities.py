"""Who has a modality, and what they have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pydantic import TypeAdapter, ValidationError

from mmgraph.data.entity_table import EntityTable
from mmgraph.data.modalities import RawModality, read_modality
from mmgraph.data.modality_spec import Modality
from mmgraph.errors import DataError


def read(cells: dict[str, Any], folder: Path, **spec: Any) -> RawModality:
    frame = pd.DataFrame(cells)
    ids = [f"i{row}" for row in range(len(frame))]
    modality: Modality = TypeAdapter(Modality).validate_python(spec)
    return read_modality(
        modality, EntityTable(frame, pa.array(ids, pa.large_string()), "t.csv"), folder, where="w"
    )


def test_text_without_content_is_missing(tmp_path: Path) -> None:
    raw = read({"t": ["a", None, "", "  \n", "b c"]}, tmp_path, kind="text", column="t")
    assert raw.index.tolist() == [0, 4]
    assert raw.values == ["a", "b c"]
    assert raw.index.dtype == np.int64


@pytest.mark.parametrize(
    "spec", [{"kind": "text", "column": "t"}, {"kind": "tabular", "columns": {"t": "text"}}]
)
def test_a_text_that_is_too_long_is_refused_with_its_row_and_length(spec: Any, tmp_path: Path) -> None:
    longest = "\u05d0" * 1_000_000
    assert len(read({"t": [longest, "b"]}, tmp_path, **spec)) == 2
    with pytest.raises(DataError) as caught:
        read({"t": ["a", longest + "a", longest + longest]}, tmp_path, **spec)
    assert str(caught.value) == (
        "t.csv: column 't', row 2 (id 'i1'): got a text of 1,000,001 characters; wanted at most "
        "1,000,000 (also in row 3). Shorten the text, cut it into several entities, or leave the cell empty."
    )


def test_files(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"a")
    raw = read({"f": [None, "a.wav"]}, tmp_path, kind="audio", column="f")
    assert (raw.kind, raw.index.tolist(), raw.values) == ("audio", [1], [tmp_path / "a.wav"])


def test_tabular_is_missing_where_all_columns_are(tmp_path: Path) -> None:
    columns = {"n": ["1", "", None, "4"], "c": ["NA", "", "y", ""], "d": ["2024", None, "", "2023-05-01"]}
    kinds = {"n": "numeric", "c": "categorical", "d": "date"}
    raw = read(columns, tmp_path, kind="tabular", columns=kinds)
    assert raw.index.tolist() == [0, 2, 3]
    assert raw.columns == kinds
    assert isinstance(raw.values, pd.DataFrame)
    assert raw.values.index.equals(pd.RangeIndex(3))
    np.testing.assert_array_equal(raw.values["n"], [1, np.nan, 4])
    assert raw.values["c"].tolist() == ["NA", "y", None]
    assert raw.values["d"].isna().tolist() == [False, True, False]
    assert pd.api.types.is_datetime64_any_dtype(raw.values["d"])


def test_ranks_places_and_texts_of_a_table(tmp_path: Path) -> None:
    cells = {"s": ["2", None, "10"], "y": [52.5, "", "-33"], "x": ["13", None, 151], "t": ["a b", "", None]}
    kinds = {"s": {"kind": "ordinal", "order": [2, 5, 10]}, "y": "latitude", "x": "longitude", "t": "text"}
    raw = read(cells, tmp_path, kind="tabular", columns=kinds)
    assert raw.index.tolist() == [0, 2]
    assert raw.columns == {"s": "ordinal", "y": "latitude", "x": "longitude", "t": "text"}
    assert isinstance(raw.values, pd.DataFrame)
    assert raw.values["s"].dtype == pd.CategoricalDtype(["2", "5", "10"], ordered=True)
    assert raw.values["s"].cat.codes.tolist() == [0, 2]
    assert raw.values["t"].tolist() == ["a b", None]


@pytest.mark.parametrize(
    ("cells", "kinds", "said"),
    [
        (
            {"s": ["S", "XL"]},
            {"s": {"kind": "ordinal", "order": ["S", "M"]}},
            "got 'XL'; wanted one of 'S', 'M'",
        ),
        ({"y": [91], "x": [0]}, {"y": "latitude", "x": "longitude"}, "a number from -90 to 90"),
        ({"y": [1, 2], "x": [3, None]}, {"y": "latitude", "x": "longitude"}, "column 'x', row 2"),
    ],
)
def test_ranks_and_places_that_cannot_be(
    cells: dict[str, Any], kinds: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=said):
        read(cells, tmp_path, kind="tabular", columns=kinds)


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ({"s": {"kind": "ordinal", "order": ["S", "M", "S"]}}, "'S' stands there more than once"),
        ({"y": "latitude"}, "got latitude 1 and longitude 0 times; a place has both"),
    ],
)
def test_columns_that_are_not_whole(kinds: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=said):
        read({"s": ["S"], "y": [1]}, tmp_path, kind="tabular", columns=kinds)


def test_all_columns_of_a_tabular_modality_are_checked_together(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(
            {"n": ["x"], "d": ["y"]},
            tmp_path,
            kind="tabular",
            columns={"n": "numeric", "d": "date", "z": "numeric"},
        )
    assert len(caught.value.faults) == 3


def test_array_rows_that_are_present(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.array([[1.0], [np.nan], [3.0]]))
    raw = read({"has": ["true", "false", "true"]}, tmp_path, kind="features", file="v.npy", present="has")
    assert raw.index.tolist() == [0, 2]
    assert isinstance(raw.values, np.ndarray)
    assert raw.values.tolist() == [[1], [3]]


def test_parquet_features_know_who_is_present(tmp_path: Path) -> None:
    pd.DataFrame({"id": ["i2"], "x": [5.0]}).to_parquet(tmp_path / "v.parquet")
    raw = read({"has": ["true"] * 3}, tmp_path, kind="features", file="v.parquet")
    assert raw.index.tolist() == [2]
    with pytest.raises(DataError, match=r"w\.present: got 'has', but in a Parquet file the ids say"):
        read({"has": ["true"] * 3}, tmp_path, kind="features", file="v.parquet", present="has")


def test_modality_that_nobody_has(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^w: no entity of t\.csv has this modality"):
        read({"t": [None, ""]}, tmp_path, kind="text", column="t")
