from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pytest

from mmgraph import file_hashes
from mmgraph.data.pairs import Pair
from mmgraph.data.regions import Regions
from mmgraph.encoders import HOG, FeatureCache, HashedNGrams, cache, encode
from mmgraph.encoders.broken_items import BrokenItemsError
from mmgraph.encoders.cache import item_keys, maker_key
from mmgraph.encoders.shelf import Shelf
from mmgraph.errors import DataError
from mmgraph.file_hashes import FileHashes
from mmgraph.paths import home
from mmgraph.progress import Progress

TEXTS = [f"text {number}" for number in range(40)]
QUIET = Progress(quiet=True)


class Counter:
    """Describes texts by their length and last character, and counts what it is asked for."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, raw) -> np.ndarray:
        self.seen += raw.values
        return np.array([[len(text), ord(text[-1])] for text in raw.values], dtype=np.float32)


def asked(folder, items, counter, **options):
    kept = FeatureCache(folder)
    rows = kept.description(HashedNGrams(), "hashed_ngrams", items, counter, progress=QUIET, **options)
    return rows, kept


def test_each_item_is_described_once(tmp_path, raw):
    counter = Counter()
    rows, kept = asked(tmp_path, raw("text", TEXTS + TEXTS[:5]), counter)
    assert sorted(counter.seen) == sorted(TEXTS)
    assert (kept.described, kept.distinct, kept.found) == (40, 40, False)
    np.testing.assert_array_equal(rows, Counter()(raw("text", TEXTS + TEXTS[:5])))
    again, kept = asked(tmp_path, raw("text", TEXTS[::-1]), counter)
    assert kept.found
    assert len(counter.seen) == 40
    np.testing.assert_array_equal(again, rows[:40][::-1])
    assert again.dtype == np.float32


def test_one_that_changed_costs_one(tmp_path, raw):
    asked(tmp_path, raw("text", TEXTS), Counter())
    counter = Counter()
    rows, _ = asked(tmp_path, raw("text", [*TEXTS[:7], "another", *TEXTS[8:]]), counter)
    assert counter.seen == ["another"]
    assert rows[7].tolist() == [7, ord("r")]


def test_all_at_once_is_one_part(tmp_path, raw):
    parts = []

    def describe(some):
        parts.append(len(some))
        return Counter()(some)

    asked(tmp_path / "a", raw("text", TEXTS), describe)
    assert parts == [16, 24]
    asked(tmp_path / "b", raw("text", TEXTS), describe, at_once=True)
    assert parts[2:] == [40]


def test_parts_take_some_seconds(tmp_path, raw, monkeypatch):
    clock = iter(range(0, 10_000, 6))
    monkeypatch.setattr(cache.time, "monotonic", lambda: float(next(clock)))
    parts = []

    def describe(some):
        parts.append(len(some))
        return Counter()(some)

    asked(tmp_path, raw("text", TEXTS), describe)
    assert parts == [16, 8, 4, 2, 1] + [1] * 9, "each takes six seconds, and three are wanted"


@dataclass(kw_only=True, eq=False)
class Killed(HashedNGrams):
    def describe(self, raw, progress):
        if len(raw) > 16:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().describe(raw, progress)


def _encode(folder, items) -> None:
    encoder = Killed()
    FeatureCache(folder).description(
        encoder, "killed", items, lambda some: encoder.describe(some, QUIET), progress=QUIET
    )


def test_after_a_kill_it_goes_on_where_it_was(tmp_path, raw):
    items = raw("text", TEXTS)
    process = multiprocessing.get_context("fork").Process(target=_encode, args=(tmp_path, items))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    parts = []

    def describe(some):
        parts.append(len(some))
        return HashedNGrams().describe(some, QUIET)

    rows = FeatureCache(tmp_path).description(Killed(), "killed", items, describe, progress=QUIET)
    assert parts == [16, 8]
    assert rows.tobytes() == HashedNGrams().describe(items, QUIET).tobytes()


@pytest.mark.parametrize("content", [b"", b"x" * 1000, None])
def test_a_damaged_file_is_computed_anew(content, tmp_path, raw):
    asked(tmp_path, raw("text", TEXTS), Counter(), at_once=True)
    (file,) = tmp_path.rglob("*.safetensors")
    file.write_bytes(file.read_bytes()[:-7] if content is None else content)
    counter = Counter()
    asked(tmp_path, raw("text", TEXTS), counter, at_once=True)
    assert len(counter.seen) == 40
    asked(tmp_path, raw("text", TEXTS), counter)
    assert len(counter.seen) == 40


def test_where_nothing_can_be_kept_the_work_goes_on_and_says_so_once(tmp_path, capsys, raw):
    (tmp_path / "file").write_text("in the way")
    kept = FeatureCache(tmp_path / "file")
    rows = kept.description(HashedNGrams(), "n", raw("text", TEXTS), Counter(), progress=Progress())
    assert len(rows) == 40
    told = capsys.readouterr().err
    assert told.count("not cached") == 1
    assert "MMGRAPH_HOME" in told
    assert "--out" not in told


def test_what_a_kill_left_of_files_is_removed_after_a_day(tmp_path, raw):
    old, new = (tmp_path / f".{name}.safetensors.5cyscwsm" for name in ("old", "new"))
    shelf = Shelf(tmp_path)
    shelf.add([bytes(16)], np.ones((1, 3)))
    for file in (old, new):
        file.write_bytes(b"half of a fi")
    os.utime(old, (0, 0))
    shelf.tidy()
    assert (old.exists(), new.exists()) == (False, True)
    assert not shelf.read().lacking({bytes(16)})


def test_a_file_that_is_gone_when_it_is_read_is_told_once_all_others_are_kept(
    tmp_path, raw, image_file, gradient
):
    files = [image_file(f"{n}.png", gradient[: 10 + n]) for n in range(4)]
    files[3].write_bytes(b"no image")
    files[1].unlink()
    seen = []

    def describe(some):
        seen.extend(path.name for path in some.values)
        return HOG().describe(some, QUIET)

    kept = FeatureCache(tmp_path / "kept")
    with pytest.raises(BrokenItemsError) as caught:
        kept.description(HOG(), "hog", raw("image", files), describe, progress=QUIET)
    assert set(caught.value.problems) == {1, 3}
    assert "1.png: cannot be opened: No such file" in str(caught.value)
    assert "(2 of 4 image files cannot be used, also" in str(caught.value)
    seen.clear()
    rows = kept.description(HOG(), "hog", raw("image", [files[0], files[2]]), describe, progress=QUIET)
    assert (len(rows), seen) == (2, [])


def test_it_lies_in_mmgraphs_own_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("MMGRAPH_HOME", str(tmp_path))
    assert FeatureCache().folder == tmp_path / "features" == home() / "features"


def test_many_small_files_become_one(tmp_path):
    shelf = Shelf(tmp_path)
    keys = [bytes([number] * 16) for number in range(20)]
    for number, key in enumerate(keys):
        shelf.add([key], np.full((1, 3), number, dtype=np.float16))
    shelf.tidy()
    assert len(list(tmp_path.iterdir())) == 1
    found = shelf.read().of(keys, "here")
    assert found.tolist() == [[number] * 3 for number in range(20)]
    assert found.dtype == np.float16


def test_what_becomes_one_file_is_about_as_large_as_a_file_is_to_be(tmp_path, monkeypatch):
    monkeypatch.setattr("mmgraph.encoders.shelf._SMALL", 10_000)
    shelf = Shelf(tmp_path)
    keys = [bytes([number] * 16) for number in range(100)]
    for key in keys:
        shelf.add([key], np.full((1, 100), key[0], np.int64))
    shelf.tidy()
    sizes = sorted(file.stat().st_size for file in tmp_path.iterdir())
    assert len(sizes) == 10
    assert all(8_000 < size < 12_000 for size in sizes[1:])
    assert shelf.read().of(keys, "here")[:, 0].tolist() == list(range(100))


def test_what_becomes_one_file_stays_in_the_order_in_which_it_was_made(tmp_path):
    shelf = Shelf(tmp_path)
    keys = [bytes([number] * 16) for number in range(8)]
    for key in keys:
        before = set(tmp_path.iterdir())
        shelf.add([key], np.full((1, 3), key[0]))
        (file,) = set(tmp_path.iterdir()) - before
        os.utime(file, (key[0], key[0]))
    shelf.tidy()
    assert len(list(tmp_path.iterdir())) == 1
    assert list(shelf.read()) == keys


def test_files_of_a_shape_each_are_not_written_again(tmp_path):
    shelf = Shelf(tmp_path)
    for number in range(6):
        shelf.add([bytes([number] * 16)], np.full((1, 2 + number), number))
    before = {file: file.stat().st_ino for file in tmp_path.iterdir()}
    shelf.tidy()
    assert {file: file.stat().st_ino for file in tmp_path.iterdir()} == before


def test_any_number_of_files_is_read(tmp_path):
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    shelf, keys = Shelf(tmp_path), [bytes([number] * 16) for number in range(100)]
    for key in keys:
        shelf.add([key], np.full((1, 3), key[0]))
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/dev/fd").iterdir())) + 20, limit[1]))
    try:
        found = shelf.read().of(keys, "here")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    assert found[:, 0].tolist() == list(range(100))


def test_a_file_that_cannot_be_read_now_stays(tmp_path, monkeypatch):
    shelf, key = Shelf(tmp_path), bytes(16)
    shelf.add([key], np.ones((1, 3)))

    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    with monkeypatch.context() as patched:
        patched.setattr(pyarrow, "memory_map", refuse)
        assert shelf.read().lacking({key})
    assert not shelf.read().lacking({key})


def test_descriptions_of_each_shape_become_a_file(tmp_path):
    shelf = Shelf(tmp_path)
    keys = [bytes([number] * 16) for number in range(20)]
    for key in keys:
        shelf.add([key], np.full((1, 2 + key[0] % 2), key[0]))
    shelf.tidy()
    assert len(list(tmp_path.iterdir())) == 2
    assert shelf.read().of(keys[::2], "here")[:, 0].tolist() == list(range(0, 20, 2))


def test_a_file_under_another_name_and_what_is_no_file_count_as_absent(tmp_path):
    shelf, key = Shelf(tmp_path), bytes(16)
    shelf.add([key], np.ones((1, 3)))
    (file,) = tmp_path.iterdir()
    file.rename(tmp_path / "other.safetensors")
    (tmp_path / "folder.safetensors").mkdir()
    assert shelf.read().lacking({key})
    assert [path.name for path in tmp_path.iterdir()] == ["folder.safetensors"]


def test_what_another_process_puts_together_meanwhile_is_found(tmp_path, monkeypatch):
    shelf, keys = Shelf(tmp_path), [bytes([number] * 16) for number in range(20)]
    for key in keys:
        shelf.add([key], np.full((1, 3), key[0]))
    listed = Shelf._files

    def slow(self):
        files = listed(self)
        if len(files) == len(keys):
            with monkeypatch.context() as patched:
                patched.setattr(Shelf, "_files", listed)
                Shelf(tmp_path).tidy()
        return files

    monkeypatch.setattr(Shelf, "_files", slow)
    assert shelf.read().of(keys, "here")[:, 0].tolist() == list(range(20))


def test_a_picture_that_is_replaced_before_it_is_described_is_not_kept_under_its_old_content(
    tmp_path, raw, image_file, gradient
):
    files = [image_file(f"{n}.png", gradient[: 10 + n]) for n in range(3)]
    before = files[1].read_bytes()

    def describe(some):
        files[1].write_bytes(files[2].read_bytes())
        return HOG().describe(some, QUIET)

    def asked_for(describe):
        kept = FeatureCache(tmp_path / "kept")
        return kept.description(HOG(), "hog", raw("image", files), describe, progress=QUIET), kept

    asked_for(describe)
    files[1].write_bytes(before)
    again, kept = asked_for(lambda some: HOG().describe(some, QUIET))
    assert kept.described == 1
    np.testing.assert_array_equal(again, HOG().describe(raw("image", files), QUIET))


def test_regions_and_pairs_of_files_that_nobody_touched_are_not_read(
    tmp_path, raw, image_file, gradient, monkeypatch
):
    monkeypatch.setattr(file_hashes, "_TICK", -1)
    files = [image_file(f"{n}.png", gradient[: 10 + n]) for n in range(2)]
    regions = raw("regions", [Regions(file, ((0, 0, size, 2),)) for file in files for size in (2, 3)])
    pairs = raw("pair", [Pair("a text", file) for file in files])
    hashes = FileHashes(tmp_path / "kept")
    first = [item_keys(regions, hashes), item_keys(pairs, hashes)]
    assert [len(set(keys)) for keys in first] == [4, 2]
    monkeypatch.setattr(file_hashes.Hasher, "stream", lambda *_: pytest.fail("a file is read"))
    assert [item_keys(regions, hashes), item_keys(pairs, hashes)] == first


@pytest.mark.parametrize("shape", [(5,), (5, 0), (5, 2, 3)])
@pytest.mark.parametrize(
    "dtype", ["f8", "f4", "f2", "i8", "u8", "i4", "u4", "i2", "u2", "i1", "u1", "?", "c8"]
)
def test_any_array_that_is_kept_comes_back(shape, dtype, tmp_path):
    rows = (np.arange(np.prod(shape)).reshape(shape) * 3).astype(dtype)
    keys = [bytes([number] * 16) for number in range(5)]
    Shelf(tmp_path).add(keys, rows)
    found = Shelf(tmp_path).read().of(keys[::-1], "here")
    assert found.dtype == rows.dtype
    np.testing.assert_array_equal(found, rows[::-1])


@pytest.mark.parametrize("seed", range(10))
def test_a_file_with_a_damaged_byte_is_read_or_forgotten(seed, tmp_path):
    rng = np.random.default_rng(seed)
    shelf, key = Shelf(tmp_path), bytes(16)
    shelf.add([key], np.ones((1, 3)))
    (file,) = tmp_path.iterdir()
    whole = bytearray(file.read_bytes())
    for place in range(whole.index(b"}}") + 2):
        damaged = whole.copy()
        damaged[place] = rng.integers(256)
        file.write_bytes(damaged)
        lacking = shelf.read().lacking({key})
        assert file.is_file() or lacking == {key}


def _add_many(folder) -> None:
    for number in range(60):
        Shelf(folder).add([bytes([number % 20] * 16)], np.full((1, 500), number % 20))
        Shelf(folder).tidy()


def test_processes_share_it(tmp_path):
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_add_many, args=(tmp_path,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    found = Shelf(tmp_path).read().of([bytes([number] * 16) for number in range(20)], "here")
    assert found.mean(axis=1).tolist() == list(range(20))


def test_descriptions_of_another_shape_than_before_are_an_error(tmp_path, raw):
    def described(width: int, texts: list[str]) -> object:
        return FeatureCache(tmp_path).description(
            HashedNGrams(), "n", raw("text", texts), lambda some: np.ones((len(some), width)), progress=QUIET
        )

    described(3, TEXTS[:5])
    with pytest.raises(DataError, match=r"encoder n: described items by arrays of shape \[3\] and \[4\]"):
        described(4, TEXTS)


def test_features_do_not_depend_on_what_is_kept(tmp_path, raw):
    encoder = HashedNGrams()
    encoder.fit(encoder.describe(raw("text", TEXTS), QUIET))
    kept = FeatureCache(tmp_path)
    encode(encoder, raw("text", TEXTS[::3]), cache=kept)
    mixed = encode(encoder, raw("text", TEXTS), cache=kept)
    assert kept.described == 26
    assert mixed.tobytes() == encode(encoder, raw("text", TEXTS)).tobytes()


class TestKeys:
    @pytest.fixture
    def images(self, raw, image_file, gradient):
        return raw("image", [image_file("a.png", gradient), image_file("b.png", gradient[::-1])])

    def test_an_items_does_not_depend_on_the_name_of_its_file(self, images, raw, tmp_path):
        moved = [tmp_path / f"moved-{path.name}" for path in images.values]
        for path, target in zip(images.values, moved, strict=True):
            shutil.copy(path, target)
        assert item_keys(images) == item_keys(raw("image", moved))
        assert len(set(item_keys(images))) == 2

    def test_an_items_depends_on_its_content_alone(self, images, raw):
        first, second = item_keys(images)
        assert item_keys(raw("image", images.values[::-1])) == [second, first]
        images.values[0].write_bytes(images.values[0].read_bytes() + b" ")
        assert item_keys(images)[0] != first
        assert item_keys(images)[1] == second

    def test_the_makers_depends_on_name_version_libraries_and_the_parameters_that_count(
        self, images, monkeypatch
    ):
        key = maker_key(HOG(), "hog", images)
        assert maker_key(HOG(components=3), "hog", images) == key
        assert maker_key(HOG(size=48), "hog", images) != key
        assert maker_key(HOG(colour=False), "hog", images) != key
        assert maker_key(HOG(), "other", images) != key
        with monkeypatch.context() as patch:
            patch.setattr(HOG, "version", HOG.version + 1)
            assert maker_key(HOG(), "hog", images) != key
        monkeypatch.setattr("mmgraph.encoders.encoder._installed", lambda library: "0.0")
        assert maker_key(HOG(), "hog", images) != key

    def test_rows_of_arrays_count_by_their_elements(self, raw):
        array = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
        other = array.copy()
        other[2, 0] += 1
        one, two = item_keys(raw("features", array)), item_keys(raw("features", other))
        assert [a == b for a, b in zip(one, two, strict=True)] == [True, True, False, True, True]

    @pytest.mark.parametrize("column", ["area", "colour", "day"])
    def test_rows_of_tables_count_cell_by_cell(self, column, raw):
        frame = pd.DataFrame(
            {"area": [1.0, np.nan], "colour": ["red", None], "day": pd.to_datetime(["2024-01-01", None])}
        )
        kinds = {"area": "numeric", "colour": "categorical", "day": "date"}
        first, second = item_keys(raw("tabular", frame, kinds))
        assert item_keys(raw("tabular", frame.copy(), kinds)) == [first, second]
        changed = frame.assign(**{column: frame.iloc[[0, 0]].reset_index(drop=True)[column]})
        assert item_keys(raw("tabular", changed, kinds))[0] == first
        assert item_keys(raw("tabular", changed, kinds))[1] != second
