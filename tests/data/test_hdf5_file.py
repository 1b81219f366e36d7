"""Features in HDF5 files, which lead to no other file."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from mmgraph.data.arrays import read_array
from mmgraph.errors import DataError

VECTORS = np.arange(6, dtype=np.float32).reshape(3, 2)


@pytest.mark.parametrize("name", ["v.h5", "v.hdf5"])
def test_arrays_are_found_in_groups(name: str, tmp_path: Path) -> None:
    with h5py.File(tmp_path / name, "w") as file:
        file.create_dataset("group/vectors", data=VECTORS, compression="gzip", chunks=True)
        file.create_dataset("more", data=VECTORS + 1)
    np.testing.assert_array_equal(read_array(tmp_path / name, key="group/vectors", where="w"), VECTORS)
    with pytest.raises(DataError, match=r"w\.key: is missing.*Name one of them: group/vectors, more"):
        read_array(tmp_path / name, key=None, where="w")
    with pytest.raises(DataError, match=r"Did you mean 'more'\?"):
        read_array(tmp_path / name, key="mor", where="w")


def test_the_only_array_needs_no_key(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["only"] = VECTORS.astype(np.float64)
    assert read_array(tmp_path / "v.h5", key=None, where="w").dtype == np.float64


def test_links_to_other_files_are_not_followed(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["a"] = VECTORS
    (tmp_path / "raw").write_bytes(VECTORS.tobytes())
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["linked"] = h5py.ExternalLink("secret.h5", "a")
        layout = h5py.VirtualLayout(shape=(3, 2), dtype="f4")
        layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "a", shape=(3, 2))
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("outside", (3, 2), "f4", external=[(str(tmp_path / "raw"), 0, 24)])
        file["itself"] = h5py.SoftLink("/")
    with pytest.raises(DataError, match="has no such array"):
        read_array(tmp_path / "v.h5", key="linked", where="w")
    for key in ("virtual", "outside"):
        with pytest.raises(DataError, match="lie in another file, which is not followed"):
            read_array(tmp_path / "v.h5", key=key, where="w")


def test_groups_that_hold_each_other_and_many_names(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["vectors"] = VECTORS
        file["itself"] = file["/"]
        inner = file
        for step in range(1_500):
            inner = inner.create_group("g")
            if step < 40:
                inner["again"] = inner.parent
    np.testing.assert_array_equal(read_array(tmp_path / "v.h5", key=None, where="w"), VECTORS)
    with h5py.File(tmp_path / "w.h5", "w") as file:
        for number in range(10_001):
            file.create_group(str(number))
        file["vectors"] = VECTORS
        file["0/same"] = file["vectors"]
    with pytest.raises(DataError, match="more than 10,000 arrays and groups"):
        read_array(tmp_path / "w.h5", key=None, where="w")
    # Who knows the name needs no look at all of them, and may know any.
    for key in ("vectors", "0/same"):
        np.testing.assert_array_equal(read_array(tmp_path / "w.h5", key=key, where="w"), VECTORS)


def test_what_no_file_could_hold_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file.create_dataset("x", (1_000_000_000, 1_000), "f4", chunks=(1_000, 1_000))
    with pytest.raises(DataError, match="4,000,000,000,000 bytes, more than a file of"):
        read_array(tmp_path / "v.h5", key=None, where="w")


def test_broken_files_text_and_files_without_arrays(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["x"] = VECTORS
    whole = (tmp_path / "v.h5").read_bytes()
    (tmp_path / "v.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cannot be read"):
        read_array(tmp_path / "v.h5", key=None, where="w")
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file.create_dataset("words", data=[["a", "b"]], dtype=h5py.string_dtype())
    with pytest.raises(DataError, match="wanted real numbers"):
        read_array(tmp_path / "t.h5", key=None, where="w")
    with h5py.File(tmp_path / "e.h5", "w"):
        pass
    with pytest.raises(DataError, match=r"e\.h5: holds no array"):
        read_array(tmp_path / "e.h5", key=None, where="w")
