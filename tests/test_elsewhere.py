"""Parts that others do come together to the bytes of the whole, in this process and on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from mmgraph.data import load_dataset
from mmgraph.data.modalities import RawModality
from mmgraph.elsewhere import RayData, elsewhere_on
from mmgraph.encoders import HOG, HashedNGrams
from mmgraph.encoders.broken_items import BrokenItemsError
from mmgraph.encoders.describe_elsewhere import describe_elsewhere
from mmgraph.encoders.sentence_transformer import SentenceTransformer
from mmgraph.errors import ConfigError, DataError, RunError
from mmgraph.graph import build_graph
from mmgraph.progress import Advance, Progress
from mmgraph.ray_cluster import MOST_LOSSES, Workers
from mmgraph.relations.nearest import exact_neighbours
from mmgraph.relations.nearest_elsewhere import search_elsewhere

QUIET = Progress(quiet=True)


class Here:
    """Does parts in this process, and counts them."""

    number = 2

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def do(
        self,
        work: Callable[[Any, Any], Any],
        common: Any,
        parts: Sequence[Any],
        done: Callable[[int], object],
    ) -> list[Any]:
        results = []
        for number, part in enumerate(parts):
            self.sizes.append(len(part))
            results.append(work(common, part))
            done(number)
        return results


@pytest.fixture
def pictures(tmp_path) -> Path:
    """Return the folder of a dataset of twenty pictures, some of which are of one colour."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "pictures"
    folder.mkdir()
    lines = ["id,file,kind"]
    for number in range(20):
        values = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(values if number % 5 else np.full_like(values, 9)).save(folder / f"{number}.png")
        lines.append(f"p{number},{number}.png,{number % 2}")
    (folder / "items.csv").write_text("\n".join(lines) + "\n")
    spec = {
        "name": "pictures",
        "entities": {
            "item": {"table": "items.csv", "modalities": {"look": {"kind": "image", "column": "file"}}}
        },
        "relations": {"alike": {"builder": "knn", "on": "item/look", "k": 3, "weight": "similarity"}},
        "splits": {
            "random": {
                "kind": "random",
                "entity": "item",
                "fractions": {"train": 0.5, "validation": 0.25, "test": 0.25},
            }
        },
        "tasks": {"kind": {"entity": "item", "target": "kind", "split": "random"}},
    }
    (folder / "dataset.yaml").write_text(yaml.safe_dump(spec))
    return folder


def test_parts_of_pictures_are_described_as_all_are(pictures):
    raw = load_dataset(pictures).modality("item", "look")
    here = Here()
    described = describe_elsewhere(HOG(), raw, here, QUIET)
    assert here.sizes == [3, 3, 3, 3, 3, 3, 2]
    np.testing.assert_array_equal(described, HOG().describe(raw, QUIET))


def test_what_others_cannot_read_is_told_as_the_encoder_tells_it(pictures):
    for number in (3, 11, 19):
        (pictures / f"{number}.png").write_bytes(b"no picture")
    raw = load_dataset(pictures).modality("item", "look")
    with pytest.raises(BrokenItemsError) as alone:
        HOG().describe(raw, QUIET)
    with pytest.raises(BrokenItemsError) as together:
        describe_elsewhere(HOG(), raw, Here(), QUIET)
    assert together.value.problems == alone.value.problems
    assert sorted(together.value.problems) == [3, 11, 19]
    assert str(together.value) == str(alone.value)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (lambda items: np.ones((len(items) - (0 in items.index) + (3 in items.index), 2)), "got one row for"),
        (lambda items: np.ones((len(items), 2 + (0 in items.index))), r"shape \[3\] and \[2\]"),
    ],
)
def test_what_others_make_is_checked_part_by_part(rows, message, monkeypatch):
    monkeypatch.setattr(HashedNGrams, "describe", lambda self, some, progress: rows(some))
    texts = RawModality("text", np.arange(20), [f"t{number}" for number in range(20)])
    with pytest.raises(DataError, match=message):
        describe_elsewhere(HashedNGrams(), texts, Here(), QUIET)


