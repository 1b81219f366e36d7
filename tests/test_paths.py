"""Where things are."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmgraph import paths
from mmgraph.errors import DataError
from mmgraph.paths import home, inside, shipped


def test_shipped_things_stand_beside_a_checkout_or_inside_a_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "_PACKAGE", tmp_path / "mmgraph")
    assert shipped("datasets") == tmp_path / "datasets"
    (tmp_path / "mmgraph/shipped/datasets").mkdir(parents=True)
    assert shipped("datasets") == tmp_path / "mmgraph/shipped/datasets"
    assert shipped("configs") == tmp_path / "configs"


def test_shipped_datasets_are_there() -> None:
    assert (shipped("datasets") / "glyphs/dataset.yaml").is_file()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"MMGRAPH_HOME": "/data/mm", "XDG_CACHE_HOME": "/cache", "HOME": "/people/u"}, "/data/mm"),
        ({"MMGRAPH_HOME": "~/mm", "HOME": "/people/u"}, "/people/u/mm"),
        ({"XDG_CACHE_HOME": "/cache", "HOME": "/people/u"}, "/cache/mmgraph"),
        ({"MMGRAPH_HOME": "", "XDG_CACHE_HOME": "", "HOME": "/people/u"}, "/people/u/.cache/mmgraph"),
    ],
)
def test_home(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str) -> None:
    for name in ("MMGRAPH_HOME", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert home() == Path(expected)


@pytest.mark.parametrize("name", ["a.csv", "sub/a.csv", "sub/../a.csv", "./a.csv", "not/there.csv"])
def test_paths_inside(tmp_path: Path, name: str) -> None:
    (tmp_path / "sub").mkdir()
    assert inside(tmp_path, name, where="w") == tmp_path / name


@pytest.mark.parametrize("name", ["../a.csv", "/etc/hosts", "sub/../../a.csv", "link/a.csv"])
def test_paths_outside(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(DataError) as caught:
        inside(folder, name, where="dataset.yaml: table")
    assert str(caught.value).startswith(f"dataset.yaml: table: the path {name!r} leaves the folder")
    assert caught.value.faults[0].fix


def test_absolute_paths_are_refused_even_inside(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="leaves the folder"):
        inside(tmp_path, str(tmp_path / "a.csv"), where="w")


def test_folder_may_itself_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert inside(tmp_path / "link", "a.csv", where="w") == tmp_path / "link/a.csv"
