"""An audit of a link prediction: a leak of each kind is planted and found, and a clean graph stays silent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import mmgraph as mg
from mmgraph.evaluation.audit.audit import audit
from mmgraph.graph.edges import StoredEdges

FOLLOWS, BACK = ("thing", "follows", "thing"), ("thing", "rev_follows", "thing")


def held_out_edges(parts: Any) -> mg.Graph:
    parts.put_back = 3
    return parts.graph()


def reverse(parts: Any) -> mg.Graph:
    """The reverse relation still has what its relation has lost."""
    graph = parts.graph()
    aside = graph.held_out["follows"].edges
    index = np.concatenate([graph.edges[BACK].index, [aside.target[:3], aside.source[:3]]], axis=1)
    index = index[:, np.lexsort((index[0], index[1]))]
    return replace(graph, edges={**graph.edges, BACK: StoredEdges(index)})


def copied_relation(parts: Any) -> mg.Graph:
    parts.pairs["again"] = parts.pairs["follows"]
    return parts.graph()


def twin_links(parts: Any) -> mg.Graph:
    graph = parts.graph()
    held = graph.held_out["follows"].edges
    whole = np.intersect1d(parts.rows["picture"], parts.rows["words"])
    aside, there = (np.stack([held.source, held.target]), graph.edges[FOLLOWS].index)
    aside, there = (index[:, np.isin(index, whole).all(axis=0)][:, :2] for index in (aside, there))
    for copy, source in zip(aside.ravel(), there.ravel(), strict=True):
        for name in ("picture", "words", "facts"):
            (mine,), (other,) = (parts.at(name, np.array([row])) for row in (copy, source))
            parts.features[name][mine] = parts.features[name][other]
            parts.previews[name][mine] = parts.previews[name][other]
    # The graph had to be there before it was known which edges are held out.
    features = {f"thing/{name}": values.astype(np.float32) for name, values in parts.features.items()}
    return replace(graph, features=features, nodes=with_previews(graph, parts))


def with_previews(graph: mg.Graph, parts: Any) -> dict[str, Any]:
    nodes = dict(graph.nodes)
    for name, shown in parts.previews.items():
        table = nodes[f"thing/{name}"].copy()
        table["preview"] = np.array([*shown, None], dtype=object)[:-1]
        nodes[f"thing/{name}"] = table
    return nodes


def named_partner(parts: Any) -> mg.Graph:
    parts.ids = [f"id{n:05d}" for n in range(parts.count)]
    parts.titles = [f"thing called {n}x" for n in range(parts.count)]
    one, other = parts.pairs["follows"]
    for node, row in enumerate(parts.rows["words"]):
        named = [parts.titles[target] for target in other[one == row]]
        parts.previews["words"][node] += f" beside {', '.join(named)}."
    return parts.graph()


def named_in_the_middle(parts: Any) -> mg.Graph:
    """Of three texts of an entity, the second names its partners."""
    named_partner(parts)
    texts = parts.previews["words"]
    for given in (parts.rows, parts.features):
        given["words"] = given["words"].repeat(3, axis=0)
    parts.features["words"] += parts.rng.normal(size=parts.features["words"].shape)
    parts.previews["words"] = [
        text for n, named in enumerate(texts) for text in (f"first {n}", named, f"last {n}")
    ]
    return parts.graph()


def telling_likeness(parts: Any) -> mg.Graph:
    """Links between members of a group, and a modality that holds the group."""
    group = np.arange(parts.count) // 4
    one, other = np.nonzero(group[:, None] == group[None])
    parts.pairs["follows"] = np.stack([one, other])[:, one != other]
    parts.rows["group"] = np.arange(parts.count)
    parts.features["group"] = parts.rng.normal(size=(group.max() + 1, 8))[group]
    parts.kinds["group"] = "tabular"
    parts.previews["group"] = [None] * parts.count
    return parts.graph()


def telling_sequence(parts: Any) -> mg.Graph:
    """The same, where it is the second node of three that holds the group."""
    telling_likeness(parts)
    told = parts.features["group"]
    nodes = 0.1 * parts.rng.normal(size=(len(told), 3, told.shape[1]))
    nodes[:, 1] += told
    parts.rows["group"] = parts.rows["group"].repeat(3)
    parts.features["group"] = nodes.reshape(-1, told.shape[1])
    parts.previews["group"] = [None] * len(parts.rows["group"])
    return parts.graph()


PLANTS: dict[str, tuple[Callable[[Any], mg.Graph], str]] = {
    "a held-out edge": (held_out_edges, "held_out_edges"),
    "its reverse": (reverse, "held_out_edges"),
    "a copied relation": (copied_relation, "held_out_edges"),
    "copies of both ends": (twin_links, "twin_links"),
    "a column of partners": (named_partner, "named_partner"),
    "partners in the second text": (named_in_the_middle, "named_partner"),
    "groups in the second node": (telling_sequence, "telling_likeness"),
    "a column of groups": (telling_likeness, "telling_likeness"),
}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", PLANTS)
def test_what_is_planted_is_found_and_nothing_else(name: str, seed: int, parts: Callable[..., Any]) -> None:
    plant, check = PLANTS[name]
    report = audit(plant(parts(seed)), task="link:follows")
    assert {found for found, _ in report.findings} == {check}, str(report)
    for _, finding in report.findings:
        assert 0 < finding.count <= finding.of
        assert finding.fix.endswith(".")


@pytest.mark.parametrize("relation", ["follows", "alike", "made_by"])
@pytest.mark.parametrize("seed", range(2))
def test_nothing_is_found_where_nothing_leaks(relation: str, seed: int, parts: Callable[..., Any]) -> None:
    report = audit(parts(seed).graph(), task=f"link:{relation}")
    assert report.clean, str(report)
    asked = {result.check for result in report.results if not result.skipped}
    assert {"held_out_edges", "twin_links", "named_partner"} <= asked
    assert ("telling_likeness" in asked) == (relation != "made_by")


def test_one_part_alone_is_looked_at(parts: Callable[..., Any]) -> None:
    spoilt = parts(0)
    graph = reverse(spoilt)
    asked = graph.held_out["follows"].part[:3]
    for split in ("validation", "test"):
        found = audit(graph, task="link:follows", split=split).findings
        assert sum(finding.count for _, finding in found) == (asked == split).sum()
