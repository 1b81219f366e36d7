"""Edges from random nodes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgraph.errors import GraphError
from mmgraph.graph import build_graph
from mmgraph.relations import Random, Table
from mmgraph.relations.random_edges import random_sources

TRIPLE = ("thing", "random", "thing")
LINKS = "source,target\n" + "".join(f"t{s},t{t}\n" for t in range(6) for s in range(t))


def things(n=12):
    return [{"id": f"t{i}", "kind": i % 2} for i in range(n)]


@settings(max_examples=80)
@given(data=st.data(), num=st.integers(1, 30), targets=st.integers(0, 12), homogeneous=st.booleans())
def test_every_node_gets_as_many_as_asked_none_twice_never_itself(data, num, targets, homogeneous):
    senders = np.array(sorted(data.draw(st.sets(st.integers(0, 40), min_size=num, max_size=num))))
    own = np.arange(targets) if homogeneous else np.full(targets, -1)
    most = num - np.isin(own, senders)
    degrees = np.array([data.draw(st.integers(0, int(m))) for m in most], dtype=np.int64)
    chosen = random_sources(senders, degrees, own, np.random.default_rng(0))
    assert set(chosen.tolist()) <= set(senders.tolist())
    for node, part in enumerate(np.split(chosen, np.cumsum(degrees)[:-1]) if targets else []):
        assert len(part) == degrees[node] == len(set(part.tolist()))
        assert own[node] == -1 or own[node] not in part


def test_all_are_as_likely():
    chosen = random_sources(np.arange(10), np.full(4000, 3), np.full(4000, -1), np.random.default_rng(0))
    assert np.bincount(chosen) == pytest.approx(np.full(10, 1200), rel=0.1)


def test_it_is_seeded(make_dataset):
    dataset = make_dataset(things())
    built = [
        build_graph(dataset, relations=[Random("thing", "thing", k=3, seed=seed)]).edge_index[TRIPLE]
        for seed in (0, 0, 1)
    ]
    assert np.array_equal(built[0], built[1])
    assert not np.array_equal(built[0], built[2])
    assert np.bincount(built[0][1]).tolist() == [3] * 12
    assert (built[0][0] != built[0][1]).all()


def test_it_takes_the_degrees_of_another_relation(make_dataset):
    dataset = make_dataset(things(), tables={"links.csv": LINKS})
    graph = build_graph(dataset, relations=[Random(like="links"), Table("thing", "thing", "links.csv")])
    triple = ("thing", "random_links", "thing")
    given = np.bincount(graph.edge_index["thing", "links", "thing"][1], minlength=12)
    assert np.bincount(graph.edge_index[triple][1], minlength=12).tolist() == given.tolist()
    assert graph.schema.edge_type(triple).made_of == ("links",)


def test_by_scope_training_the_sources_are_training_ones(make_dataset, attached):
    dataset = make_dataset(things(), tables={"links.csv": LINKS}, target="kind")
    training = dataset.training_rows("thing")
    links = Table("thing", "thing", "links.csv")
    graph = build_graph(
        dataset,
        relations=[
            Random("thing", "thing", k=2, scope="training"),
            links,
            Random(like="links", scope="training"),
        ],
    )
    assert training[graph.edge_index[TRIPLE][0]].all()
    assert np.bincount(graph.edge_index[TRIPLE][1]).tolist() == [2] * 12
    new = attached(graph, make_dataset([{"id": f"new{n}"} for n in range(5)]), "random")
    assert training[new.incoming.source].all()
    assert np.bincount(new.incoming.target).tolist() == [2] * 5
    one = attached(graph, make_dataset([{"id": "new3"}]), "random").incoming.source
    assert set(one) == set(new.incoming.source[new.incoming.target == 3])
    like = attached(graph, make_dataset([{"id": f"new{n}"} for n in range(5)]), "random_links")
    assert len(np.unique(np.bincount(like.incoming.target, minlength=5))) > 1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "source: is not given; wanted source, target and k, or like"),
        ({"source": "thing", "target": "thing"}, "k: is not given"),
        ({"source": "thing", "target": "thing", "k": 12}, "k: got 12; a node of thing can hear from 11 of"),
        ({"source": "thing", "target": "thigh", "k": 1}, "target: there is no node type 'thigh'"),
        ({"like": "links", "k": 2}, "k: got 2 beside like: links"),
    ],
)
def test_faults(make_dataset, parameters, message):
    dataset = make_dataset(things(), tables={"links.csv": LINKS})
    with pytest.raises(GraphError) as caught:
        build_graph(
            dataset, relations=[("random", Random(**parameters)), Table("thing", "thing", "links.csv")]
        )
    assert message in str(caught.value)
