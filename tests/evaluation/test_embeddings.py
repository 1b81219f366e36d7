"""Vectors with their ids as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

from mmgraph.errors import ConfigError
from mmgraph.evaluation.embeddings import check_target, write_embeddings

IDS = ["a", "b,c", "ü"]
VECTORS = np.arange(6, dtype=np.float32).reshape(3, 2)


def test_parquet_round_trip(tmp_path: Path) -> None:
    (file,) = write_embeddings(tmp_path / "v.parquet", IDS, VECTORS)
    table = pd.read_parquet(file)
    assert list(table["id"]) == IDS
    np.testing.assert_array_equal(np.stack(table["embedding"].tolist()), VECTORS)


def test_many_vectors_are_written_some_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmgraph.evaluation.embeddings._AT_A_TIME", 2)
    (file,) = write_embeddings(tmp_path / "v.parquet", IDS, VECTORS)
    assert pyarrow.parquet.ParquetFile(file).num_row_groups == 2
    table = pd.read_parquet(file)
    assert list(table["id"]) == IDS
    np.testing.assert_array_equal(np.stack(table["embedding"].tolist()), VECTORS)


def test_npy_round_trip_with_ids_beside(tmp_path: Path) -> None:
    array, names = write_embeddings(tmp_path / "v.npy", IDS, VECTORS)
    np.testing.assert_array_equal(np.load(array, allow_pickle=False), VECTORS)
    assert list(pd.read_csv(names)["id"]) == IDS


def test_refuses_other_endings_and_files_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.parquet or \.npy"):
        check_target(tmp_path / "v.csv", overwrite=False)
    (tmp_path / "v.ids.csv").write_text("mine")
    with pytest.raises(ConfigError, match=r"v\.ids\.csv: is there already"):
        check_target(tmp_path / "v.npy", overwrite=False)
    check_target(tmp_path / "v.npy", overwrite=True)
