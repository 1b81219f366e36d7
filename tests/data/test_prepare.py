"""Shipped datasets are made whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmgraph.data import load, prepare
from mmgraph.data.load import load_dataset
from mmgraph.data.prepare import Recipe, prepare_dataset, prepared_folder, shipped_names
from mmgraph.errors import ConfigError, DataError, UnknownNameError, UserError
from mmgraph.paths import shipped
from mmgraph.progress import Progress

YAML = """\
name: dots
entities: {dot: {table: dots.csv, modalities: {text: {kind: text, column: text}}}}
"""
FROM_NOTHING = '''
"""Makes dots."""
from __future__ import annotations
from dataclasses import dataclass
NEEDS_SOURCE = False

@dataclass
class Dot:
    id: str

def prepare(out, source, progress):
    (out / "dots.csv").write_text("id,text\\n" + "".join(f"{Dot(str(i)).id},dot {i}\\n" for i in range(3)))
'''
FROM_SOURCE = """
NEEDS_SOURCE = True
SOURCES = []

def prepare(out, source, progress):
    (out / "dots.csv").write_text((source / "raw.csv").read_text())
"""


@pytest.fixture
def recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of shipped datasets: ``dots`` is made from nothing, ``spots`` from a source."""
    folder = tmp_path / "shipped"
    for name, code in (("dots", FROM_NOTHING), ("spots", FROM_SOURCE)):
        (folder / name).mkdir(parents=True)
        (folder / name / "dataset.yaml").write_text(YAML.replace("dots\n", f"{name}\n"))
        (folder / name / "prepare.py").write_text(code)
    monkeypatch.setattr(prepare, "shipped", lambda kind: folder)
    monkeypatch.setattr(load, "shipped", lambda kind: folder)
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/raw.csv").write_text("id,text\na,x\n")
    return tmp_path / "source"


def test_shipped_names(recipes: Path) -> None:
    assert shipped_names() == ["dots", "spots"]


def test_every_shipped_dataset_has_a_recipe() -> None:
    assert "glyphs" in shipped_names()
    for name in shipped_names():
        recipe = Recipe(name)
        assert callable(recipe._module.prepare)
        assert isinstance(recipe.needs_source, bool)
        assert all(source.url for source in recipe._sources())
        assert (shipped("datasets") / name / "dataset.yaml").is_file()


def test_made_from_nothing(recipes: Path, tmp_path: Path) -> None:
    folder = prepare_dataset("dots", out=tmp_path / "out")
    assert sorted(path.name for path in folder.iterdir()) == ["dataset.yaml", "dots.csv", "prepared.json"]
    assert json.loads((folder / "prepared.json").read_text())["dataset"] == "dots"
    assert load_dataset(folder).entity_ids("dot") == ["0", "1", "2"]


def test_folders_may_be_texts(recipes: Path, source: Path, tmp_path: Path) -> None:
    assert prepare_dataset("spots", source=str(source), out=str(tmp_path / "out")) == tmp_path / "out"
    assert load_dataset(tmp_path / "out").entity_ids("dot") == ["a"]


def test_same_bytes_twice(recipes: Path, tmp_path: Path) -> None:
    one, two = (prepare_dataset("dots", out=tmp_path / name) for name in ("one", "two"))
    for path in one.iterdir():
        assert path.read_bytes() == (two / path.name).read_bytes()


def test_made_from_a_source(recipes: Path, source: Path) -> None:
    assert prepare_dataset("spots", source=source) == prepared_folder("spots")
    assert load_dataset("spots").entity_ids("dot") == ["a"]


def test_replaced_only_when_asked(recipes: Path, source: Path) -> None:
    prepare_dataset("spots", source=source)
    with pytest.raises(UserError, match=r"is there already.*--overwrite"):
        prepare_dataset("spots", source=source)
    (source / "raw.csv").write_text("id,text\nb,x\n")
    prepare_dataset("spots", source=source, overwrite=True)
    assert load_dataset("spots").entity_ids("dot") == ["b"]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (None, r"raw\.csv: there is no such source file\. Check that --source"),
        ("id,text\na,x\na,y\n", r"^dots\.csv: column 'id': ids stand more than once"),
        ("id,txt\na,x\n", r"^dataset\.yaml: .*text\.column: got 'text'; dots\.csv has no such column"),
    ],
)
def test_faulty_source_leaves_nothing_behind(
    recipes: Path, source: Path, raw: str | None, message: str
) -> None:
    (source / "raw.csv").unlink()
    if raw is not None:
        (source / "raw.csv").write_text(raw)
    with pytest.raises(DataError, match=message):
        prepare_dataset("spots", source=source)
    assert list(prepared_folder("spots").parent.iterdir()) == []


def test_absent_source(recipes: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: there is no such folder"):
        prepare_dataset("spots", source=tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"is made from source files.*--source DIR"):
        prepare_dataset("spots")


def test_sources_are_downloaded(recipes: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = '[{"path": "raw.csv", "url": "https://example.org/raw.csv", "sha256": "' + "0" * 64 + '"}]'
    code = FROM_SOURCE.replace("SOURCES = []", f"SOURCES = {listed}")
    (recipes / "spots/prepare.py").write_text(code)
    asked = []

    def fake(sources: list[object], folder: Path, *, name: str, progress: Progress) -> Path:
        asked.append((len(sources), name))
        return source

    monkeypatch.setattr(prepare, "download", fake)
    prepare_dataset("spots")
    assert asked == [(1, "spots")]


def test_faulty_list_of_sources(recipes: Path) -> None:
    code = FROM_SOURCE.replace("SOURCES = []", "SOURCES = [{'path': 'a', 'url': 'ftp://x'}]")
    (recipes / "spots/prepare.py").write_text(code)
    with pytest.raises(ConfigError, match=r"prepare\.py: SOURCES\[0\]\.url: got 'ftp://x'"):
        prepare_dataset("spots")


def test_unknown_dataset(recipes: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"no shipped dataset 'dot'\. Did you mean 'dots'\?"):
        prepare_dataset("dot")


@pytest.mark.parametrize("name", ["dataset.yaml", "prepare.py", "checksums.txt"])
def test_a_change_of_any_file_of_the_recipe_is_seen(recipes: Path, source: Path, name: str) -> None:
    (recipes / "spots/checksums.txt").write_text("0a  raw.csv\n")
    folder = prepare_dataset("spots", source=source)
    assert Recipe("spots").made(folder)
    (recipes / "spots" / name).write_text(
        (recipes / "spots" / name).read_text().replace("raw", "raw2") + "\n"
    )
    assert not Recipe("spots").made(folder)
