"""The public names: each resolves, and type checkers see the same ones."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import mmgraph


def test_every_name_resolves() -> None:
    for name in mmgraph.__all__:
        assert getattr(mmgraph, name) is not None
        assert name in dir(mmgraph)


def test_type_checkers_see_what_users_get() -> None:
    """The names under TYPE_CHECKING are those that are imported at run time, from the same modules."""
    tree = ast.parse(Path(inspect.getfile(mmgraph)).read_text(encoding="utf-8"))
    (block,) = (
        node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    static = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    dynamic = mmgraph._MODULE_OF | dict.fromkeys(mmgraph._SUBPACKAGES, "mmgraph")
    assert static == dynamic
    assert set(mmgraph.__all__) == {*static, "__version__"}


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        mmgraph.trian  # noqa: B018


def test_the_sketch_of_the_design_is_there() -> None:
    for name in ("load_dataset", "build_graph", "train", "compare", "relation", "KNN", "Nodes", "load_run"):
        assert callable(getattr(mmgraph, name))
    assert callable(mmgraph.models.build)
