"""Edges among the elements of a sequence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mmgraph.data.load import load_dataset
from mmgraph.errors import GraphError
from mmgraph.graph import build_graph
from mmgraph.graph.attach import attach
from mmgraph.relations import Sequence
from mmgraph.relations.sequence import earlier_elements
from mmgraph.relations.spans import write_out

TRIPLE = ("thing/words", "sequence_words", "thing/words")


@pytest.fixture
def make_sequences(tmp_path):
    """Return a function that writes a dataset of things with words, in Parquet, and opens it."""

    def make(positions, *, sequence=True):
        rows = [(name, p) for name, own in positions.items() for p in own]
        table = pd.DataFrame(rows, columns=["id", "position"])
        vectors = np.arange(2 * len(table), dtype=np.float32).reshape(-1, 2)
        table["vector"] = list(vectors)
        table.sample(frac=1, random_state=0).to_parquet(tmp_path / "words.parquet")
        (tmp_path / "things.csv").write_text("id\n" + "".join(f"{name}\n" for name in positions))
        words = {"kind": "features", "file": "words.parquet", "key": "vector", "sequence": sequence}
        entities = {"thing": {"table": "things.csv", "modalities": {"words": words}}}
        (tmp_path / "dataset.yaml").write_text(yaml.safe_dump({"name": "words", "entities": entities}))
        return load_dataset(tmp_path)

    return make


@given(
    elements=st.sets(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=15),
    link=st.sampled_from(["next", "window", "all"]),
    window=st.integers(1, 4),
    seed=st.integers(0, 9),
)
def test_it_equals_looking_at_every_pair(elements, link, window, seed):
    order = np.random.default_rng(seed).permutation(len(elements))
    given = np.array(sorted(elements), dtype=np.int64).reshape(-1, 2)[order]
    start, stop, order = earlier_elements(given[:, 0], given[:, 1], link, window)
    before, after = write_out(start, stop)
    found = {(tuple(given[order[s]]), tuple(given[order[t]])) for s, t in zip(before, after, strict=True)}
    wanted = set()
    for entity, position in elements:
        own = sorted(p for e, p in elements if e == entity and p < position)
        near = {"all": own, "next": own[-1:], "window": [p for p in own if position - p <= window]}[link]
        wanted |= {((entity, p), (entity, position)) for p in near}
    assert found == wanted
    assert len(before) == len(wanted)


def test_edges_carry_offsets_and_never_cross_entities(make_sequences):
    dataset = make_sequences({"a": [0, 1, 4], "b": [], "c": [7, 2]})
    graph = build_graph(dataset, relations=[Sequence("thing/words")], cache=False)
    assert graph.nodes["thing/words"]["entity_index"].tolist() == [0, 0, 0, 2, 2]
    assert graph.nodes["thing/words"]["position"].tolist() == [0, 1, 4, 2, 7]
    edges = graph.edges[TRIPLE]
    carried = zip(map(tuple, edges.index.T.tolist()), edges.attr[:, 0].tolist(), strict=True)
    assert dict(carried) == {(0, 1): -1, (1, 0): 1, (1, 2): -3, (2, 1): 3, (3, 4): -5, (4, 3): 5}
    assert [t.name for t in graph.schema.edge_types] == ["of", "rev_of", "sequence_words"]
    assert graph.schema.edge_type(TRIPLE).made_from == ("thing/words",)
    past = build_graph(dataset, relations=[Sequence("thing/words", direction="past")], cache=False)
    assert past.edge_index[TRIPLE].tolist() == [[0, 1, 3], [1, 2, 4]]


def test_a_new_entity_brings_edges_among_its_elements(make_sequences):
    graph = build_graph(
        make_sequences({"a": [0, 1], "c": [2]}), relations=[Sequence("thing/words", link="all")], cache=False
    )
    joined = attach(graph, make_sequences({"x": [5], "y": [0, 3, 1]}))
    new = joined.graph
    assert new.nodes["thing/words"]["position"].tolist() == [0, 1, 2, 5, 0, 1, 3]
    assert new.nodes["thing/words"]["position"].dtype == np.int64
    assert new.nodes["thing/words"]["entity_index"].tolist() == [0, 0, 1, 2, 3, 3, 3]
    edges = new.edges[TRIPLE]
    assert edges.index.tolist() == [[1, 0, 5, 6, 4, 6, 4, 5], [0, 1, 4, 4, 5, 5, 6, 6]]
    assert edges.attr[2:, 0].tolist() == [1, 3, -1, 2, -3, -2]
    assert joined.edge_table()["target"].tolist() == ["y"] * 6


@pytest.mark.parametrize(
    ("positions", "parameters", "message"),
    [
        ({"a": [0], "b": [3]}, {}, "no edge: no entity has two elements"),
        ({"a": [0, 9]}, {"link": "window"}, "no edge: no entity has two elements within 2 positions"),
        ({"a": range(9)}, {"link": "all", "max_edges": 50}, "max_edges: got 50; .* look at about 72 pairs"),
    ],
)
def test_faults(make_sequences, positions, parameters, message):
    with pytest.raises(GraphError, match=message):
        build_graph(make_sequences(positions), relations=[Sequence("thing/words", **parameters)], cache=False)


def test_one_vector_for_each_entity_is_no_sequence(make_dataset):
    dataset = make_dataset([{"id": "a"}, {"id": "b"}], vectors=np.eye(2))
    with pytest.raises(GraphError, match="on: got 'thing/vector', which is one vector for each entity"):
        build_graph(dataset, relations=[Sequence("thing/vector")])
