"""An audit of a retrieval: a leak of each kind is planted and found, and a clean graph stays silent."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import mmgraph as mg
from mmgraph.data.task_spec import RetrievalTaskSpec
from mmgraph.errors import ConfigError, GraphError
from mmgraph.evaluation.audit.audit import audit
from mmgraph.evaluation.audit.ranks import own_share
from mmgraph.graph.edges import StoredEdges

Planted = tuple[mg.Graph, dict[str, Any]]
WORDS, OF = "thing/words", ("thing/words", "of", "thing")


def near_by(features: np.ndarray, rows: np.ndarray, k: int = 5) -> np.ndarray:
    """Return edges from the k nearest entities to each."""
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    likeness = unit @ unit.T - 2 * np.eye(len(unit))
    near = np.argsort(-likeness, axis=1)[:, :k]
    return np.stack([rows[near.ravel()], np.repeat(rows, k)])


def own_answer(parts: Any) -> Planted:
    """A word that a held-out entity has is that of a training one as well."""
    graph = parts.graph()
    node = parts.at("words", parts.held_out)[0]
    stored = graph.edges[OF].index
    index = np.concatenate([stored, [[node], [parts.train[0]]]], axis=1)
    index = index[:, np.lexsort((index[0], index[1]))]
    return replace(graph, edges={**graph.edges, OF: StoredEdges(index)}), {}


def copied_text(parts: Any) -> Planted:
    rows = parts.rows["words"]
    parts.rows["caption"] = rows
    parts.features["caption"] = parts.rng.normal(size=(len(rows), 4))
    parts.kinds["caption"] = "text"
    parts.previews["caption"] = [f"a picture of: {text.upper()}!" for text in parts.previews["words"]]
    return parts.graph(), {"query_with": ("caption",)}


def copied_number(parts: Any) -> Planted:
    rows = parts.rows["words"]
    parts.features["facts"][rows, 2] = -3 * parts.features["words"][:, 4] + 1
    return parts.graph(), {"query_with": ("facts",)}


def copied_sentence(parts: Any) -> Planted:
    """The second of three sentences of each picture is a copy."""
    _, changes = copied_text(parts)
    count = len(parts.rows["caption"])
    parts.rows["caption"] = parts.rows["caption"].repeat(3)
    parts.features["caption"] = parts.rng.normal(size=(3 * count, 4))
    copies = parts.previews["caption"]
    parts.previews["caption"] = [
        text for n, copy in enumerate(copies) for text in (f"first {n}", copy, f"last {n}")
    ]
    return parts.graph(), changes


def copied_mean(parts: Any) -> Planted:
    """Names of two nodes each, whose mean is a number of the other side."""
    features, rows = parts.features["words"], parts.rows["words"]
    parts.features["facts"][rows, 2] = -3 * features[:, 4] + 1
    apart = parts.rng.normal(size=features.shape)
    parts.rows["words"] = rows.repeat(2)
    parts.features["words"] = np.stack([features + apart, features - apart], axis=1).reshape(-1, 6)
    parts.previews["words"] = [f"{text} {k}" for text in parts.previews["words"] for k in "ab"]
    return parts.graph(), {"query_with": ("facts",)}


def copied_column(parts: Any) -> Planted:
    modalities = {
        "words": {"kind": "text", "column": "title"},
        "facts": {"kind": "tabular", "columns": {"size": "numeric", "title": "categorical"}},
    }
    parts.manifest["dataset"] = {"spec": {"entities": {"thing": {"modalities": modalities}}}}
    return parts.graph(), {"query_with": ("facts",)}


def telling_neighbours(parts: Any) -> Planted:
    """A relation made of both modalities, given as a table."""
    rows, one, other = np.intersect1d(parts.rows["picture"], parts.rows["words"], return_indices=True)
    both = np.concatenate([parts.features["picture"][one], 3 * parts.features["words"][other]], axis=1)
    parts.pairs["near"] = near_by(both, rows)
    return parts.graph(), {"query_with": ("near",)}


def wrongly_recorded(parts: Any) -> Planted:
    """One that was made of words and says that it was made of pictures."""
    parts.pairs["near"] = near_by(parts.features["words"], parts.rows["words"])
    graph = parts.graph()
    types = tuple(
        replace(t, made_from=("thing/picture",)) if t.relation == "near" else t
        for t in graph.schema.edge_types
    )
    return replace(graph, schema=replace(graph.schema, edge_types=types)), {}


def shared_neighbours(parts: Any) -> Planted:
    one, other = parts.pairs["follows"]
    parts.pairs["again"] = np.stack([other, one])
    return parts.graph(), {"query_with": ("follows",), "answer_with": ("again",)}


def same_word(parts: Any) -> Planted:
    """A name of one word, which would be a property elsewhere."""
    copies, sources = parts.at("words", parts.held_out)[:4], parts.at("words", parts.train)[:4]
    for number, (one, other) in enumerate(zip(copies, sources, strict=True)):
        parts.previews["words"][one] = parts.previews["words"][other] = f"name{number}"
    return parts.graph(), {}


def same_picture(parts: Any) -> Planted:
    copies, sources = parts.at("picture", parts.held_out)[:4], parts.at("picture", parts.train)[:4]
    parts.features["picture"][copies] = parts.features["picture"][sources]
    for one, other in zip(copies, sources, strict=True):
        parts.previews["picture"][one] = parts.previews["picture"][other]
    return parts.graph(), {}


PLANTS: dict[str, tuple[Callable[[Any], Planted], str]] = {
    "own answer": (own_answer, "own_answer"),
    "copied text": (copied_text, "copied_sides"),
    "copied number": (copied_number, "copied_sides"),
    "copied sentence": (copied_sentence, "copied_sides"),
    "copied mean": (copied_mean, "copied_sides"),
    "copied column": (copied_column, "copied_sides"),
    "relation of both": (telling_neighbours, "telling_neighbours"),
    "wrongly recorded": (wrongly_recorded, "telling_neighbours"),
    "same neighbours": (shared_neighbours, "shared_neighbours"),
    "same word": (same_word, "same_content"),
    "same picture": (same_picture, "same_content"),
}


@pytest.fixture
def named(parts: Callable[..., Any]) -> Callable[[int], Any]:
    """Return a function that makes parts without a leak, in which no two names are the same."""

    def make(seed: int) -> Any:
        made = parts(seed, count=600)
        made.previews["words"] = [f"{text} n{n}" for n, text in enumerate(made.previews["words"])]
        return made

    return make


def with_pairs(graph: mg.Graph, changes: dict[str, Any]) -> mg.Graph:
    spec = RetrievalTaskSpec(
        kind="retrieval", entity="thing", query="picture", answer="words", split="parts", **changes
    )
    return replace(graph, tasks={**graph.tasks, "pairs": spec})


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", PLANTS)
def test_what_is_planted_is_found_and_nothing_else(name: str, seed: int, named: Callable[[int], Any]) -> None:
    plant, check = PLANTS[name]
    graph, changes = plant(named(seed))
    report = audit(with_pairs(graph, changes), task="pairs")
    assert {found for found, _ in report.findings} == {check}, str(report)
    for _, finding in report.findings:
        assert 0 < finding.count <= finding.of
        assert finding.fix.endswith(".")
    json.dumps(report.to_json())


CLEAN: dict[str, dict[str, Any]] = {
    "two sides alone": {},
    "relations that are named": {"query_with": ("alike", "follows"), "answer_with": ("made_by",)},
    "a further modality": {"answer_with": ("facts",)},
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", CLEAN)
def test_nothing_is_found_where_nothing_leaks(name: str, seed: int, named: Callable[[int], Any]) -> None:
    report = audit(with_pairs(named(seed).graph(), CLEAN[name]), task="pairs")
    assert report.clean, str(report)
    asked = {result.check for result in report.results if not result.skipped}
    assert {"own_answer", "copied_sides", "telling_neighbours", "shared_neighbours"} <= asked


def test_neighbours_by_a_sides_own_content_are_no_leak(named: Callable[[int], Any]) -> None:
    spoilt = named(0)
    spoilt.pairs["near"] = near_by(spoilt.features["picture"], spoilt.rows["picture"])
    assert audit(with_pairs(spoilt.graph(), {"query_with": ("near",)}), task="pairs").clean


def test_a_task_need_not_be_prepared(named: Callable[[int], Any]) -> None:
    graph, _ = same_picture(named(0))
    (found,) = audit(graph, task="retrieval:picture,words").findings
    assert found[1].where == "modality thing/picture"


def test_what_is_refused_is_refused_here(parts: Callable[..., Any]) -> None:
    spoilt = parts(0)
    graph = spoilt.graph()
    types = tuple(
        replace(t, made_from=("thing/picture", "thing/words")) if t.relation == "alike" else t
        for t in graph.schema.edge_types
    )
    graph = replace(graph, schema=replace(graph.schema, edge_types=types))
    with pytest.raises(GraphError, match="both sides see 'thing/words'"):
        audit(with_pairs(graph, {"query_with": ("alike",)}), task="pairs")
    with pytest.raises(ConfigError, match="there is no check 'telling_column'"):
        audit(graph, task="retrieval:picture,words", skip=["telling_column"])


def test_equal_scores_are_no_find() -> None:
    assert not own_share(np.ones((40, 40))).any()
    assert own_share(np.eye(40)).all()
    assert own_share(np.eye(5)).all()