def test_texts_stay_in_the_batches_that_they_are_padded_in(make_sentence_transformer):
    encoder = SentenceTransformer(model=str(make_sentence_transformer(["a", "bb", "ccc"])), batch_size=3)
    words = np.random.default_rng(0).choice(["a", "bb", "ccc"], size=(23, 6))
    texts = [" ".join(some[: 1 + row % 6]) for row, some in enumerate(words)]
    raw = RawModality("text", np.arange(len(texts)), texts)
    here = Here()
    described = describe_elsewhere(encoder, raw, here, QUIET)
    assert here.sizes == [3] * 7 + [2]
    np.testing.assert_array_equal(described, encoder.describe(raw, QUIET))


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("among", ["sources", "others"])
def test_parts_of_queries_find_what_all_find(metric, among):
    rng = np.random.default_rng(1)
    sources = rng.integers(-2, 3, (300, 6)).astype(np.float32) + np.float32(0.5)
    queries = None if among == "sources" else sources[::7] + np.float32(0.25)
    here = Here()

    def search(*arguments, **keywords):
        return search_elsewhere(*arguments, elsewhere=here, **keywords)

    found = exact_neighbours(sources, 5, metric, queries=queries, search=search)
    wanted = exact_neighbours(sources, 5, metric, queries=queries)
    assert len(here.sizes) == 8
    np.testing.assert_array_equal(found.source, wanted.source)
    np.testing.assert_array_equal(found.similarity, wanted.similarity)


def test_a_search_without_queries_finds_nothing():
    none = np.empty((0, 4), dtype=np.float32)
    arguments = {"metric": "cosine", "advance": Advance(), "elsewhere": Here()}
    found = search_elsewhere(np.ones((2, 4), np.float32), 1, none, np.empty(0, np.int64), **arguments)
    assert found.source.shape == (0, 1)


def test_other_engines_are_refused(pictures):
    with pytest.raises(ConfigError, match=r"engine: got 'raj'; wanted local or ray. Did you mean 'ray'\?"):
        build_graph(pictures, engine="raj")


# Ray's of its own settings.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_part_whose_workers_are_lost_again_and_again_ends_the_work(tmp_path, monkeypatch):
    import ray.data
    from ray.exceptions import OutOfMemoryError

    given: dict[str, Any] = {}

    class Lost:
        """Stands for parts all of which are lost as often as Ray begins them again."""

        def map_batches(self, work, **options):
            given.update(options)
            return self

        def iter_rows(self):
            raise OutOfMemoryError("Task was killed\nby the node")

    monkeypatch.setattr(ray.data, "from_items", lambda *_, **__: Lost())
    elsewhere = RayData(SimpleNamespace(put=lambda value: value), Workers(2, cpus=1, gpus=0), tmp_path)
    with pytest.raises(RunError, match=r"could not do a part of the work: OutOfMemoryError: .*fewer workers"):
        elsewhere.do(max, 0, [1, 2], lambda _: None)
    assert given["max_retries"] == MOST_LOSSES


@pytest.mark.slow
def test_a_cluster_builds_the_same_graph(pictures, tmp_path, two_nodes, monkeypatch):
    # Workers begin relative paths where this process does.
    monkeypatch.chdir(pictures.parent)
    pictures = pictures.relative_to(pictures.parent)
    local = build_graph(pictures, cache=False, out=tmp_path / "local")
    ray = build_graph(pictures, cache=False, out=tmp_path / "ray", engine="ray", workers=2)
    assert ray.fingerprint() == local.fingerprint()
    paths = (tmp_path / "local").rglob("*")
    files = [path.relative_to(tmp_path / "local") for path in paths if path.is_file()]
    assert len(files) > 5
    for file in files:
        assert (tmp_path / "ray" / file).read_bytes() == (tmp_path / "local" / file).read_bytes(), file
    with elsewhere_on("ray", 2, pictures) as elsewhere:
        raw = load_dataset(pictures).modality("item", "look")
        (pictures / "7.png").write_bytes(b"no picture")
        with pytest.raises(DataError, match=r"7\.png: is none of the image formats"):
            describe_elsewhere(HOG(), raw, elsewhere, QUIET)
    assert elsewhere.number == 2
