"""Edges along a path of relations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mmgraph.relations.meta_path
from mmgraph.errors import GraphError
from mmgraph.graph import build_graph
from mmgraph.relations import MetaPath, Table, Temporal

PROPERTY = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
TRIPLE = ("thing", "r", "thing")
LINKS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12)
MADE = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), min_size=1, max_size=9)


def shop(make_dataset, links, made, target=None):
    """Return a dataset of six things with links among them, and three makers."""
    things = [{"id": f"t{n}", "kind": n % 2} for n in range(6)]
    return make_dataset(
        things,
        others=[{"id": f"m{n}"} for n in range(3)],
        tables={
            "link.csv": "source,target,times\n" + "".join(f"t{s},t{t},5\n" for s, t in links),
            "made.csv": "source,target\n" + "".join(f"t{s},m{t}\n" for s, t in made),
        },
        target=target,
    )


RELATIONS = [
    ("link", Table("thing", "thing", "link.csv", weight_column="times")),
    ("made", Table("thing", "other", "made.csv")),
]


def dense(pairs, shape):
    matrix = np.zeros(shape)
    for s, t in pairs:
        matrix[s, t] = 1
    return matrix


def counts(graph, triple):
    matrix = np.zeros(tuple(graph.schema.node_type(end).num_nodes for end in (triple[0], triple[2])))
    edges = graph.edges[triple]
    matrix[tuple(edges.index)] = edges.weight
    return matrix


@PROPERTY
@given(links=LINKS, made=MADE, at_a_time=st.sampled_from([1, 7, 10**6]))
def test_it_equals_a_product_of_dense_matrices(make_dataset, monkeypatch, links, made, at_a_time):
    monkeypatch.setattr(mmgraph.relations.meta_path, "_PATHS_AT_A_TIME", at_a_time)
    a, b = dense(links, (6, 6)), dense(made, (6, 3))
    paths = {
        "far": (["link", "link", "rev_link"], a @ a @ a.T, ("thing", "far", "thing")),
        "makers": (["link", "made"], a @ b, ("thing", "makers", "other")),
        "back": (["rev_made", "rev_link"], b.T @ a.T, ("other", "back", "thing")),
    }
    chosen = [(name, MetaPath(path, allow_empty=True)) for name, (path, _, _) in paths.items()]
    graph = build_graph(shop(make_dataset, links, made), relations=[*chosen, *RELATIONS])
    for _, wanted, triple in paths.values():
        assert np.array_equal(counts(graph, triple), wanted)
    assert graph.schema.edge_type(("thing", "makers", "other")).made_of == ("link", "made")


@PROPERTY
@given(made=MADE)
def test_path_sim_is_1_for_the_same_neighbours(make_dataset, made):
    dataset = shop(make_dataset, [(0, 1)], made)
    builder = MetaPath(
        ["made", "rev_made"], weight="normalised", filters={"self_loops": "drop"}, allow_empty=True
    )
    graph = build_graph(dataset, relations=[("r", builder), *RELATIONS])
    b = dense(made, (6, 3))
    number = b @ b.T
    own = number.diagonal()
    with np.errstate(invalid="ignore"):
        wanted = np.nan_to_num(2 * number / (own[:, None] + own[None, :]))
    np.fill_diagonal(wanted, 0)
    assert counts(graph, TRIPLE) == pytest.approx(wanted)


def test_weights_can_be_left_out(make_dataset):
    dataset = shop(make_dataset, [(0, 1), (1, 2)], [(0, 0)])
    graph = build_graph(dataset, relations=[("r", MetaPath(["link", "link"], weight="none")), *RELATIONS])
    assert graph.edge_index[TRIPLE].tolist() == [[0], [2]]
    assert not graph.schema.edge_type(TRIPLE).weighted


def test_it_goes_with_what_it_is_made_of(make_dataset):
    dataset = shop(make_dataset, [(0, 1), (1, 2)], [(0, 0)])
    graph = build_graph(dataset, relations=[("r", MetaPath(["link", "link"])), *RELATIONS])
    assert graph.without(relations=["link"]).schema.relations == ["made"]


def test_by_scope_training_a_path_passes_through_training_entities_only(make_dataset):
    links = [(s, t) for s in range(6) for t in range(6) if s != t]
    dataset = shop(make_dataset, links, [(0, 0)], target="kind")
    chosen = [("r", MetaPath(["link", "link"], scope="training")), *RELATIONS]
    graph = build_graph(dataset, relations=chosen)
    training = np.diag(graph.nodes["thing"]["training"].to_numpy(float))
    a = training @ dense(links, (6, 6))
    assert 0 < training.sum() < 6
    assert np.array_equal(counts(graph, TRIPLE), a @ a)


def test_what_is_made_of_what_leads_one_way_does_too(make_dataset):
    dataset = make_dataset([{"id": f"t{n}", "when": n} for n in range(4)])
    chosen = [("r", MetaPath(["before", "before"])), ("before", Temporal("thing", "when", k=1))]
    graph = build_graph(dataset, relations=chosen)
    assert [t.name for t in graph.schema.edge_types] == ["before", "r"]
    assert graph.edge_index[TRIPLE].tolist() == [[0, 1], [2, 3]]


@pytest.mark.parametrize(
    ("path", "parameters", "message"),
    [
        (["link", "lnk"], {}, "is made of 'lnk', which is not among the relations"),
        (["made", "link"], {}, r"path\[1\]: 'link' begins at thing, but 'made' ends at other"),
        (["made", "made"], {}, r"path\[1\]: 'made' begins at thing, but 'made' ends at other"),
        (
            ["link", "made"],
            {"weight": "normalised"},
            "weight: got 'normalised', but the path leads from thing",
        ),
        (["link", "link"], {"weight": "normalised"}, "the path leads forth otherwise than back"),
        (["rev_made", "rev_link"], {}, "no edge: no path leads along rev_made -> rev_link"),
        (["link", "rev_link"], {"max_edges": 2}, "max_edges: got 2; .* look at about 3 pairs"),
        (["link"], {}, "path: .*wanted"),
    ],
)
def test_faults(make_dataset, path, parameters, message):
    dataset = shop(make_dataset, [(0, 1), (1, 2), (3, 4)], [(0, 0)])
    with pytest.raises(Exception, match=message) as caught:
        build_graph(dataset, relations=[("r", MetaPath(path, **parameters)), *RELATIONS])
    assert "mmgraph.errors" in type(caught.value).__module__


def test_a_path_along_what_could_not_be_built_says_so(make_dataset):
    dataset = shop(make_dataset, [(0, 9)], [(0, 0)])
    with pytest.raises(GraphError) as caught:
        build_graph(dataset, relations=[("r", MetaPath(["link", "link"])), *RELATIONS])
    assert [fault.problem for fault in caught.value.faults][1] == (
        "is made of the relation 'link', which could not be built"
    )
