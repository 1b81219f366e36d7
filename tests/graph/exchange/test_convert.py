"""One command for all forms: which one is meant shows by the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmgraph.errors import UserError
from mmgraph.graph import Graph, load_graph
from mmgraph.graph.exchange.convert import convert


@pytest.mark.parametrize(("name", "form"), [("tables", "tables"), ("a.graphml", "graphml")])
def test_there_and_back(graph: Graph, stored: Path, tmp_path: Path, name: str, form: str):
    done = convert(stored, tmp_path / name)
    assert done.format == form
    assert done.counts["nodes"] == 88
    assert convert(tmp_path / name, tmp_path / "again").format == "graph"
    assert load_graph(tmp_path / "again", verify=True).fingerprint() == graph.fingerprint()


@pytest.mark.parametrize(
    ("source", "out", "options", "message"),
    [
        ("none", "out", {}, "there is no such file or folder"),
        ("folder", "out", {}, "holds neither manifest.json nor tables.json"),
        ("file.csv", "out", {}, "does not end in .graphml"),
        ("graph", "out.csv", {}, "wanted a name that ends in .graphml, or a folder"),
        ("graph", "out", {"features": False}, "--no-features is for GraphML alone"),
        ("a.graphml", "out", {"features": False}, "--no-features is for GraphML that is written"),
        ("a.graphml", "out.graphml", {}, "becomes a graph, which is a folder"),
        ("graph", "graph", {}, "is there already"),
    ],
)
def test_what_is_nothing_of_the_kind(stored: Path, tmp_path: Path, source, out, options, message):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.csv").touch()
    convert(stored, tmp_path / "a.graphml")
    with pytest.raises(UserError, match=message):
        convert(tmp_path / source, tmp_path / out, **options)
