"""Datasets by name or path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mmgraph.data import load, prepare
from mmgraph.data.load import load_dataset
from mmgraph.data.prepare import prepare_dataset, prepared_folder
from mmgraph.errors import ConfigError, DataError, UnknownNameError
from mmgraph.progress import Progress

YAML = "name: dots\nentities: {dot: {table: dots.csv}}\n"
RECIPE = """
NEEDS_SOURCE = %s
def prepare(out, source, progress):
    (out / "dots.csv").write_text("id\\n%s\\n")
"""


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shipped/dots"
    folder.mkdir(parents=True)
    (folder / "dataset.yaml").write_text(YAML)
    (folder / "prepare.py").write_text(RECIPE % (False, "first"))
    monkeypatch.setattr(prepare, "shipped", lambda kind: folder.parent)
    monkeypatch.setattr(load, "shipped", lambda kind: folder.parent)
    return folder


def test_by_folder_and_by_file(shop: Any) -> None:
    for path in (shop.folder, str(shop.folder), shop.yaml):
        assert load_dataset(path).spec.name == "shop"
    other = shop.yaml.rename(shop.folder / "other.yaml")
    dataset = load_dataset(other)
    assert dataset.entity_ids("product")[0] == "p01"
    with pytest.raises(ConfigError, match=r"the folder holds no dataset.yaml"):
        load_dataset(shop.folder)


def test_messages_name_the_file_that_was_given(shop: Any) -> None:
    other = shop.yaml.rename(shop.folder / "other.yaml")
    with pytest.raises(ConfigError, match=r"other\.yaml: splits\.random\.seed: got 'x'"):
        load_dataset(other, overrides=["splits.random.seed=x"])


def test_made_on_the_spot_and_kept(recipe: Path) -> None:
    assert load_dataset("dots").entity_ids("dot") == ["first"]
    before = (prepared_folder("dots") / "dots.csv").stat().st_mtime_ns
    load_dataset("dots")
    assert (prepared_folder("dots") / "dots.csv").stat().st_mtime_ns == before


def test_made_anew_when_the_recipe_has_changed(recipe: Path) -> None:
    load_dataset("dots")
    (recipe / "prepare.py").write_text(RECIPE % (False, "second"))
    assert load_dataset("dots").entity_ids("dot") == ["second"]


def test_folder_of_the_recipe_stands_for_its_dataset(recipe: Path) -> None:
    assert load_dataset(recipe).folder == prepared_folder("dots")


def test_dataset_that_needs_sources(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (recipe / "prepare.py").write_text(RECIPE % (True, "third"))
    with pytest.raises(
        DataError, match=r"'dots' is not prepared yet\. Run 'mmgraph prepare dots --source DIR'"
    ):
        load_dataset("dots")
    prepare_dataset("dots", source=recipe)
    load_dataset("dots", progress=Progress())
    assert capsys.readouterr().err == ""
    (recipe / "prepare.py").write_text(RECIPE % (True, "fourth"))
    assert load_dataset("dots", progress=Progress()).entity_ids("dot") == ["third"]
    assert "'mmgraph prepare dots --overwrite'" in capsys.readouterr().err


def test_own_dataset_in_the_home_has_a_name_too(shop: Any) -> None:
    prepared_folder("mine").parent.mkdir(parents=True)
    shop.folder.rename(prepared_folder("mine"))
    assert load_dataset("mine").entity_ids("product")[0] == "p01"
    with pytest.raises(UnknownNameError, match=r"Did you mean 'mine'\?"):
        load_dataset("mien")


def test_unknown_names_and_paths(recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"there is no dataset 'dost'\. Did you mean 'dots'\?"):
        load_dataset("dost")
    with pytest.raises(ConfigError, match="there is no such file or folder"):
        load_dataset(tmp_path / "nowhere")


def test_another_process_was_faster(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = prepare.Recipe.make

    def slow(self: prepare.Recipe, out: Path, source: Path | None, progress: Progress) -> None:
        make(self, out, source, progress)
        rival = prepared_folder("dots")
        rival.mkdir()
        make(self, rival, source, progress)

    monkeypatch.setattr(prepare.Recipe, "make", slow)
    assert load_dataset("dots").entity_ids("dot") == ["first"]
