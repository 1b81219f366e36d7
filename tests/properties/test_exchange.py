"""What hypothesis draws comes back from every form: isolated nodes, empty relations, hostile ids."""

import tempfile
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

import mmgraph as mg
from mmgraph.data.task_spec import TaskSpec
from mmgraph.errors import GraphError
from mmgraph.graph.exchange.description import describe, read_description
from mmgraph.graph.exchange.parts import Modality, Parts
from mmgraph.graph.hold_out import HeldOutEdges
from mmgraph.graph.relation import Edges

TASK = TaskSpec(entity="product", target="kind", split="fixed", description="a <b> & 'c' \"d\"")
PRICE = TaskSpec(entity="product", kind="regression", target="price", split="fixed")
# Any text but lone surrogates, which no file can hold.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
FLOATS = st.floats(-(2.0**99), 2.0**99, width=32)
RELATIONS = [
    ("product", "bought_with", "product"),
    ("product", "made_by", "maker"),
    ("product/image", "alike", "product/image"),
    ("product/image", "shown_with", "product"),
]
ANY = settings(max_examples=15)


@st.composite
def edges(draw, sources, targets, plain):
    """Return the edges of one relation, perhaps with weights, features and times, and some to hold out."""
    count = draw(st.integers(0, 8)) if sources and targets else 0
    ends = [
        np.array(draw(st.lists(st.integers(0, size - 1), min_size=count, max_size=count)), dtype=np.int64)
        if count
        else np.empty(0, dtype=np.int64)
        for size in (sources, targets)
    ]

    def column(values, dtype):
        return np.array(draw(st.lists(values, min_size=count, max_size=count)), dtype=dtype)

    weight = column(st.floats(0.5, 1e6, width=32), np.float32) if draw(st.booleans()) else None
    if plain:
        return Edges(*ends, weight), None
    attr = names = None
    if draw(st.booleans()):
        attr, names = np.stack([column(FLOATS, np.float32), column(FLOATS, np.float32)], axis=1), ("a", "<b>")
    time = column(st.integers(-(2**62), 2**62), np.int64) if draw(st.booleans()) else None
    all_edges = Edges(*ends, weight, attr, names or (), time)
    part = column(st.sampled_from(["", "validation", "test"]), "<U10")
    aside = (part != "") & draw(st.booleans())
    # An edge that the graph has as well, or its reverse, is not held out.
    _, pair, times = np.unique(
        np.sort(np.stack(ends), axis=0), axis=1, return_inverse=True, return_counts=True
    )
    aside &= times[pair.ravel()] == 1
    held_out = HeldOutEdges(all_edges.take(aside), part[aside]) if aside.any() else None
    return all_edges.take(~aside), held_out


@st.composite
def graphs(draw, *, text=TEXT, plain=False):
    """Return a graph of products, some with a picture, and their makers.

    Args:
        text: What ids, titles and classes are made of.
        plain: Without tasks, edge features and times, of which matrices know nothing.
    """
    tables = {}
    for entity in ("product", "maker"):
        ids = draw(st.lists(text, max_size=5, unique=True))
        frame = {
            "id": pd.Series(ids, dtype="str"),
            "title": pd.Series([draw(text) for _ in ids], dtype="str"),
        }
        if entity == "product" and not plain:
            parts = st.sampled_from(["train", "validation", "test", ""])
            frame |= {
                "training": pd.Series([draw(st.booleans()) for _ in ids], dtype=bool),
                "target:kind": pd.Series([draw(st.none() | text) for _ in ids], dtype="str"),
                "split:kind": pd.Series([draw(parts) for _ in ids], dtype="str"),
                "target:price": pd.Series([draw(st.none() | FLOATS) for _ in ids], dtype=float),
                "split:price": pd.Series([draw(parts) for _ in ids], dtype="str"),
            }
        tables[entity] = pd.DataFrame(frame)
    size = len(tables["product"])
    width = draw(st.integers(1, 3))
    there = np.flatnonzero([draw(st.booleans()) for _ in range(size)])
    # A sequence: some products have several nodes of the modality.
    times = np.array([1 if plain else draw(st.integers(1, 2)) for _ in there], dtype=np.int64)
    rows = np.repeat(there, times)
    position = np.concatenate([np.arange(n) for n in times]) if len(times) else np.empty(0, dtype=np.int64)
    features = np.array([draw(FLOATS) for _ in range(len(rows) * width)], dtype=np.float32).reshape(-1, width)
    numbered = not plain and draw(st.booleans())
    modalities = {
        "product/image": Modality(rows.astype(np.int64), features, position=position if numbered else None)
    }
    sizes = {name: len(table) for name, table in tables.items()} | {"product/image": len(rows)}
    drawn = {triple: draw(edges(sizes[triple[0]], sizes[triple[2]], plain)) for triple in RELATIONS}
    relations = {triple: left for triple, (left, _) in drawn.items()}
    held_out = {triple: aside for triple, (_, aside) in drawn.items() if aside is not None}
    tasks = {} if plain else {"kind": TASK, "price": PRICE}
    return Parts("shop", tables, modalities, relations, tasks, held_out=held_out).graph("{name}")


