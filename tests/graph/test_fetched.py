"""Graphs at addresses are copied once, whole, and again once they are others."""

from __future__ import annotations

import fsspec
import numpy as np
import pytest

from mmgraph.errors import GraphError, MissingDependencyError
from mmgraph.graph import build_graph, load_graph

ADDRESS = "memory://bucket/graph"


@pytest.fixture
def remote(shop, tmp_path, monkeypatch):
    """Return a graph that is at the address, and on no disk."""
    monkeypatch.setenv("MMGRAPH_HOME", str(tmp_path / "home"))
    built = build_graph(shop, cache=False)
    upload(built, tmp_path / "first")
    yield built
    fsspec.filesystem("memory").rm("/bucket", recursive=True)


def upload(graph, folder) -> None:
    graph.save(folder)
    fsspec.filesystem("memory").put(f"{folder}/", "/bucket/graph/", recursive=True)


def copies(tmp_path):
    return sorted(path for path in (tmp_path / "home" / "graphs").iterdir() if path.is_dir())


def test_a_graph_is_copied_once_and_is_the_same(remote, tmp_path, monkeypatch):
    opened = load_graph(ADDRESS, verify=True)
    assert opened.fingerprint() == remote.fingerprint()
    assert (opened.place, [opened.folder]) == (ADDRESS, copies(tmp_path))
    for name, features in remote.features.items():
        np.testing.assert_array_equal(opened.features[name], features)
    memory = type(fsspec.filesystem("memory"))
    monkeypatch.setattr(memory, "get", lambda *_, **__: pytest.fail("copied again"))
    assert load_graph(ADDRESS).folder == opened.folder


def test_a_graph_that_was_built_again_is_copied_again(remote, shop, tmp_path):
    before = load_graph(ADDRESS)
    fsspec.filesystem("memory").rm("/bucket", recursive=True)
    upload(build_graph(shop, relations=["made_by"], cache=False), tmp_path / "second")
    after = load_graph(ADDRESS)
    assert after.schema.relations != before.schema.relations
    assert copies(tmp_path) == sorted([before.folder, after.folder])


def test_a_copy_that_fails_leaves_nothing(remote, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise ConnectionResetError("the line is cut")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "get", fail)
    with pytest.raises(GraphError, match=f"{ADDRESS}: cannot be read: the line is cut"):
        load_graph(ADDRESS)
    assert copies(tmp_path) == []


@pytest.mark.parametrize(
    ("address", "kind", "message"),
    [
        ("memory://nowhere", GraphError, r"memory://nowhere: is no graph: there is no manifest.json"),
        ("nonsense://a/b", GraphError, r"is no address that can be used: Protocol not known: nonsense"),
    ],
)
def test_addresses_without_a_graph_are_named(address, kind, message, tmp_path, monkeypatch):
    monkeypatch.setenv("MMGRAPH_HOME", str(tmp_path))
    with pytest.raises(kind, match=message):
        load_graph(address)


def test_the_library_that_an_address_needs_is_named(monkeypatch):
    def missing(address):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", missing)
    with pytest.raises(MissingDependencyError, match=r"s3://a/b: .* Install s3fs .*`pip install s3fs`"):
        load_graph("s3://a/b")
