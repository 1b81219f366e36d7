"""Edges between entities that have much in common."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmgraph.errors import ConfigError, GraphError
from mmgraph.graph import build_graph
from mmgraph.relations import CoOccurrence, co_occurrence

TRIPLE = ("thing", "co_occurrence_tags", "thing")


def dataset_of(make_dataset, cells):
    things = [{"id": str(n), "tags": cell, "kind": n % 2} for n, cell in enumerate(cells)]
    return make_dataset(things, target="kind" if len(cells) > 7 else None)


def test_a_k_that_nobody_can_have_is_worth_a_warning(make_dataset):
    dataset = dataset_of(make_dataset, ["a b", "a b", "b"])
    for k, warned in ((2, []), (3, ["k=3, but there are only 2 others; each hears from all within reach"])):
        builder = CoOccurrence(entity="thing", column="tags", k=k)
        assert (
            build_graph(dataset, relations=[builder], cache=False).manifest["relations"][
                "co_occurrence_tags"
            ]["warnings"]
            == warned
        )


def weights(graph, triple=TRIPLE):
    pairs = map(tuple, graph.edge_index[triple].T.tolist())
    return dict(zip(pairs, graph.edge_weight[triple].tolist(), strict=True))


def brute_force(known, asking, *, similarity, max_group, least, k, sender=None):
    """Return {(source, target): similarity}; the asking are the known ones if they are the same list."""
    sender = [True] * len(known) if sender is None else sender
    holders = {
        t: sum(t in own for own, may in zip(known, sender, strict=True) if may)
        for t in set().union(*known, *asking)
    }
    num = sum(sender)
    hub = {t for t, n in holders.items() if n > max_group}

    def weight(token):
        return 1.0 if similarity == "jaccard" else math.log1p(num / max(holders[token], 1))

    found = {}
    for j, own in enumerate(asking):
        row = []
        for i, other in enumerate(known):
            a, b = own - hub, other - hub
            common = sum(weight(t) ** 2 for t in a & b)
            if not sender[i] or not common or (known is asking and i == j):
                continue
            sizes = [sum(weight(t) ** 2 for t in side) for side in (a, b)]
            near = (
                common / (sum(sizes) - common)
                if similarity == "jaccard"
                else common / math.sqrt(math.prod(sizes))
            )
            if np.float32(near) >= np.float32(least):
                row.append((-np.float32(near), i))
        found |= {(i, j): -s for s, i in sorted(row)[:k]}
    return found


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tags=st.lists(st.sets(st.sampled_from("uvwxyz"), max_size=4), min_size=2, max_size=9),
    similarity=st.sampled_from(["idf_cosine", "jaccard"]),
    max_group=st.integers(2, 6),
    least=st.floats(0.01, 0.9),
)
def test_it_equals_brute_force(make_dataset, tags, similarity, max_group, least):
    options = {"similarity": similarity, "max_group": max_group}
    dataset = make_dataset([{"id": str(n), "tags": sorted(own)} for n, own in enumerate(tags)])
    builder = CoOccurrence(
        "thing", "tags", separator="|", k=9, min_similarity=least, allow_empty=True, **options
    )
    graph = build_graph(dataset, relations=[builder])
    assert weights(graph) == pytest.approx(brute_force(tags, tags, least=least, k=9, **options), rel=1e-5)


def test_words_are_lower_case_and_each_counts_once(make_dataset):
    cells = ["Red  red, round!", "a RED thing", "", None, "blue"]
    dataset = make_dataset([{"id": str(n), "tags": cell} for n, cell in enumerate(cells)])
    graph = build_graph(dataset, relations=[CoOccurrence("thing", "tags", similarity="jaccard")])
    assert weights(graph) == pytest.approx({(0, 1): 1 / 4, (1, 0): 1 / 4})
    assert graph.manifest["relations"]["co_occurrence_tags"]["counts"]["tokens"] == 5


CELLS = ["a|b|c", "a|b", "b|c|d", "d|e", "e|f", "a|f", "hub|a|e", "hub|d", "hub|c", "hub", "b|hub"]
SETS = [set(cell.split("|")) for cell in CELLS]


@pytest.mark.parametrize("similarity", ["idf_cosine", "jaccard"])
@pytest.mark.parametrize("scope", ["all", "training"])
def test_scope_hubs_and_new_entities(make_dataset, attached, similarity, scope):
    dataset = dataset_of(make_dataset, CELLS)
    options = {"similarity": similarity, "max_group": 3, "k": 2}
    builder = CoOccurrence("thing", "tags", separator="|", scope=scope, min_similarity=0.2, **options)
    graph = build_graph(dataset, relations=[builder])
    sender = dataset.training_rows("thing").tolist() if scope == "training" else [True] * len(CELLS)
    expected = brute_force(SETS, SETS, least=0.2, sender=sender, **options)
    assert weights(graph) == pytest.approx(expected, rel=1e-5)
    if scope == "all":
        assert graph.manifest["relations"]["co_occurrence_tags"]["counts"]["tokens_over_max_group"] == 3
    new = ["a|b|unseen", "hub", "e|f", "strange|new"] + [""] * 4
    found = attached(graph, dataset_of(make_dataset, new), "co_occurrence_tags")
    pairs = zip(found.incoming.source.tolist(), found.incoming.target.tolist(), strict=True)
    asking = [set(cell.split("|")) - {""} for cell in new]
    wanted = brute_force(SETS, asking, least=0.2, sender=sender, **options)
    assert dict(zip(pairs, found.incoming.weight, strict=True)) == pytest.approx(wanted, rel=1e-5)
    assert found.counts["tokens_unseen"] >= 3


def test_blocks_change_nothing(make_dataset, monkeypatch):
    rng = np.random.default_rng(0)
    cells = [" ".join(rng.choice(list("abcdefghijklm"), 4)) for _ in range(60)]
    dataset = dataset_of(make_dataset, cells)
    whole = build_graph(dataset, relations=[CoOccurrence("thing", "tags")])
    monkeypatch.setattr(co_occurrence, "_HELD", 7)
    again = build_graph(dataset, relations=[CoOccurrence("thing", "tags")])
    assert weights(again) == weights(whole)
    assert np.bincount(whole.edge_index[TRIPLE][1]).max() == 10


def test_faults(make_dataset):
    dataset = dataset_of(make_dataset, CELLS)
    for builder, message in (
        (CoOccurrence("thing", "kind"), "column: got 'kind', which the task 'answer' predicts"),
        (CoOccurrence("thing", "tag"), "Did you mean 'tags'"),
        (CoOccurrence("thing", "id"), "no two entities are more similar than 0.1 by the 0 tokens they share"),
    ):
        with pytest.raises(GraphError, match=message):
            build_graph(dataset, relations=[builder])
    with pytest.raises(ConfigError, match="min_similarity: got 0; wanted a number greater than 0"):
        CoOccurrence("thing", "tags", min_similarity=0)