def assert_same(one, other):
    assert one.fingerprint() == other.fingerprint()
    for name, table in one.nodes.items():
        assert table["id"].tolist() == other.nodes[name]["id"].tolist()
        # Where there is no node, there is nothing to say how it was trained on.
        for column in {"title", "training", "entity_index"} & set(table) if len(table) else ():
            assert table[column].tolist() == other.nodes[name][column].tolist()
    assert one.schema == other.schema
    assert one.name == other.name
    assert list(one.held_out) == list(other.held_out)
    for name, held_out in one.held_out.items():
        back = other.held_out[name]
        assert back.part.tolist() == held_out.part.tolist()
        for what in ("source", "target", "weight", "attr", "time"):
            own, came = getattr(held_out, what), getattr(back, what)
            assert (own is None) == (came is None)
            assert own is None or np.array_equal(own, came)


@ANY
@given(graph=graphs())
def test_networkx(graph):
    assert_same(graph, mg.from_networkx(graph.to_networkx()))


@ANY
@given(graph=graphs())
def test_networkx_with_reverse_relations(graph):
    assert_same(graph, mg.from_networkx(graph.to_networkx(reverse=True)))


@ANY
@given(graph=graphs())
def test_parquet_tables(graph):
    with tempfile.TemporaryDirectory() as folder:
        mg.write_tables(graph, Path(folder) / "tables")
        assert_same(graph, mg.read_tables(Path(folder) / "tables"))


@ANY
@given(graph=graphs())
def test_graphml_comes_back_or_is_refused(graph):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "graph.graphml"
        try:
            mg.write_graphml(graph, file)
        except GraphError as error:
            refused = str(error)
        else:
            refused = ""
            assert_same(graph, mg.read_graphml(file))
        assert file.exists() == (not refused)
        assert not refused or "which XML cannot" in refused


HOSTILE = st.sampled_from(
    ["<", "]]>", "&amp;", "\r", "\r\n", "\t", "\n", " ", "'\"", "é", "\U0001f600", "n0", "--"]
)


@ANY
@given(graph=graphs(text=st.lists(HOSTILE, min_size=1, max_size=3).map("".join)))
def test_graphml_with_hostile_text(graph):
    with tempfile.TemporaryDirectory() as folder:
        mg.write_graphml(graph, Path(folder) / "graph.graphml")
        assert_same(graph, mg.read_graphml(Path(folder) / "graph.graphml"))


@ANY
@given(graph=graphs(plain=True))
def test_scipy(graph):
    matrices = graph.to_scipy()
    entities = {name: table for name, table in graph.nodes.items() if "/" not in name}
    # A matrix of nothing but ones has no weights, so what is empty or all ones tells nothing of them.
    untold = [t for t in graph.schema.weighted if (graph.edge_weight[t] == 1).all()]
    back = mg.from_scipy(matrices, features=graph.features, nodes=entities, name="shop")
    if untold:
        assert set(back.schema.weighted) == set(graph.schema.weighted) - set(untold)
    else:
        assert_same(graph, back)
    for triple, matrix in matrices.items():
        dense = np.zeros(matrix.shape, dtype=np.float32)
        source, target = graph.edge_index[triple]
        dense[source, target] = graph.edge_weight.get(triple, 1)
        assert np.array_equal(matrix.toarray(), dense)


@ANY
@given(graph=graphs())
def test_hetero_data_keeps_nodes_features_and_edges(graph):
    back = mg.from_hetero_data(graph.data)
    assert back.schema.metadata == graph.schema.metadata
    for name, features in graph.features.items():
        assert np.array_equal(back.features[name], features)
        for column in {"entity_index", "position"} & set(graph.nodes[name]):
            assert back.nodes[name][column].tolist() == graph.nodes[name][column].tolist()
    assert not back.held_out
    for triple, stored in graph.edges.items():
        for part in ("index", "weight", "attr", "time"):
            own, other = getattr(stored, part), getattr(back.edges[triple], part)
            assert (own is None) == (other is None)
            assert own is None or np.array_equal(own, other)


@ANY
@given(graph=graphs())
def test_descriptions(graph):
    said = read_description(describe(graph), where="here")
    assert (said.schema, said.tasks, said.name) == (graph.schema, graph.tasks, graph.name)


@ANY
@given(graph=graphs(), data=st.data())
def test_a_networkx_graph_may_be_changed_before_it_is_read(graph, data):
    network = graph.to_networkx()
    entities = [node for node, kind in network.nodes(data="type") if kind == "maker"]
    gone = data.draw(st.lists(st.sampled_from(entities), unique=True)) if entities else []
    network.remove_nodes_from(gone)
    held_out = network.graph.get("held_out", [])
    left = [edge for edge in held_out if edge[1] not in gone]
    network.graph["held_out"] = left
    edges = [e for e in network.edges(keys=True) if network.edges[e]["relation"] == "bought_with"]
    cut = data.draw(st.lists(st.sampled_from(edges), unique=True)) if edges else []
    network.remove_edges_from(cut)
    back = mg.from_networkx(network)
    assert back.schema.node_type("maker").num_nodes == len(entities) - len(gone)
    triple = ("product", "bought_with", "product")
    assert back.schema.edge_type(triple).num_edges == graph.schema.edge_type(triple).num_edges - len(cut)
    assert sum(len(aside) for aside in back.held_out.values()) == len(left)
    assert isinstance(network, nx.MultiDiGraph)
