"""The estimate of a build, and its refusal."""

from __future__ import annotations

import resource
from collections import namedtuple
from pathlib import Path

import pytest

from mmgraph.data.dataset import Dataset
from mmgraph.errors import GraphError
from mmgraph.graph import build_graph, estimate
from mmgraph.graph.estimate import Estimate, free_memory
from mmgraph.graph.notes import BuildNotes


def test_edges_are_estimated_where_that_can_be_known(shop: Dataset):
    notes = BuildNotes()
    graph = build_graph(shop, cache=False, notes=notes)
    assert notes.estimate is not None
    edges = notes.estimate.edges
    assert edges == {"bought_with": 25, "made_by": 25, "same_shelf": None, "alike": 72, "looks_like": 32}
    for edge_type in graph.schema.edge_types:
        if edges.get(edge_type.name) is not None:
            assert edge_type.num_edges <= edges[edge_type.name]
    assert "and what same_shelf will take" in notes.estimate.line()
    assert notes.to_json()["estimate"]["memory"] > 0


def test_what_does_not_fit_is_refused_before_the_work(
    shop: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("mmgraph.graph.estimate.free_memory", lambda: 1000)
    with pytest.raises(GraphError, match=r"will need about .* of memory; 1\.0 kB are free. Pass out=FOLDER"):
        build_graph(shop, cache=False)
    usage = namedtuple("usage", "free")
    monkeypatch.setattr("mmgraph.graph.estimate.shutil.disk_usage", lambda _: usage(free=10))
    with pytest.raises(GraphError, match="choose another --out") as caught:
        build_graph(shop, cache=False, out=tmp_path / "graph")
    assert len(caught.value.faults) == 2
    assert not list(tmp_path.iterdir())


def test_a_control_group_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    free = free_memory()
    most, used = tmp_path / "max", tmp_path / "current"
    monkeypatch.setattr("mmgraph.graph.estimate._CGROUPS", ((most, used),))
    most.write_text("5000\n")
    used.write_text("2000\n")
    assert free_memory() == 3000
    most.write_text("max\n")
    assert free is None or free_memory() > 3000


def test_a_build_that_fits_is_not_refused(tmp_path: Path):
    Estimate({"a": 1}, 1, 1).refuse_if_too_large(tmp_path)


@pytest.mark.parametrize("kind", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_what_the_limits_of_the_process_leave_is_free(monkeypatch: pytest.MonkeyPatch, kind: str):
    limits = {getattr(resource, kind): 10**12}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (limits.get(kind, resource.RLIM_INFINITY), -1))
    monkeypatch.setattr(estimate, "_held", lambda: {"VmSize": 10**12 - 5000, "VmData": 10**12 - 5000})
    assert free_memory() == 5000
    limits[getattr(resource, kind)] = 1
    assert free_memory() == 0
