"""The registry finds what is built in, plugged in, or the user's own."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from mmgraph import registry as module
from mmgraph.errors import ConfigError, UnknownNameError
from mmgraph.registry import Registry


@pytest.fixture
def shapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry[Any]:
    """A registry whose built-in things are in a module of their own."""
    registry: Registry[Any] = Registry("shape", builtins="shapes_built_in", group="mmgraph.shapes")
    monkeypatch.setattr(module, "SHAPES", registry, raising=False)
    (tmp_path / "shapes_built_in.py").write_text(
        "from mmgraph.registry import SHAPES\n@SHAPES.register('circle')\nclass Circle: ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "shapes_built_in", raising=False)
    return registry


def test_built_in_things_come_at_the_first_question(shapes: Registry[Any]) -> None:
    assert "shapes_built_in" not in sys.modules
    assert shapes.names() == ["circle"]
    assert shapes.get("circle").__name__ == "Circle"
    assert "circle" in shapes
    assert "square" not in shapes


def test_own_things(shapes: Registry[Any]) -> None:
    @shapes.register("blob")
    class Blob: ...

    assert shapes.get("blob") is Blob
    assert dict(shapes.items()).keys() == {"blob", "circle"}
    assert shapes.names() == ["blob", "circle"]


def test_unknown_name(shapes: Registry[Any]) -> None:
    with pytest.raises(UnknownNameError, match=r"there is no shape 'cirle'\. Did you mean 'circle'\?"):
        shapes.get("cirle")


def test_name_that_is_taken(shapes: Registry[Any]) -> None:
    @shapes.register("blob")
    class Blob: ...

    with pytest.raises(ConfigError, match=r"the shape 'blob' is registered already, by .*Blob"):

        @shapes.register("blob")
        class Other: ...


def test_same_thing_may_be_registered_again(shapes: Registry[Any]) -> None:
    """A module that is loaded twice, as in a notebook, replaces its own things."""
    for _ in range(2):

        @shapes.register("blob")
        class Blob: ...

    assert shapes.get("blob") is Blob


def test_installed_packages_add_things_but_replace_none(
    shapes: Registry[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = [
        EntryPoint("square", "mmgraph.errors:DataError", "mmgraph.shapes"),
        EntryPoint("circle", "mmgraph.errors:DataError", "mmgraph.shapes"),
    ]
    monkeypatch.setattr(module, "entry_points", lambda group: installed if group == "mmgraph.shapes" else [])
    assert shapes.names() == ["circle", "square"]
    assert shapes.get("square").__name__ == "DataError"
    assert shapes.get("circle").__name__ == "Circle"


def test_failed_import_is_not_forgotten() -> None:
    broken: Registry[Any] = Registry("shape", builtins="no_such_module_at_all", group="mmgraph.shapes")
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError):
            broken.names()


def test_a_broken_package_stops_only_whoever_asks_for_it(
    shapes: Registry[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = [
        EntryPoint("oval", "mmgraph.errors:NoSuchThing", "mmgraph.shapes"),
        EntryPoint("paper", "mmgraph.errors", "mmgraph.shapes"),
        EntryPoint("square", "mmgraph.errors:DataError", "mmgraph.shapes"),
    ]
    monkeypatch.setattr(module, "entry_points", lambda group: installed if group == "mmgraph.shapes" else [])
    assert shapes.names() == ["circle", "square"]
    with pytest.raises(
        ConfigError,
        match=r"entry point mmgraph.errors:NoSuchThing: the shape 'oval' cannot be loaded: Attribute",
    ):
        shapes.get("oval")
    with pytest.raises(ConfigError, match="'paper' cannot be loaded: TypeError: it is a module"):
        shapes.get("paper")
