"""What every shipped dataset folder holds, and the public addresses that it is prepared from."""

from __future__ import annotations

import doctest
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from mmgraph.data.prepare import shipped_names
from mmgraph.data.spec import read_spec
from mmgraph.paths import shipped

FROM_SOURCES = ("emoji", "countries", "spoken_digits")
# The public copies of these were made smaller; the recipe reads either.
MADE_SMALLER = re.compile(r"countries\.json|flags/")


@pytest.mark.parametrize("name", shipped_names())
def test_a_folder_has_spec_recipe_and_readme(name: str, recipe: Callable[[str], ModuleType]) -> None:
    folder = shipped("datasets") / name
    spec = read_spec(folder / "dataset.yaml")
    assert spec.name == name
    assert spec.licence
    assert spec.source
    assert all(task.description for task in spec.tasks.values())
    assert (name in FROM_SOURCES) == recipe(name).NEEDS_SOURCE
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert "licence" in readme.lower()
    names = [*spec.entities[next(iter(spec.entities))].modalities, *spec.relations, *spec.tasks]
    assert [name for name in names if f"`{name}`" not in readme] == []


@pytest.mark.parametrize("name", shipped_names())
def test_examples_in_recipes_run(name: str, recipe: Callable[[str], ModuleType]) -> None:
    result = doctest.testmod(recipe(name))
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("name", FROM_SOURCES)
def test_sources_are_pinned(name: str, recipe: Callable[[str], ModuleType]) -> None:
    sources = recipe(name).SOURCES
    paths = [source["path"] for source in sources]
    assert len(paths) == len(set(paths)) > 100
    for source in sources:
        assert set(source) == {"path", "url", "sha256"}
        assert re.fullmatch(
            r"https://raw\.githubusercontent\.com/[\w-]+/[\w.-]+/[0-9a-f]{40}/[\w./-]+", source["url"]
        )
        assert re.fullmatch(r"[0-9a-f]{64}", source["sha256"])
        assert ".." not in Path(source["path"]).parts
        assert Path(source["url"]).suffix == Path(source["path"]).suffix


def test_places_that_fly_another_flag_point_to_its_file(recipe: Callable[[str], ModuleType]) -> None:
    sources = {source["path"]: source for source in recipe("countries").SOURCES}
    for place, flag in recipe("countries").SAME_FLAG.items():
        assert sources[f"flags/{place}.png"]["url"] == sources[f"flags/{flag}.png"]["url"]
        assert sources[f"flags/{place}.png"]["sha256"] == sources[f"flags/{flag}.png"]["sha256"]


@pytest.mark.parametrize("name", FROM_SOURCES)
def test_checksums_are_those_of_the_public_files(
    name: str, recipe: Callable[[str], ModuleType], public_source: Callable[[str], Path]
) -> None:
    checked = 0
    for source in recipe(name).SOURCES:
        if not MADE_SMALLER.match(source["path"]):
            content = (public_source(name) / source["path"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == source["sha256"], source["path"]
            checked += 1
    assert checked > 200


def test_the_listed_pictures_are_those_that_are_used(
    recipe: Callable[[str], ModuleType], prepared: Callable[[str], Path]
) -> None:
    for name, folder, used in (("emoji", "png/72", "pictures"), ("countries", "flags", "flags")):
        listed = {Path(s["path"]).name for s in recipe(name).SOURCES if s["path"].startswith(folder)}
        assert listed == {path.name for path in (prepared(name) / used).iterdir()}
