"""Feature vectors from files, every value checked."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch_file

from mmgraph.data import arrays
from mmgraph.data.arrays import array_features, read_array, table_features
from mmgraph.errors import DataError

IDS = ["a", "b", "c", "d"]
EVERYTHING = np.arange(4)


@pytest.fixture
def vectors() -> np.ndarray:
    return np.arange(12, dtype=np.float32).reshape(4, 3)


def test_npy_is_memory_mapped_and_not_copied(tmp_path: Path, vectors: np.ndarray) -> None:
    np.save(tmp_path / "v.npy", vectors)
    array = read_array(tmp_path / "v.npy", key=None, where="w")
    features = array_features(array, EVERYTHING, file="v.npy", ids=IDS)
    assert isinstance(features, np.memmap)
    np.testing.assert_array_equal(features, vectors)


@pytest.mark.parametrize("dtype", ["float16", "float64", "int64", "uint8", "bool", ">f4"])
def test_other_numbers_become_float32(tmp_path: Path, vectors: np.ndarray, dtype: str) -> None:
    np.save(tmp_path / "v.npy", vectors.astype(dtype))
    array = read_array(tmp_path / "v.npy", key=None, where="w")
    features = array_features(array, EVERYTHING, file="v.npy", ids=IDS)
    assert features.dtype == np.dtype("float32")
    assert features.dtype.isnative
    np.testing.assert_array_equal(features, vectors.astype(dtype).astype(np.float32))


def test_npz_and_safetensors_by_key(tmp_path: Path, vectors: np.ndarray) -> None:
    np.savez(tmp_path / "v.npz", first=vectors, second=vectors + 1)
    save_file({"first": vectors, "second": vectors + 1}, tmp_path / "v.safetensors")
    for name in ("v.npz", "v.safetensors"):
        np.testing.assert_array_equal(read_array(tmp_path / name, key="second", where="w"), vectors + 1)
        with pytest.raises(DataError, match=r"w\.key: got 'secnd'.*Did you mean 'second'\?"):
            read_array(tmp_path / name, key="secnd", where="w")
        with pytest.raises(
            DataError, match=r"w\.key: is missing.*2 arrays\. Name one of them: first, second"
        ):
            read_array(tmp_path / name, key=None, where="w")


def test_only_array_needs_no_key(tmp_path: Path, vectors: np.ndarray) -> None:
    np.savez(tmp_path / "v.npz", vectors)
    save_file({"x": vectors}, tmp_path / "v.safetensors")
    for name in ("v.npz", "v.safetensors"):
        np.testing.assert_array_equal(read_array(tmp_path / name, key=None, where="w"), vectors)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    objects = np.array([[1, "a"]], dtype=object)
    np.save(tmp_path / "v.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "v.npz", objects)
    for name in ("v.npy", "v.npz"):
        with pytest.raises(DataError, match="Python objects, which are never unpickled"):
            read_array(tmp_path / name, key=None, where="w")


def test_type_without_a_numpy_counterpart(tmp_path: Path) -> None:
    save_torch_file({"x": torch.ones(2, 2, dtype=torch.float8_e4m3fn)}, tmp_path / "v.safetensors")
    with pytest.raises(DataError, match=r"v\.safetensors: (cannot be read|got elements of type)"):
        read_array(tmp_path / "v.safetensors", key=None, where="w")


@pytest.mark.parametrize("name", ["v.npy", "v.npz", "v.safetensors", "v.txt"])
def test_broken_files(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x93NUMPY or something else")
    with pytest.raises(DataError, match=rf"{name}: (cannot be read|has the ending)"):
        read_array(tmp_path / name, key=None, where="w")


def test_cut_npz(tmp_path: Path, vectors: np.ndarray) -> None:
    np.savez(tmp_path / "v.npz", vectors)
    content = bytearray((tmp_path / "v.npz").read_bytes())
    content[140] ^= 255
    (tmp_path / "v.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"v\.npz: cannot be read: .*CRC"):
        read_array(tmp_path / "v.npz", key=None, where="w")


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((12,), "wanted two dimensions"),
        ((2, 3, 2), "wanted two dimensions"),
        ((12, 0), "whose vectors are empty"),
    ],
)
def test_dimensions(tmp_path: Path, shape: tuple[int, ...], message: str) -> None:
    np.save(tmp_path / "v.npy", np.zeros(shape))
    with pytest.raises(DataError, match=message):
        read_array(tmp_path / "v.npy", key=None, where="w")


@pytest.mark.parametrize("dtype", ["complex64", "U3", "datetime64[s]"])
def test_elements_that_are_no_real_numbers(tmp_path: Path, dtype: str) -> None:
    np.save(tmp_path / "v.npy", np.zeros((4, 3)).astype(dtype))
    with pytest.raises(DataError, match="wanted real numbers"):
        read_array(tmp_path / "v.npy", key=None, where="w")


def test_absent_rows_may_hold_anything(vectors: np.ndarray) -> None:
    vectors[1] = np.nan
    present = np.array([0, 2, 3])
    np.testing.assert_array_equal(array_features(vectors, present, file="v", ids=IDS), vectors[present])


def test_first_non_finite_element_is_named_across_blocks(
    vectors: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "_BLOCK", 3)
    vectors[2, 1] = np.nan
    vectors[3, 0] = np.inf
    with pytest.raises(DataError, match=r"^v: row 3 \(id 'c'\), dimension 2: got nan"):
        array_features(vectors, EVERYTHING, file="v", ids=IDS)
    with pytest.raises(DataError, match=r"^v: row 4 \(id 'd'\), dimension 1: got inf"):
        array_features(vectors, np.array([0, 3]), file="v", ids=IDS)


def test_wrong_number_of_rows(vectors: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"^v: got 4 rows; wanted 5, one for each entity"):
        array_features(vectors, EVERYTHING, file="v", ids=[*IDS, "e"])


def table(path: Path, columns: dict[str, object], key: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    pd.DataFrame(columns).to_parquet(path)
    return table_features(path, id_column="id", key=key, ids=IDS, where="w")


def test_table_rows_go_to_their_entities(tmp_path: Path) -> None:
    index, values = table(tmp_path / "t.parquet", {"id": ["d", "b"], "x": [1, 2], "y": [0.5, 1.5]})
    assert index.tolist() == [1, 3]
    assert values.tolist() == [[2, 1.5], [1, 0.5]]
    assert values.dtype == np.float32


def test_table_of_lists(tmp_path: Path) -> None:
    columns = {"id": ["d", "b"], "note": ["x", "y"], "vector": [[1.0, 2.0], [3.0, 4.0]]}
    index, values = table(tmp_path / "t.parquet", columns, key="vector")
    assert index.tolist() == [1, 3]
    assert values.tolist() == [[3, 4], [1, 2]]


def test_ids_of_a_table_are_compared_as_text(tmp_path: Path) -> None:
    pd.DataFrame({"id": [7, 3], "x": [1.0, 2.0]}).to_parquet(tmp_path / "t.parquet")
    index, _ = table_features(tmp_path / "t.parquet", id_column="id", key=None, ids=["3", "7"], where="w")
    assert index.tolist() == [0, 1]


def test_damaged_compressed_npz(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "v.npz", np.random.default_rng(0).integers(0, 9, (2_000, 4)))
    whole = (tmp_path / "v.npz").read_bytes()
    for place in range(100, len(whole) - 200, len(whole) // 20):
        content = bytearray(whole)
        content[place : place + 8] = b"damaged!"
        (tmp_path / "v.npz").write_bytes(content)
        with pytest.raises(DataError, match=r"v\.npz: cannot be read: "):
            read_array(tmp_path / "v.npz", key=None, where="w")


@pytest.mark.parametrize("shape", [(-12, 4), (10**23 - 1, 4), (4 * 10**12, 4)])
@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_headers_that_cannot_be_true(tmp_path: Path, shape: tuple[int, int], ending: str) -> None:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    path = tmp_path / f"v.{ending}"
    if ending == "npy":
        path.write_bytes(file.getvalue())
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("v.npy", file.getvalue())
    with pytest.raises(DataError, match=rf"v\.{ending}: cannot be read: "):
        read_array(path, key=None, where="w")


@pytest.mark.parametrize(
    ("columns", "key", "message"),
    [
        ({"id": ["a", None], "x": [1, 2]}, None, r"column 'id', row 2: got an empty cell; wanted an id"),
        ({"id": ["a", "z"], "x": [1, 2]}, None, r"column 'id', row 2: got 'z'; the entity table has no"),
        ({"id": ["a", "a"], "x": [1, 2]}, None, r"column 'id', row 2: got 'a' for a second time"),
        ({"id": ["a", "b"], "x": [1, np.inf]}, None, r"column 'x', row 2 \(id 'b'\): got inf"),
        ({"id": ["a", "b"]}, None, "holds no column but the ids"),
        ({"key": ["a", "b"], "x": [1, 2]}, None, r"w\.id: got 'id'; .* has no such column"),
        ({"id": ["a", "b"], "v": [[1.0], [1.0, 2.0]]}, "v", r"row 2 \(id 'b'\): got 2 numbers; wanted 1"),
        ({"id": ["a", "b"], "v": [[1.0], None]}, "v", r"row 2 \(id 'b'\): got None; wanted a list"),
        ({"id": ["a", "b"], "v": [["x"], ["y"]]}, "v", "something else than numbers"),
        ({"id": ["a", "b"], "v": [["1"], ["2"]]}, "v", "something else than numbers"),
        ({"id": ["a", "b"], "v": [[datetime(2020, 1, 1)]] * 2}, "v", "something else than numbers"),
        ({"id": ["b", "a"], "v": [[1.0], [np.nan]]}, "v", r"row 2 \(id 'a'\), dimension 1: got nan"),
        ({"id": ["a", "b"], "v": [1, 2]}, "w", r"w\.key: got 'w'"),
    ],
)
def test_faulty_tables(tmp_path: Path, columns: dict[str, object], key: str | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        table(tmp_path / "t.parquet", columns, key)
