"""A user's own relation."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import Field

import mmgraph as mg
from mmgraph.errors import ConfigError, DataError, GraphError
from mmgraph.graph import Edges, Nodes, build_graph
from mmgraph.graph.read_edges import read_edges
from mmgraph.registry import RELATIONS
from mmgraph.relations import KNN, relation

EDGE = ([0], [1])
TRIPLE = ("thing", "chain", "thing")


@pytest.fixture
def chain() -> Iterator[type]:
    """A relation from every thing to a later one; registered for the test alone."""

    @relation("chain", source="thing", target="thing")
    def chain(source: Nodes, target: Nodes, *, step: Annotated[int, Field(ge=1)] = 1):
        """Tie every thing to a later one."""
        start = np.arange(len(source) - step)
        return start, start + step

    yield chain
    forget("chain")


def forget(*names: str) -> None:
    for name in names:
        RELATIONS._things.pop(name, None)


def returning(result, **options):
    """Return a relation whose function returns something, or raises it."""
    name = f"made_{uuid.uuid4().hex}"

    def function(source: Nodes, target: Nodes):
        if isinstance(result, Exception):
            raise result
        return result

    builder = relation(name, source="thing", target="thing", **options)(function)
    forget(name)
    return ("made", builder)


def carrying(**carried):
    """Return one edge that carries something."""
    return Edges(np.array([0]), np.array([1]), **carried)


class Unreadable:
    """Claims to be an array, and is none."""

    def __array__(self, *args, **kwargs):
        raise ZeroDivisionError


def built(make_dataset, things, relations):
    return build_graph(make_dataset(things), relations=relations, cache=False)


def test_the_decorated_function_is_a_builder(make_dataset, things, chain):
    graph = built(make_dataset, things, [chain])
    assert graph.edge_index[TRIPLE].tolist() == [[0, 1, 2, 3, 4], [1, 2, 3, 4, 5]]
    assert ("thing", "rev_chain", "thing") in graph.edge_index
    edge_type = graph.schema.edge_type(TRIPLE)
    assert edge_type.kind == "derived"
    assert graph.manifest["relations"]["chain"]["builder"] == "chain"


def test_it_takes_parameters_and_names(make_dataset, things, chain):
    graph = built(make_dataset, things, [chain(step=3), ("skip", chain(step=2))])
    assert graph.edge_index[TRIPLE].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert graph.edge_index["thing", "skip", "thing"].shape == (2, 4)
    parameters = graph.manifest["relations"]["skip"]["parameters"]
    assert parameters["step"] == 2
    assert chain(**parameters) == chain(step=2)


def test_it_can_be_named_in_yaml(make_dataset, things, chain):
    dataset = make_dataset(things, relations={"far": {"builder": "chain", "step": 4}})
    assert build_graph(dataset).edge_index["thing", "far", "thing"].tolist() == [[0, 1], [4, 5]]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"step": 0}, "dataset.yaml: relations.far.step: got 0; wanted a number of at least 1"),
        ({"step": "long"}, "dataset.yaml: relations.far.step: got 'long'; wanted an integer"),
        ({"stp": 2}, "relations.far.stp: is a key that is not known here. Did you mean 'step'?"),
    ],
)
def test_yaml_parameters_are_checked(make_dataset, things, chain, parameters, message):
    dataset = make_dataset(things, relations={"far": {"builder": "chain"} | parameters})
    with pytest.raises(ConfigError) as caught:
        build_graph(dataset)
    assert message in str(caught.value)


def test_the_function_stays_at_hand_with_name_and_words(chain):
    assert chain.__name__ == "chain"
    assert chain.__doc__ == "Tie every thing to a later one."
    assert chain.function(range(3), range(3), step=2)[1].tolist() == [2]


def test_a_parameter_may_be_required(make_dataset, things):
    @relation("needy", source="thing", target="thing")
    def needy(source: Nodes, target: Nodes, *, step: int):
        return [0], [step]

    forget("needy")
    with pytest.raises(ConfigError, match=r"needy.step: is missing"):
        built(make_dataset, things, [needy])
    assert built(make_dataset, things, [needy(step=2)]).edge_index["thing", "needy", "thing"].tolist() == [
        [0],
        [2],
    ]


def test_the_function_sees_nodes_without_labels(make_dataset):
    seen = []

    @relation("look", source="thing/vector", target="thing", columns=["width"])
    def look(source: Nodes, target: Nodes):
        seen.extend((source, target))
        return [0], [0]

    forget("look")
    things = [{"id": f"t{n}", "width": n, "kind": "ab"[n % 2], "present": n > 0} for n in range(8)]
    dataset = make_dataset(things, vectors=np.random.default_rng(0).normal(size=(8, 3)), target="kind")
    graph = build_graph(dataset, relations=[look], cache=False)
    source, target = seen
    assert (source.type, len(source), source.ids[0]) == ("thing/vector", 7, "t1")
    assert np.array_equal(source.features, graph.features["thing/vector"])
    assert source.entity_index.tolist() == list(range(1, 8))
    assert source.frame["width"].tolist() == list(range(1, 8))
    assert target.features is None
    assert target.training.tolist() == (dataset.split("random") == "train").tolist()
    assert list(source.frame) == list(target.frame) == ["width"]
    assert graph.schema.edge_type(("thing/vector", "look", "thing")).made_from == ("thing/vector",)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("kind", r"columns: got 'kind', which the task 'answer' predicts"),
        ("widht", r"columns: got 'widht'; neither end has such a column\. Did you mean 'width'"),
    ],
)
def test_a_column_that_cannot_be_shown(make_dataset, column, message):
    things = [{"id": f"t{n}", "width": n, "kind": "ab"[n % 2]} for n in range(8)]
    with pytest.raises(GraphError, match=message):
        build_graph(make_dataset(things, target="kind"), relations=[returning(EDGE, columns=[column])])


def test_a_column_that_was_not_asked_for(make_dataset, things):
    with pytest.raises(GraphError, match=r"KeyError.*named by @relation\(\.\.\., columns="):
        built(make_dataset, things, [returning(KeyError("width"))])


def test_the_function_cannot_change_the_graph(make_dataset, things):
    @relation("vandal", source="thing/vector", target="thing/vector")
    def vandal(source: Nodes, target: Nodes):
        assert source is target
        source.features[:] = 0
        source.frame["id"] = "gone"
        source.entity_index[:] = 0
        return [0], [1]

    forget("vandal")
    dataset = make_dataset(things, vectors=np.random.default_rng(0).normal(size=(6, 3)))
    plain = build_graph(dataset, relations=[KNN("thing/vector", k=2)], cache=False)
    graph = build_graph(dataset, relations=[vandal, KNN("thing/vector", k=2)], cache=False)
    assert np.array_equal(graph.features["thing/vector"], plain.features["thing/vector"])
    triple = ("thing/vector", "knn_vector", "thing/vector")
    assert np.array_equal(graph.edge_index[triple], plain.edge_index[triple])


E_PLAIN = [[0, 1], [2, 3]]


@pytest.mark.parametrize(
    "result",
    [
        ([0, 1], [2, 3]),
        (np.array([0, 1], dtype=np.uint8), torch.tensor([2, 3])),
        np.array(E_PLAIN),
        torch.tensor(E_PLAIN),
        [(0, 2), (1, 3)],
        ((0, 1), [2, 3]),
        [(1, 3), (0, 2), (1, 3)],
        ([1, 0, 1], [3, 2, 3]),
        ([0, 1], [2, 3], None),
        Edges(np.array([0, 1]), np.array([2, 3])),
    ],
)
def test_edges_may_come_in_any_usual_form(make_dataset, things, result):
    graph = built(make_dataset, things, [returning(result)])
    assert graph.edge_index["thing", "made", "thing"].tolist() == E_PLAIN


@pytest.mark.parametrize("pairs", [[], [(0, 1)], [(0, 1), (2, 3)], [(0, 1), (2, 3), (4, 5)]])
def test_a_list_of_tuples_is_a_list_of_edges_however_many(pairs):
    edges = read_edges(pairs, 6, 6, where="here")
    assert list(zip(edges.source.tolist(), edges.target.tolist(), strict=True)) == pairs
    weighted = read_edges([(*pair, 0.5) for pair in pairs], 6, 6, where="here")
    assert (weighted.source.tolist(), weighted.target.tolist()) == (
        edges.source.tolist(),
        edges.target.tolist(),
    )
    assert (weighted.weight is None) == (not pairs)
    assert not pairs or weighted.weight.tolist() == [0.5] * len(pairs)


@pytest.mark.parametrize("weight", [[0.5, 2], np.array([0.5, 2]), torch.tensor([0.5, 2])])
def test_weights_may_come_along(make_dataset, things, weight):
    graph = built(make_dataset, things, [returning(([0, 1], [2, 3], weight))])
    assert graph.edge_weight["thing", "made", "thing"].tolist() == [0.5, 2.0]


def test_symmetric_edges_are_stored_both_ways(make_dataset, things):
    graph = built(make_dataset, things, [returning(([0], [2], [0.5]), symmetric=True)])
    assert graph.edge_index["thing", "made", "thing"].tolist() == [[2, 0], [0, 2]]
    assert graph.edge_weight["thing", "made", "thing"].tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (None, "gave nothing; wanted edges"),
        ("edges", "gave str; wanted edges"),
        ({"source": [0]}, "gave dict; wanted edges"),
        (np.zeros(4, dtype=int), "gave ndarray of shape (4,); wanted edges"),
        (np.zeros((3, 2), dtype=int), "gave an array of shape (3, 2); wanted [2, E]. Transpose it."),
        (np.zeros((5, 5), dtype=int), "gave an array of shape (5, 5); wanted [2, E]"),
        (([0], [1], [1.0], [2]), "gave tuple; wanted edges"),
        (E_PLAIN, "gave a list of lists, which could be edges as well as columns"),
        (((0, 1), (2, 3)), "gave a tuple of tuples, which could be edges as well as columns"),
        ([np.array([0, 1]), np.array([2, 3])], "gave array([0, 1]) as edge 0; wanted a tuple of two"),
        ([(0, 1), (2, 3, 0.5)], "gave (2, 3, 0.5) as edge 1; wanted a tuple of two numbers, or three"),
        ([(0, 1), 2], "gave 2 as edge 1"),
        ([(0, 1.5)], "gave float64 of shape (1,) as target indices"),
        ([(0, 9)], "target index out of range, first 9 for edge 0"),
        (([0, 1], [1]), "gave 2 source indices but 1 target index"),
        (([0], [6]), "gave 1 target index out of range, first 6 for edge 0; wanted 0 to 5"),
        (([0, -1], [1, 2]), "gave 1 source index out of range, first -1 for edge 1"),
        (([0.5], [1.0]), "gave float64 of shape (1,) as source indices; wanted whole numbers"),
        ((np.ones(6, bool), np.ones(6, bool)), "gave bool of shape (6,) as source indices"),
        ((["a"], ["b"]), "as source indices; wanted whole numbers"),
        (([[0]], [[1]]), "gave int64 of shape (1, 1) as source indices"),
        (
            ([0], [1], [float("nan")]),
            "gave 1 weight that is not finite or not above 0, first nan for edge 0",
        ),
        (([0], [1], [float("inf")]), "first inf for edge 0"),
        (([0], [1], [0.0]), "first 0.0 for edge 0"),
        (([0], [1], [-1.0]), "first -1.0 for edge 0"),
        (([0], [1], [1.0, 2.0]), "gave float64 of shape (2,) as weights; wanted numbers [1]"),
        (([0], [1], ["heavy"]), "as weights; wanted numbers [1]"),
        ((0, 1), "gave int64 of shape () as source indices"),
        (([], []), "the relation has no edge: the builder returned none"),
        (ZeroDivisionError("division by zero"), "raised ZeroDivisionError: division by zero (line "),
        (iter([]), "gave list_iterator; wanted edges"),
        (torch.zeros((2, 1), requires_grad=True), "gave Tensor; wanted edges"),
        (
            ([0, 0, 2], [1, 1, 3], [3e38, 3e38, 1]),
            "1 weight is too large for float32; the first is the sum",
        ),
        (Unreadable(), "function function: gave Unreadable; wanted edges"),
        (([0], Unreadable()), "gave no array as target indices"),
        (
            pd.DataFrame({"from": [0, 1], "to": [1, 2]}),
            "gave a DataFrame of 2 columns, which does not say what each is. Return its columns as a tuple "
            "(source_index, target_index), e.g. (frame['from'], frame['to'])",
        ),
        (
            np.ma.array([[0, 1], [1, 2]], mask=[[0, 0], [0, 1]]),
            "gave an array some of whose values are masked",
        ),
        (([0, 1], np.ma.array([1, 2], mask=[0, 1])), "whose values are masked as target indices"),
        (([0], [1], np.ma.array([1.0], mask=[1])), "whose values are masked as weights"),
        (carrying(time=np.array([2**63 + 5], np.uint64)), "1 time that does not fit into int64, first 92233"),
        (carrying(attr=[[1e300]], attr_names=("a",)), "gave 1 edge whose features are not finite"),
        (
            carrying(attr=[[1.0]], attr_names=(0,)),
            "gave (0,) as attr_names; wanted a tuple of different texts",
        ),
        (carrying(attr=[[1.0]], attr_names=None), "gave None as attr_names; wanted a tuple"),
        (carrying(attr=[[1.0, 2.0]], attr_names=("a", "a")), "gave ('a', 'a') as attr_names; wanted"),
        (carrying(attr=[[1.0, 2.0]], attr_names="ab"), "gave 'ab' as attr_names; wanted a tuple"),
        (carrying(attr=[[1.0]], attr_names=("",)), "gave ('',) as attr_names; wanted"),
        (carrying(attr=[[1.0]], attr_names=("a\n",)), "gave ('a\\n',) as attr_names; wanted"),
        (carrying(attr=[[1.0]]), "gave float64 of shape (1, 1) as edge features; wanted numbers [1, 0]"),
        (carrying(attr_names=("a",)), "gave ('a',) as attr_names, and no edge features"),
    ],
)
def test_nonsense_is_refused_with_the_reason(make_dataset, things, result, message):
    with pytest.raises(GraphError) as caught:
        built(make_dataset, things, [returning(result)])
    assert message in str(caught.value)
    assert "relations[0]" in str(caught.value)


def test_a_graph_stays_as_it_is_where_edge_features_have_no_names(make_dataset, things, tmp_path):
    dataset, out = make_dataset(things), tmp_path / "graph"
    good = build_graph(dataset, relations=[returning(EDGE)], out=out)
    bad = returning(carrying(attr=[[1.0]], attr_names=(0,)))
    with pytest.raises(GraphError, match="as attr_names"):
        build_graph(dataset, relations=[bad], out=out, overwrite=True)
    assert mg.load_graph(out, verify=True).fingerprint() == good.fingerprint()


def test_an_error_of_ours_passes_through_as_it_is(make_dataset, things):
    with pytest.raises(GraphError, match=r"^there is no palette$"):
        built(make_dataset, things, [returning(DataError("there is no palette"))])


def test_an_unknown_node_type_is_refused(make_dataset, things):
    @relation("lost", source="thing", target="thing/picture")
    def lost(source: Nodes, target: Nodes):
        return [0], [0]

    forget("lost")
    with pytest.raises(GraphError, match=r"target: there is no node type 'thing/picture'. There are: thing"):
        built(make_dataset, things, [lost])


def one(source):
    return source, source


def starred(*nodes):
    return nodes


def loose(source, target, step):
    return source, target


def keywords(source, target, **more):
    return source, target


def untyped(source, target, *, step=1):
    return source, target


def reserved(source, target, *, build: int = 1):
    return source, target


def hidden(source, target, *, _step: int = 1):
    return source, target


def odd_type(source, target, *, step: Iterator[np.random.Generator] | np.random.Generator):
    return source, target


def unresolved(source, target, *, step: Missing = 1):  # noqa: F821
    return source, target


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (one, "its parameters are not (source, target, *, further ones)"),
        (starred, "its parameters are not (source, target, *, further ones)"),
        (loose, "its parameters are not (source, target, *, further ones)"),
        (keywords, "parameter 'more': stands for any number of arguments"),
        (untyped, "parameter 'step': has no type. Write e.g. 'step: float'"),
        (reserved, "parameter 'build': has a name that relation builders need"),
        (hidden, "parameter '_step': has a name that relation builders need"),
        (odd_type, "has a parameter of a type that YAML cannot give"),
        (unresolved, "has a type that cannot be read: name 'Missing' is not defined"),
    ],
)
def test_a_signature_that_cannot_be_used_is_refused_at_once(function, message):
    with pytest.raises(ConfigError) as caught:
        relation("wrong", source="thing", target="thing")(function)
    assert message in str(caught.value)
    assert "wrong" not in RELATIONS


def test_a_name_must_be_one():
    with pytest.raises(ConfigError, match="got the name 'same palette'"):
        relation("same palette", source="thing", target="thing")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": 3}, "@relation odd: got 3 as source; wanted a node type, as text"),
        ({"target": None}, "@relation odd: got None as target; wanted a node type, as text"),
        ({"columns": "width"}, r"got 'width' as columns; wanted a list of names\. Write \['width'\]"),
        ({"columns": [3]}, r"got \[3\] as columns; wanted a list of names"),
        ({"columns": 3}, "got 3 as columns; wanted a list of names"),
    ],
)
def test_what_the_decorator_is_told_is_checked(options, message):
    with pytest.raises(ConfigError, match=message):
        relation("odd", **({"source": "thing", "target": "thing"} | options))


def test_a_name_cannot_be_taken_twice(chain):
    def other(source: Nodes, target: Nodes):
        return [0], [1]

    with pytest.raises(ConfigError, match="the relation 'chain' is registered already"):
        relation("chain", source="thing", target="thing")(other)


@pytest.fixture
def near() -> Iterator[type[Any]]:
    """An inductive relation of things whose sizes differ by little, weighed by how little."""

    @mg.relation(
        "near", source="thing", target="thing", symmetric=True, columns=["size", "kind"], inductive=True
    )
    def near(source: mg.Nodes, target: mg.Nodes, *, within: float = 1.0):
        """Tie things of one kind and nearly one size."""
        size = [nodes.frame["size"].to_numpy(float) for nodes in (source, target)]
        kind = [nodes.frame["kind"].to_numpy(object) for nodes in (source, target)]
        apart = abs(size[0][:, None] - size[1][None, :])
        same = source.ids[:, None] == target.ids[None, :]
        s, t = ((apart <= within) & (kind[0][:, None] == kind[1][None, :]) & ~same).nonzero()
        return s, t, (4 - apart[s, t]).astype(np.float32)

    yield near
    forget("near")


def test_an_inductive_function_ties_new_entities_as_it_tied_the_others(make_dataset, near, tmp_path):
    rows = [{"id": f"t{n}", "size": n * 0.7, "kind": "ab"[n % 2]} for n in range(12)]
    whole = build_graph(make_dataset(rows), relations=[near(within=3)], cache=False)
    expected = {
        (int(s), int(t)): float(w)
        for (s, t), w in zip(
            whole.edge_index["thing", "near", "thing"].T,
            whole.edge_weight["thing", "near", "thing"],
            strict=True,
        )
        if t >= 9 and s < 9
    }
    build_graph(make_dataset(rows[:9]), relations=[near(within=3)], cache=False).save(tmp_path / "graph")
    known = mg.load_graph(tmp_path / "graph")
    new = tmp_path / "new"
    new.mkdir()
    (new / "things.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[9:]))
    grown = mg.attach(known, new).graph
    index, weight = (
        grown.edge_index["thing", "near", "thing"],
        grown.edge_weight["thing", "near", "thing"],
    )
    found = {(int(s), int(t)): float(w) for (s, t), w in zip(index.T, weight, strict=True) if t >= 9}
    assert found == pytest.approx(expected)
    assert len(found) == 5


def test_a_column_that_cannot_be_kept_is_named(make_dataset, near):
    from mmgraph.relations.kept_column import keep_column

    with pytest.raises(GraphError, match="the column 'day' cannot be kept for new entities"):
        keep_column(pd.Series(pd.to_datetime(["2020-01-01"]), name="day"), where="columns")
