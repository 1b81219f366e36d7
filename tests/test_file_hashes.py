"""Hashes that are kept: of the content, and of the present one."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save

from mmgraph import file_hashes
from mmgraph.file_hashes import FileHashes
from mmgraph.hashing import Hasher


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file that was written long ago."""
    path = tmp_path / "table.csv"
    path.write_text("one")
    return path


@pytest.fixture
def reads(monkeypatch) -> list[Path]:
    """The files that are read."""
    read: list[Path] = []

    class Counting(Hasher):
        def file(self, path: Path) -> Hasher:
            read.append(path)
            return super().file(path)

    monkeypatch.setattr(file_hashes, "Hasher", Counting)
    return read


def test_a_file_that_nobody_touched_is_read_once(
    old: Path, reads: list[Path], tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(file_hashes, "_TICK", -1)
    first = FileHashes(tmp_path / "kept").get(old)
    assert FileHashes(tmp_path / "kept").get(old) == first == Hasher().file(old).hexdigest()
    assert len(reads) == 1


def test_a_file_of_just_now_is_read_again(old: Path, reads: list[Path], tmp_path: Path) -> None:
    hashes = FileHashes(tmp_path / "kept")
    assert hashes.get(old) == hashes.get(old)
    assert len(reads) == 2


def test_other_content_of_the_same_size_and_time_has_another_hash(
    old: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(file_hashes, "_TICK", -1)
    hashes = FileHashes(tmp_path / "kept")
    first, stat = hashes.get(old), old.stat()
    old.write_text("two")
    os.utime(old, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert hashes.get(old) != first


def test_what_cannot_be_kept_or_read_is_worked_out(old: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(file_hashes, "_TICK", -1)
    kept = tmp_path / "kept"
    true = FileHashes(kept).get(old)
    for place in kept.iterdir():
        place.write_text("nonsense")
    assert FileHashes(kept).get(old) == true
    blocked = tmp_path / "blocked"
    blocked.write_text("no folder")
    assert FileHashes(blocked).get(old) == true
    with pytest.raises(OSError, match="gone"):
        FileHashes(kept).get(tmp_path / "gone.csv")


def test_one_file_of_many_that_changed_is_read(tmp_path: Path, reads: list[Path], monkeypatch) -> None:
    monkeypatch.setattr(file_hashes, "_TICK", -1)
    paths = [tmp_path / folder / f"{n}.png" for folder in ("a", "b") for n in range(3)]
    for number, path in enumerate(paths):
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"picture {number}")
    first = FileHashes(tmp_path / "kept").of(paths)
    assert first == [Hasher().file(path).digest() for path in paths]
    assert len(list((tmp_path / "kept").iterdir())) == 2, "one for each folder"
    reads.clear()
    paths[4].write_text("another picture")
    again = FileHashes(tmp_path / "kept").of([*paths, paths[0]])
    assert reads == [paths[4]]
    assert [a == b for a, b in zip(first, again, strict=False)] == [True] * 4 + [False, True]
    assert again[-1] == first[0]


def test_a_file_that_is_asked_for_twice_is_read_once(old: Path, reads: list[Path], tmp_path: Path) -> None:
    first, second = FileHashes(tmp_path / "kept").of([old, old])
    assert first == second == Hasher().file(old).digest()
    assert len(reads) == 1


def test_names_without_a_folder_are_those_of_the_present_one(
    old: Path, reads: list[Path], tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(file_hashes, "_TICK", -1)
    monkeypatch.chdir(tmp_path)
    first = FileHashes(tmp_path / "kept").get(Path(old.name))
    assert FileHashes(tmp_path / "kept").get(old) == first
    assert len(reads) == 1


def test_what_is_kept_in_another_form_is_not_believed(old: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(file_hashes, "_TICK", -1)
    true = FileHashes(tmp_path / "kept").get(old)
    (place,) = (tmp_path / "kept").iterdir()
    whole = load(place.read_bytes())
    damaged: list[dict[str, object]] = [
        {name: whole[name] for name in whole if name != left} for left in whole
    ]
    damaged += [whole | {name: np.zeros_like(whole[name])} for name in ("hashes", "check")]
    damaged += [whole | {name: whole[name][:0]} for name in whole]
    for arrays in damaged:
        place.write_bytes(save(arrays))
        assert FileHashes(tmp_path / "kept").get(old) == true == Hasher().file(old).hexdigest()


def test_some_of_the_files_of_several_folders_are_known_from_all(
    tmp_path: Path, reads: list[Path], monkeypatch
) -> None:
    monkeypatch.setattr(file_hashes, "_TICK", -1)
    paths = [tmp_path / place for place in ("a/1", "a/b/2", "c/3", "4")]
    for path in paths:
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(path.name)
    hashes = FileHashes(tmp_path / "kept")
    whole = hashes.of(paths)
    assert len(reads) == 4
    assert [hashes.of([path]) for path in paths] == [[each] for each in whole]
    assert hashes.of(paths[2:]) == whole[2:]
    assert hashes.of([]) == []
    assert len(reads) == 4


def test_hashes_are_kept_while_others_are_worked_out(tmp_path: Path, reads: list[Path], monkeypatch) -> None:
    monkeypatch.setattr(file_hashes, "_TICK", -1)
    monkeypatch.setattr(file_hashes, "_SECONDS", -1)
    paths = [tmp_path / str(number) for number in range(3)]
    for path in paths[:2]:
        path.write_text(path.name)
    with pytest.raises(FileNotFoundError):
        FileHashes(tmp_path / "kept").of(paths)
    FileHashes(tmp_path / "kept").of(paths[:2])
    assert len(reads) == 2


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this system has no such names")
    (folder / "one").write_text("one")
    assert FileHashes(tmp_path / "kept").get(folder / "one") == Hasher().file(folder / "one").hexdigest()


def test_a_file_that_took_the_place_of_another_is_read(old: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(file_hashes, "_TICK", -1)
    other = tmp_path / "other.csv"
    other.write_text("two")
    hashes = FileHashes(tmp_path / "kept")
    first, second = hashes.of([old, other])
    stat = old.stat()
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(old)
    assert hashes.of([old]) == [second] != [first]
