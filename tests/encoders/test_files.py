from __future__ import annotations

import numpy as np
import pytest

from mmgraph.data.files import UnreadableFileError
from mmgraph.data.modalities import RawModality
from mmgraph.encoders.files import read_each
from mmgraph.errors import DataError


def paths(folder, number):
    return RawModality("image", np.arange(10, 10 + number), [folder / f"{i}.png" for i in range(number)])


def read(path):
    number = int(path.stem)
    if number % 2:
        raise UnreadableFileError(f"is odd: {number}")
    return np.array([number, -number])


def test_results_are_stacked_in_order(tmp_path, quiet):
    raw = RawModality("image", np.array([0, 1]), [tmp_path / "4.png", tmp_path / "2.png"])
    assert read_each(raw, read, progress=quiet).tolist() == [[4, -4], [2, -2]]


def test_one_file_that_cannot_be_used_is_named_with_its_row(tmp_path, quiet):
    with pytest.raises(DataError) as caught:
        read_each(paths(tmp_path, 2), read, progress=quiet)
    (fault,) = caught.value.faults
    assert fault.where == f"{tmp_path / '1.png'}"
    assert fault.problem == "is odd: 1"
    assert "leave its cell" in fault.fix


def test_many_are_counted_and_the_first_few_named(tmp_path, quiet):
    with pytest.raises(DataError) as caught:
        read_each(paths(tmp_path, 20), read, progress=quiet)
    message = str(caught.value)
    assert "10 of 20 image files cannot be used" in message
    assert all(f"{i}.png: is odd: {i}" in message for i in (3, 5, 7, 9))
    assert "11.png" not in message
    assert message.count("\n") == 0
    assert "and 5 more" in message


def test_every_file_is_told_to_the_progress(tmp_path, capsys):
    from mmgraph.progress import Progress

    raw = RawModality("image", np.array([0, 1]), [tmp_path / "4.png", tmp_path / "2.png"])
    read_each(raw, read, progress=Progress())
    assert "read image files: 2/2" in capsys.readouterr().err


def test_what_was_read_is_described_some_files_at_a_time(tmp_path, quiet):
    sizes = []

    def describe(stacked):
        sizes.append(len(stacked))
        return stacked[:, :1] * 10

    raw = RawModality("image", np.arange(70), [tmp_path / f"{2 * i}.png" for i in range(70)])
    found = read_each(raw, read, describe=describe, progress=quiet)
    assert found[:, 0].tolist() == [20 * i for i in range(70)]
    assert len(sizes) == 2
    assert sum(sizes) == 70
