"""Folders and files are there whole or not at all."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from mmgraph.atomic import atomic_folder, atomic_write, put_in_place, require_place
from mmgraph.errors import UserError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def fill(folder: Path, text: str = "new") -> None:
    (folder / "manifest.json").write_text(text)


def make(path: Path, text: str, *, overwrite: bool = False, stop: BaseException | None = None) -> None:
    with atomic_folder(path, marker="manifest.json", overwrite=overwrite) as new:
        fill(new, text)
        if stop is not None:
            raise stop


def test_folder_appears_once_it_is_whole(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "a/graph", marker="manifest.json") as new:
        fill(new)
        assert not (tmp_path / "a/graph").exists()
    assert names(tmp_path / "a") == ["graph"]
    assert names(tmp_path / "a/graph") == ["manifest.json"]


def test_folder_is_readable_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with atomic_folder(tmp_path / "graph", marker="manifest.json") as new:
            fill(new)
        atomic_write(tmp_path / "file", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "graph").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_failure_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error):
        make(tmp_path / "graph", "new", stop=error())
    assert names(tmp_path) == []


def test_failure_leaves_the_old_one(tmp_path: Path) -> None:
    make(tmp_path / "graph", "old")
    with pytest.raises(ValueError, match="stop"):
        make(tmp_path / "graph", "new", overwrite=True, stop=ValueError("stop"))
    assert names(tmp_path) == ["graph"]
    assert (tmp_path / "graph/manifest.json").read_text() == "old"


def test_failed_exchange_puts_the_old_one_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "graph", "old")
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if ".new-" in self.name:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "graph", "new", overwrite=True)
    assert names(tmp_path) == ["graph"]
    assert (tmp_path / "graph/manifest.json").read_text() == "old"


def test_overwrite(tmp_path: Path) -> None:
    for text in ("old", "new"):
        with atomic_folder(tmp_path / "graph", marker="manifest.json", overwrite=True) as new:
            fill(new, text)
            (new / text).touch()
    assert names(tmp_path) == ["graph"]
    assert names(tmp_path / "graph") == ["manifest.json", "new"]


def test_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "graph").mkdir()
    with atomic_folder(tmp_path / "graph", marker="manifest.json") as new:
        fill(new)
    assert names(tmp_path / "graph") == ["manifest.json"]


def test_earlier_folder_is_replaced_only_when_asked(tmp_path: Path) -> None:
    make(tmp_path / "graph", "old")
    with pytest.raises(UserError, match=r"graph: is there already\. .*--overwrite"):
        make(tmp_path / "graph", "new")
    assert names(tmp_path) == ["graph"]
    assert (tmp_path / "graph/manifest.json").read_text() == "old"


@pytest.mark.parametrize("overwrite", [True, False])
def test_other_peoples_files_are_never_replaced(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/holiday.jpg").touch()
    (tmp_path / "letter").write_text("dear")
    for name in ("photos", "letter"):
        with pytest.raises(UserError, match=r"holds no manifest\.json, so it is not mmgraph's to replace"):
            make(tmp_path / name, "new", overwrite=overwrite)
    assert (tmp_path / "photos/holiday.jpg").exists()


def test_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"graph: cannot be written: (Not a directory|File exists)"):
        make(tmp_path / "file/graph", "new")
    with pytest.raises(UserError, match="cannot be written"):
        atomic_write(tmp_path / "file/x", "text")


def test_two_writers_of_one_place(tmp_path: Path) -> None:
    """The slower one is told so, and the faster one's folder stays whole."""

    def slow() -> None:
        with atomic_folder(tmp_path / "graph", marker="manifest.json") as new:
            fill(new, "slow")
            make(tmp_path / "graph", "fast")

    with pytest.raises(UserError, match="graph: is there already"):
        slow()
    assert names(tmp_path) == ["graph"]
    assert (tmp_path / "graph/manifest.json").read_text() == "fast"


def test_a_folder_may_be_made_in_another(tmp_path: Path) -> None:
    path, other = tmp_path / "graph", tmp_path / "other"
    other.mkdir()
    make(path, "old")
    with atomic_folder(path, marker="manifest.json", overwrite=True, inside=other) as folder:
        assert folder.parent == other
        fill(folder)
        assert names(tmp_path) == ["graph", "other"]
    assert (path / "manifest.json").read_text() == "new"
    assert names(other) == []


def test_a_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []

    def fsync(handle: int) -> None:
        synced.append((stat.S_ISDIR(os.fstat(handle).st_mode), (tmp_path / "a").exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    atomic_write(tmp_path / "a", "content", sync=True)
    assert synced == [(False, False), (True, True)]
    atomic_write(tmp_path / "b", "content")
    assert len(synced) == 2


def test_write(tmp_path: Path) -> None:
    atomic_write(tmp_path / "a/file", "naïve\n")
    assert (tmp_path / "a/file").read_bytes() == "naïve\n".encode()
    atomic_write(tmp_path / "a/file", b"\x00")
    assert (tmp_path / "a/file").read_bytes() == b"\x00"
    assert names(tmp_path / "a") == ["file"]


def test_readers_never_see_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    texts = {letter * 200_000 for letter in "ab"}
    atomic_write(path, min(texts))
    seen: set[str] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(path.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(50):
        for text in texts:
            atomic_write(path, text)
    done.set()
    reader.join()
    assert seen <= texts


def test_a_place_that_cannot_be_written_is_known_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    make(tmp_path / "there", "old")
    for path, problem in (("file/new", "is no folder"), ("there", "is there already"), ("file", "holds no")):
        with pytest.raises(UserError, match=problem):
            require_place(tmp_path / path, marker="manifest.json")
    before = names(tmp_path)
    require_place(tmp_path / "a" / "b", marker="manifest.json")
    require_place(tmp_path / "there", marker="manifest.json", overwrite=True)
    assert names(tmp_path) == before


def test_a_folder_that_grew_beside_its_place_is_put_there(tmp_path: Path) -> None:
    new, path = tmp_path / "out.unfinished", tmp_path / "out"
    for content in ("one", "two"):
        new.mkdir()
        (new / "marker.json").write_text(content)
        if content == "two":
            with pytest.raises(UserError, match="is there already"):
                put_in_place(new, path, marker="marker.json")
            assert (path / "marker.json").read_text() == "one"
        put_in_place(new, path, marker="marker.json", overwrite=content == "two")
        assert (path / "marker.json").read_text() == content
    assert [item.name for item in tmp_path.iterdir()] == ["out"]
