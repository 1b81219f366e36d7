"""Sequences of vectors from arrays and Parquet files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from mmgraph.data.sequences import array_sequences, table_sequences
from mmgraph.errors import DataError

IDS = ["a", "b", "c"]


def from_table(path):
    return table_sequences(
        path, id_column="id", position_column="position", key=None, ids=IDS, where="dataset.yaml: words"
    )


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lengths=st.tuples(*[st.integers(0, 3)] * 3), ending=st.sampled_from([".npz", ".safetensors"]))
def test_arrays_and_tables_say_the_same(tmp_path, lengths, ending):
    total = sum(lengths)
    values = np.arange(2 * total, dtype=np.float32).reshape(total, 2)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    arrays = {"values": values, "offsets": offsets}
    path = tmp_path / f"words{ending}"
    if ending == ".npz":
        np.savez(path, **arrays)
    else:
        save_file(arrays, path)
    found = array_sequences(path, ids=IDS, where="dataset.yaml: words")
    assert found.index.tolist() == [n for n, length in enumerate(lengths) for _ in range(length)]
    assert found.position.tolist() == [p for length in lengths for p in range(length)]
    assert np.array_equal(found.values, values)
    table = pd.DataFrame(
        {"id": np.array(IDS)[found.index], "position": found.position, "x": values[:, 0], "y": values[:, 1]}
    )
    table.sample(frac=1, random_state=1).to_parquet(tmp_path / "words.parquet")
    again = from_table(tmp_path / "words.parquet")
    for name in ("index", "position", "values"):
        assert np.array_equal(getattr(again, name), getattr(found, name)), name


def test_arrays_follow_the_file_of_the_table(tmp_path):
    values = np.arange(4, dtype=np.float32).reshape(4, 1)
    np.savez(tmp_path / "words.npz", values=values, offsets=[0, 1, 3, 4])
    found = array_sequences(
        tmp_path / "words.npz", ids=IDS, rows=np.array([2, 0, 1]), where="dataset.yaml: words"
    )
    assert found.values[:, 0].tolist() == [3, 0, 1, 2]
    assert (found.index.tolist(), found.position.tolist()) == ([0, 1, 2, 2], [0, 0, 0, 1])


def test_the_index_that_pandas_writes_is_no_feature(tmp_path):
    table = pd.DataFrame({"id": ["a", "b"], "position": [0, 0], "x": [1.0, 2.0]})
    table[::-1].to_parquet(tmp_path / "words.parquet")
    assert from_table(tmp_path / "words.parquet").values.tolist() == [[1], [2]]


@pytest.mark.parametrize(
    ("offsets", "message"),
    [
        (
            [0, 1, 2],
            r"got int64 of shape \(3,\); wanted whole numbers of shape \(4,\): one more than there are",
        ),
        ([0, 1, 2, 4], "got numbers from 0 to 4; wanted ones that rise from 0 to 3, the number of values"),
        ([1, 1, 2, 3], "got numbers from 1 to 3"),
        ([0, 2, 1, 3], "wanted ones that rise from 0 to 3"),
        ([0.0, 1.0, 2.0, 3.0], "got float64 of shape"),
    ],
)
def test_offsets_part_the_values(tmp_path, offsets, message):
    np.savez(tmp_path / "words.npz", values=np.ones((3, 2)), offsets=offsets)
    with pytest.raises(DataError, match=message):
        array_sequences(tmp_path / "words.npz", ids=IDS, where="dataset.yaml: words")


def test_arrays_that_are_not_there(tmp_path):
    np.savez(tmp_path / "words.npz", values=np.ones((3, 2)))
    with pytest.raises(DataError, match=r"got 'offsets'; .* has no such array"):
        array_sequences(tmp_path / "words.npz", ids=IDS, where="dataset.yaml: words")
    np.save(tmp_path / "words.npy", np.ones((3, 2)))
    with pytest.raises(DataError, match="sequences need their values and their offsets"):
        array_sequences(tmp_path / "words.npy", ids=IDS, where="dataset.yaml: words")


def test_a_value_that_is_not_finite_is_named_with_its_entity(tmp_path):
    values = np.ones((3, 2))
    values[2, 1] = np.nan
    np.savez(tmp_path / "words.npz", values=values, offsets=[0, 1, 1, 3])
    with pytest.raises(DataError, match=r"values: row 3 \(id 'c'\), dimension 2: got nan"):
        array_sequences(tmp_path / "words.npz", ids=IDS, where="dataset.yaml: words")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": ["a", "a"], "position": [1, 1]}, "got the position 1 of 'a' a second time"),
        (
            {"id": ["a", "a"], "position": [0, -1]},
            r"column 'position', row 2 \(id 'a'\): got -1; wanted a whole",
        ),
        ({"id": ["a", "a"], "position": [0, 0.5]}, "got 0.5; wanted a whole number of at least 0"),
        ({"id": ["a", "x"], "position": [0, 0]}, "got 'x'; the entity table has no such id"),
        ({"id": ["a", "b"], "place": [0, 0]}, "words.position: got 'position'; .* has no such column"),
        ({"id": ["a", "b"], "position": [0, None]}, "got an empty cell; wanted a number"),
    ],
)
def test_faults_of_tables(tmp_path, columns, message):
    pd.DataFrame(columns | {"x": [1.0, 2.0]}).to_parquet(tmp_path / "words.parquet")
    with pytest.raises(DataError, match=message):
        from_table(tmp_path / "words.parquet")


def test_what_a_sequence_does_not_take(shop):
    vectors = {"kind": "features", "file": "vectors.npz", "sequence": True}
    np.savez(shop.folder / "vectors.npz", values=np.ones((24, 2)), offsets=np.arange(25))
    for more, message in (
        ({"present": "has_vector"}, "vector.present: got"),
        ({"key": "x"}, "vector.key: got 'x'"),
    ):
        shop.change_spec("entities.product.modalities.vector", vectors | more)
        with pytest.raises(DataError, match=message):
            shop.open().modality("product", "vector")
    shop.change_spec("entities.product.modalities.vector", vectors)
    assert shop.open().modality("product", "vector").position.tolist() == [0] * 24


def test_several_vectors_without_sequence_are_told_of_it(tmp_path, shop):
    table = pd.DataFrame({"id": ["p01", "p01"], "x": [1.0, 2.0]})
    table.to_parquet(shop.folder / "twice.parquet")
    shop.change_spec("entities.product.modalities.vector", {"kind": "features", "file": "twice.parquet"})
    with pytest.raises(DataError, match="or set `sequence: true`"):
        shop.open().modality("product", "vector")
