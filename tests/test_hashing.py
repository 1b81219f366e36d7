"""Hashes depend on content alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmgraph.hashing import Hasher


def test_hash_is_the_same_on_every_machine(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"content")
    array = np.arange(6, dtype="<f4").reshape(2, 3)
    hasher = Hasher().text("a").json({"b": [1, 2.5, None]}).array(array).file(tmp_path / "f").bytes(b"\0")
    assert hasher.hexdigest() == "69b22fec809aa4629b35a614b2122fd6"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Hasher().text("ab").text("c"), Hasher().text("a").text("bc")),
        (Hasher().json({"a": 1}), Hasher().json({"a": "1"})),
        (Hasher().json([1, 2]), Hasher().json([2, 1])),
        (Hasher().array(np.zeros((2, 3))), Hasher().array(np.zeros((3, 2)))),
        (Hasher().array(np.zeros(2, "f4")), Hasher().array(np.zeros(2, "i4"))),
        (Hasher().array(np.array([1, 2])), Hasher().array(np.array([2, 1]))),
        (Hasher().text(""), Hasher()),
    ],
)
def test_other_content_has_another_hash(one: Hasher, other: Hasher) -> None:
    assert one.hexdigest() != other.hexdigest()


def test_order_of_keys_and_layout_of_arrays_do_not_count() -> None:
    assert Hasher().json({"a": 1, "b": 2}).hexdigest() == Hasher().json({"b": 2, "a": 1}).hexdigest()
    array = np.arange(6).reshape(2, 3)
    assert Hasher().array(array).hexdigest() == Hasher().array(np.asfortranarray(array)).hexdigest()
    assert Hasher().array(array[:, ::2]).hexdigest() == Hasher().array(array[:, ::2].copy()).hexdigest()


def test_files_by_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 3_000_000)
    (tmp_path / "b").write_bytes(b"x" * 3_000_000)
    (tmp_path / "c").write_bytes(b"x" * 2_999_999 + b"y")
    one, same, other = (Hasher().file(tmp_path / name).hexdigest() for name in "abc")
    assert one == same != other
