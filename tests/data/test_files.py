"""Files of a dataset stay inside its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmgraph.data.files import file_inside, raw_file_faults
from mmgraph.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    (folder / "images").mkdir(parents=True)
    (folder / "images/a.png").write_bytes(b"a")
    (tmp_path / "secret").write_bytes(b"s")
    return folder


def test_sound_files(folder: Path) -> None:
    (folder / "b.png").symlink_to(folder / "images/a.png")
    assert raw_file_faults(folder, ["images/a.png", "b.png", "images/../images/a.png", "./b.png"]) == []
    assert file_inside(folder, "images/a.png", where="w") == folder / "images/a.png"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("../secret", "the path leaves the folder of the dataset"),
        ("images/../../secret", "the path leaves the folder of the dataset"),
        ("/etc/hosts", "the path leaves the folder of the dataset"),
        ("images/b.png", "there is no such file"),
        ("elsewhere/b.png", "there is no such file"),
        ("images", "it is no file"),
        ("images/a.png/b", "there is no such file"),
        ("..", "it is no file"),
        ("a\0b", "the path holds a zero byte"),
        ("x" * 5000, "there is no such file"),
    ],
)
def test_faulty_files(folder: Path, name: str, problem: str) -> None:
    assert raw_file_faults(folder, ["images/a.png", name]) == [(1, problem)]


def test_absolute_paths_are_refused_even_inside(folder: Path) -> None:
    (problem,) = raw_file_faults(folder, [str(folder / "images/a.png")])
    assert problem == (0, "the path leaves the folder of the dataset")


def test_a_folder_that_nobody_may_look_into(folder: Path, monkeypatch) -> None:
    def refused(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("mmgraph.data.files.os.lstat", refused)
    assert raw_file_faults(folder, ["images/a.png"]) == [(0, "its folder may not be looked into")]


def test_links_that_leave_the_folder(folder: Path) -> None:
    (folder / "link.png").symlink_to(folder.parent / "secret")
    (folder / "out").symlink_to(folder.parent)
    (folder / "dangling").symlink_to("nowhere")
    (folder / "loop").symlink_to("loop")
    assert raw_file_faults(folder, ["link.png", "out/secret", "dangling", "loop"]) == [
        (0, "the link leaves the folder of the dataset"),
        (1, "the path leaves the folder of the dataset"),
        (2, "there is no such file"),
        (3, "there is no such file"),
    ]
    with pytest.raises(DataError, match="leaves the folder"):
        file_inside(folder, "out/secret", where="w")


def test_file_inside_names_the_key_and_the_nearest_file(folder: Path) -> None:
    with pytest.raises(DataError, match=r"^dataset\.yaml: x: got 'images/b\.png'; there is no such file"):
        file_inside(folder, "images/b.png", where="dataset.yaml: x")
