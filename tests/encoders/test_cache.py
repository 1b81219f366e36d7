from __future__ import annotations

import multiprocessing
import shutil

import numpy as np
import pandas as pd
import pytest

from mmgraph.encoders import HOG, Columns, FeatureCache, Standardise, TfIdf
from mmgraph.encoders.cache import description_key
from mmgraph.paths import home
from mmgraph.progress import Progress

ARRAY = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)


def never() -> np.ndarray:
    raise AssertionError("computed again")


def test_what_was_computed_once_is_read(tmp_path):
    cache = FeatureCache(tmp_path)
    assert cache.get_or_compute("abcd", lambda: ARRAY) is ARRAY
    again = FeatureCache(tmp_path).get_or_compute("abcd", never)
    assert again.dtype == ARRAY.dtype
    assert again.tobytes() == ARRAY.tobytes()


def test_another_key_is_another_array(tmp_path):
    cache = FeatureCache(tmp_path)
    cache.get_or_compute("abcd", lambda: ARRAY)
    assert cache.get_or_compute("abce", lambda: ARRAY[:1]).shape == (1, 4)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"PK\x03\x04 no array", b"x" * 1000, None])
def test_a_damaged_file_is_computed_anew(content, tmp_path):
    cache = FeatureCache(tmp_path)
    cache.get_or_compute("abcd", lambda: ARRAY)
    (file,) = tmp_path.rglob("*.npy")
    file.write_bytes(file.read_bytes()[:-7] if content is None else content)
    assert cache.get_or_compute("abcd", lambda: ARRAY) is ARRAY
    assert cache.get_or_compute("abcd", never).tobytes() == ARRAY.tobytes()


def test_a_pickled_array_is_not_opened(tmp_path):
    cache = FeatureCache(tmp_path)
    path = tmp_path / "ab" / "abcd.npy"
    path.parent.mkdir()
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert cache.get_or_compute("abcd", lambda: ARRAY) is ARRAY


def test_where_nothing_can_be_kept_the_work_goes_on_and_says_so(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    cache = FeatureCache(tmp_path / "file")
    assert cache.get_or_compute("abcd", lambda: ARRAY, progress=Progress()) is ARRAY
    assert "not cached" in capsys.readouterr().err


def test_no_half_made_file_stays(tmp_path):
    cache = FeatureCache(tmp_path)

    def fail():
        raise RuntimeError("no picture")

    with pytest.raises(RuntimeError, match="no picture"):
        cache.get_or_compute("abcd", fail)
    cache.get_or_compute("abcd", lambda: ARRAY)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["abcd.npy"]


def write_many(folder):
    for number in range(40):
        key = f"{number % 4:04}"
        array = FeatureCache(folder).get_or_compute(key, lambda n=number: np.full(5_000, n % 4))
        assert (array == number % 4).all()


def test_processes_share_it(tmp_path):
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=write_many, args=(tmp_path,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(list(tmp_path.rglob("*.npy"))) == 4


def test_it_lies_in_mmgraphs_own_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("MMGRAPH_HOME", str(tmp_path))
    assert FeatureCache().folder == tmp_path / "features" == home() / "features"


class TestDescriptionKey:
    @pytest.fixture
    def images(self, raw, image_file, gradient):
        return raw("image", [image_file("a.png", gradient), image_file("b.png", gradient[::-1])])

    def test_it_does_not_depend_on_the_names_of_files(self, images, raw, tmp_path):
        moved = [tmp_path / f"moved-{path.name}" for path in images.values]
        for path, target in zip(images.values, moved, strict=True):
            shutil.copy(path, target)
        assert description_key(HOG(), "hog", images) == description_key(HOG(), "hog", raw("image", moved))

    def test_it_depends_on_the_content_and_its_order(self, images, raw):
        key = description_key(HOG(), "hog", images)
        assert description_key(HOG(), "hog", raw("image", images.values[::-1])) != key
        assert description_key(HOG(), "hog", raw("image", images.values[:1])) != key
        images.values[0].write_bytes(images.values[0].read_bytes() + b" ")
        assert description_key(HOG(), "hog", images) != key

    def test_it_depends_on_name_version_libraries_and_the_parameters_that_count(self, images, monkeypatch):
        key = description_key(HOG(), "hog", images)
        assert description_key(HOG(components=3), "hog", images) == key
        assert description_key(HOG(size=48), "hog", images) != key
        assert description_key(HOG(colour=False), "hog", images) != key
        assert description_key(HOG(), "other", images) != key
        with monkeypatch.context() as patch:
            patch.setattr(HOG, "version", 2)
            assert description_key(HOG(), "hog", images) != key
        monkeypatch.setattr("mmgraph.encoders.cache.version", lambda library: "0.0")
        assert description_key(HOG(), "hog", images) != key

    def test_texts_are_framed(self, raw):
        one, two = (description_key(TfIdf(), "tfidf", raw("text", t)) for t in (["ab", "c"], ["a", "bc"]))
        assert one != two

    def test_arrays_count_by_their_elements(self, raw):
        other = ARRAY.copy()
        other[0, 0] += 1
        keys = {description_key(Standardise(), "standardise", raw("features", a)) for a in (ARRAY, other)}
        assert len(keys) == 2

    @pytest.mark.parametrize("column", ["area", "colour", "day"])
    def test_tables_count_cell_by_cell(self, column, raw):
        frame = pd.DataFrame(
            {"area": [1.0, np.nan], "colour": ["red", None], "day": pd.to_datetime(["2024-01-01", None])}
        )
        kinds = {"area": "numeric", "colour": "categorical", "day": "date"}
        key = description_key(Columns(), "columns", raw("tabular", frame, kinds))
        assert description_key(Columns(), "columns", raw("tabular", frame.copy(), kinds)) == key
        other = frame.iloc[[0, 0]].reset_index(drop=True)
        changed = frame.assign(**{column: other[column]})
        assert description_key(Columns(), "columns", raw("tabular", changed, kinds)) != key
