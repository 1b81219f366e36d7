"""Edges that a table lists."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmgraph.errors import GraphError
from mmgraph.graph import build_graph
from mmgraph.graph.attach import attach
from mmgraph.relations import Table

THING = ("thing", "link", "thing")


def links(make_dataset, things, csv, **parameters):
    """Return the graph of things with the relation `link`."""
    dataset = make_dataset(things, tables={"link.csv": csv})
    return build_graph(dataset, relations=[Table("thing", "thing", "link.csv", **parameters)])


def pairs(graph, triple=THING):
    ids = graph.nodes["thing"]["id"].tolist()
    return [(ids[s], ids[t]) for s, t in graph.edge_index[triple].T.tolist()]


def test_rows_become_edges_and_the_reverse_comes_by_itself(make_dataset, things):
    graph = links(make_dataset, things, "source,target\nb,a\nc,a\na,f\n")
    assert pairs(graph) == [("b", "a"), ("c", "a"), ("a", "f")]
    assert pairs(graph, ("thing", "rev_link", "thing")) == [("f", "a"), ("a", "b"), ("a", "c")]
    edge_type = graph.schema.edge_type(THING)
    assert (edge_type.kind, edge_type.weighted, edge_type.symmetric) == ("given", False, False)
    assert graph.schema.edge_type(("thing", "rev_link", "thing")).reverse_of == "link"


def test_columns_have_any_name_and_entity_types_differ(make_dataset, things):
    dataset = make_dataset(
        things,
        others=[{"id": 7}, {"id": 8}],
        tables={"made_by.csv": "thing,maker\nb,8\na,8\nc,7\n"},
        relations={
            "made_by": {
                "builder": "table",
                "source": "thing",
                "target": "other",
                "table": "made_by.csv",
                "source_column": "thing",
                "target_column": "maker",
            }
        },
    )
    graph = build_graph(dataset)
    assert graph.edge_index["thing", "made_by", "other"].tolist() == [[2, 0, 1], [0, 1, 1]]
    assert graph.edge_index["other", "rev_made_by", "thing"].tolist() == [[1, 1, 0], [0, 1, 2]]


def test_weights_of_the_same_edge_are_summed_and_counted(make_dataset, things):
    csv = "source,target,share\na,b,1.5\nc,b,4\na,b,2\nf,f,1\n"
    graph = links(make_dataset, things, csv, weight_column="share")
    assert pairs(graph) == [("a", "b"), ("c", "b"), ("f", "f")]
    assert graph.edge_weight[THING].tolist() == [3.5, 4.0, 1.0]
    assert graph.edge_weight["thing", "rev_link", "thing"].tolist() == [3.5, 4.0, 1.0]
    assert graph.manifest["relations"]["link"]["counts"] == {
        "rows": 4,
        "duplicates_merged": 1,
        "self_loops": 1,
        "edges": 3,
    }


def test_a_symmetric_table_may_list_a_pair_once_or_twice(make_dataset, things):
    csv = "source,target,share\na,b,2\nb,a,4\nc,a,5\nd,d,1\n"
    graph = links(make_dataset, things, csv, weight_column="share", direction="both")
    assert pairs(graph) == [("b", "a"), ("c", "a"), ("a", "b"), ("a", "c"), ("d", "d")]
    assert graph.edge_weight[THING].tolist() == [3.0, 5.0, 3.0, 5.0, 1.0]
    assert graph.schema.edge_type(THING).symmetric
    assert ("thing", "rev_link", "thing") not in graph.edge_index


def test_unknown_ids_can_be_skipped_and_are_counted(make_dataset, things):
    graph = links(make_dataset, things, "source,target\na,b\na,x\n,b\n", unknown="skip")
    assert pairs(graph) == [("a", "b")]
    described = graph.manifest["relations"]["link"]
    assert described["counts"]["rows_skipped"] == 2
    assert "2 of 3 rows" in described["warnings"][0]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef"), st.integers(1, 9)), min_size=1
    ),
    symmetric=st.booleans(),
)
def test_equals_a_dictionary_of_pairs(make_dataset, things, rows, symmetric):
    csv = "source,target,share\n" + "".join(f"{s},{t},{w}\n" for s, t, w in rows)
    graph = links(
        make_dataset, things, csv, weight_column="share", direction="both" if symmetric else "forward"
    )
    total: dict[tuple[str, str], float] = {}
    for s, t, w in rows:
        total[s, t] = total.get((s, t), 0) + w
    if symmetric:
        both = {(s, t) for s, t in total} | {(t, s) for s, t in total}
        listed = {(s, t): [total[p] for p in {(s, t), (t, s)} if p in total] for s, t in both}
        total = {pair: float(np.mean(weights)) for pair, weights in listed.items()}
    found = dict(zip(pairs(graph), graph.edge_weight[THING].tolist(), strict=True))
    assert found == pytest.approx(total)


@pytest.mark.parametrize(
    ("csv", "parameters", "message"),
    [
        ("source,target\na,x\n", {}, "column 'target', row 1: got 'x'; wanted an id of the type 'thing'"),
        (
            "source,target\na,b\na,x\na,y\n",
            {},
            "row 2: got 'x'; wanted an id of the type 'thing' (also in row 3)",
        ),
        ("source,target\na,\n", {}, "row 1: got an empty cell; wanted an id of the type 'thing'"),
        ("source,target\na,b\n", {"source_column": "sorce"}, "Did you mean 'source'?"),
        ("source,target\na,b\n", {"weight_column": "share"}, "link.csv has no such column"),
        ("source,target,share\na,b,nan\n", {"weight_column": "share"}, "'nan'; wanted a number"),
        ("source,target,share\na,b,\n", {"weight_column": "share"}, "an empty cell; wanted a weight"),
        ("source,target,share\na,b,inf\n", {"weight_column": "share"}, "wanted a finite number"),
        ("source,target,share\na,b,0\n", {"weight_column": "share"}, "got 0; wanted a weight greater than 0"),
        ("source,target,share\na,b,-2\n", {"weight_column": "share"}, "got -2; wanted a weight greater"),
        ("source,target\n", {}, "the relation has no edge: link.csv has no rows"),
        ("source,target\nx,y\n", {"unknown": "skip"}, "the 1 row of link.csv was skipped, as its ids"),
    ],
)
def test_faults(make_dataset, things, csv, parameters, message):
    with pytest.raises(GraphError) as caught:
        links(make_dataset, things, csv, **parameters)
    assert message in str(caught.value)


def test_all_faults_of_a_table_come_together(make_dataset, things):
    with pytest.raises(GraphError) as caught:
        links(make_dataset, things, "source,target,share\nx,b,1\na,y,0\n", weight_column="share")
    assert len(caught.value.faults) == 3


def test_the_nearest_id_is_offered_but_not_the_list_of_all(make_dataset):
    things = [{"id": f"country-{n}"} for n in range(100)]
    with pytest.raises(GraphError) as caught:
        links(make_dataset, things, "source,target\ncountry-1,contry-77\nzzz,country-1\n")
    text = str(caught.value)
    assert "Did you mean 'country-77'" in text
    assert "country-50" not in text


def test_an_empty_relation_can_be_allowed(make_dataset, things):
    graph = links(make_dataset, things, "source,target\n", allow_empty=True)
    assert graph.edge_index[THING].shape == (2, 0)
    assert graph.schema.edge_type(THING).num_edges == 0


def test_a_missing_table_and_one_outside_are_refused(make_dataset, things):
    dataset = make_dataset(things)
    for path, message in (("link.csv", "no such file"), ("../link.csv", "leaves the folder")):
        with pytest.raises(GraphError) as caught:
            build_graph(dataset, relations=[("link", Table("thing", "thing", path))])
        assert message in str(caught.value)


def test_a_symmetric_relation_of_two_entity_types_is_refused(make_dataset, things):
    dataset = make_dataset(things, others=[{"id": "o"}], tables={"link.csv": "source,target\na,o\n"})
    with pytest.raises(GraphError, match="a symmetric relation stays within one node type"):
        build_graph(dataset, relations=[Table("thing", "other", "link.csv", direction="both")])


def test_the_label_column_of_the_entity_table_is_refused(make_dataset):
    things = [{"id": str(n), "kind": n % 2} for n in range(8)]
    dataset = make_dataset(things, target="kind", others=[{"id": "0"}, {"id": "1"}])
    table = Table("thing", "other", "things.jsonl", source_column="id", target_column="kind")
    with pytest.raises(GraphError, match="target_column: got 'kind', which the task 'answer' predicts"):
        build_graph(dataset, relations=[("is", table)])


def test_an_entity_type_is_wanted_not_a_modality(make_dataset, things):
    dataset = make_dataset(things, vectors=np.eye(6), tables={"link.csv": "source,target\na,b\n"})
    with pytest.raises(GraphError, match="got 'thing/vector', a modality; wanted an entity type"):
        build_graph(dataset, relations=[Table("thing/vector", "thing", "link.csv")])


CARRYING = """\
source,target,share,km,stars,when
a,b,1,10,4,2024-01-02
a,b,3,30,1,2024-01-02
a,b,8,5,2,2024-02-01
c,b,2,7,3,2023-05-05
"""


def test_weights_that_add_up_to_infinity_are_refused(make_dataset, things):
    csv = "source,target,share\na,b,3e38\na,b,3e38\n"
    with pytest.raises(GraphError, match=r"link\.csv: 1 weight is too large .* the sum of 2 duplicates"):
        links(make_dataset, things, csv, weight_column="share")
    mean = links(make_dataset, things, csv, weight_column="share", duplicates="mean")
    assert mean.edge_weight["thing", "link", "thing"].tolist() == [np.float32(3e38)]


@pytest.mark.parametrize(
    ("duplicates", "weight", "attr"),
    [
        ("sum", 4, [20, 2.5]),
        ("mean", 2, [20, 2.5]),
        ("max", 3, [30, 4]),
        ("first", 1, [10, 4]),
        ("last", 3, [30, 1]),
    ],
)
def test_features_times_and_what_becomes_of_duplicates(make_dataset, things, duplicates, weight, attr):
    graph = links(
        make_dataset,
        things,
        CARRYING,
        weight_column="share",
        feature_columns=["km", "stars"],
        time_column="when",
        duplicates=duplicates,
    )
    assert pairs(graph) == [("a", "b"), ("a", "b"), ("c", "b")]
    days = graph.edge_time[THING].astype("datetime64[s]").astype("datetime64[D]").astype(str)
    assert days.tolist() == ["2024-01-02", "2024-02-01", "2023-05-05"]
    assert graph.edge_weight[THING].tolist() == [weight, 8, 2]
    assert graph.edge_attr[THING].tolist() == [attr, [5, 2], [7, 3]]
    assert graph.schema.edge_type(THING).attr_names == ("km", "stars")
    assert graph.manifest["relations"]["link"]["counts"]["duplicates_merged"] == 1


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from("abc"), st.integers(1, 9), st.integers(0, 2)),
        min_size=1,
    ),
    duplicates=st.sampled_from(["sum", "mean", "max", "first", "last"]),
)
def test_duplicates_equal_a_dictionary_of_lists(make_dataset, things, rows, duplicates):
    csv = "source,target,share,when\n" + "".join(f"{s},{t},{w},{d}\n" for s, t, w, d in rows)
    graph = links(make_dataset, things, csv, weight_column="share", time_column="when", duplicates=duplicates)
    listed: dict[tuple[str, str, int], list[int]] = {}
    for s, t, w, d in rows:
        listed.setdefault((s, t, d), []).append(w)
    join = {"sum": sum, "mean": np.mean, "max": max, "first": lambda x: x[0], "last": lambda x: x[-1]}
    ends = [(s, t, d) for (s, t), d in zip(pairs(graph), graph.edge_time[THING].tolist(), strict=True)]
    found = dict(zip(ends, graph.edge_weight[THING].tolist(), strict=True))
    assert found == pytest.approx({key: join[duplicates](own) for key, own in listed.items()})


def test_backward_turns_the_table_round(make_dataset, things):
    dataset = make_dataset(
        things, others=[{"id": "m"}], tables={"link.csv": "source,target,share\na,m,2\nc,m,3\n"}
    )
    back = Table("thing", "other", "link.csv", weight_column="share", direction="backward")
    graph = build_graph(dataset, relations=[back])
    assert graph.edge_index["other", "link", "thing"].tolist() == [[0, 0], [0, 2]]
    assert graph.edge_weight["thing", "rev_link", "other"].tolist() == [2, 3]


@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
def test_new_ones_get_the_edges_that_name_them(make_dataset, things, check_joining, direction):
    csv = "source,target,share,km\na,b,1,2\n"
    new = "x,a,2,3\nx,a,3,7\na,x,9,1\nb,x,5,5\ny,c,1,1\nx,x,1,1\n"
    builder = Table(
        "thing",
        "thing",
        "link.csv",
        weight_column="share",
        feature_columns=["km"],
        direction=direction,
        unknown="skip",
    )
    # What is known of x is in the same table, in which the graph without x skips it.
    check_joining(builder, things, [{"id": "x"}, {"id": "y"}], tables={"link.csv": csv + new})


def test_new_ones_without_a_table_have_no_edges_and_are_told(make_dataset, things):
    graph = links(make_dataset, things, "source,target\na,b\n")
    new = make_dataset([{"id": "x"}])
    (new.folder / "link.csv").unlink()
    found = attach(graph, new).relations["link"]
    assert len(found.incoming) == len(found.outgoing) == 0
    assert "there is no link.csv beside the new entities" in found.warnings[0]


@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
def test_neighbours_of_new_ones_that_nobody_is_are_counted_and_told(make_dataset, things, direction):
    graph = build_graph(
        make_dataset(things, tables={"link.csv": "source,target\na,b\n"}),
        relations=[("link", Table("thing", "thing", "link.csv", direction=direction))],
    )
    rows = "source,target\nx,a\nx,nobody\nother,y\nx,\nnobody,b\n"
    new = make_dataset([{"id": "x"}, {"id": "y"}, {"id": "z"}], tables={"link.csv": rows})
    found = attach(graph, new).relations["link"]
    assert found.unknown["thing"].tolist() == [2, 1, 0]
    assert found.counts["rows_skipped"] == 4
    assert len(found.incoming) + len(found.outgoing) == 1
    assert found.warnings == [
        "4 of 5 rows of link.csv were skipped: an id is empty or unknown, "
        "first in column 'source', row 3: got 'other'"
    ]


def test_rows_between_new_ones_are_none(make_dataset, things):
    graph = links(make_dataset, things, "source,target\na,b\n")
    new = make_dataset([{"id": "x"}, {"id": "y"}], tables={"link.csv": "source,target\nx,y\nx,a\n"})
    found = attach(graph, new).relations["link"]
    assert len(found.incoming) == 0
    assert (found.outgoing.source.tolist(), found.outgoing.target.tolist()) == ([0], [0])
    assert found.counts["rows_between_new"] == 1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"duplicates": "error"}, r"link.csv: row 2: lists an edge for a second time \(2 such rows in all"),
        (
            {"duplicates": "error", "time_column": "when"},
            r"row 2: lists an edge at the same time for a second time \(1 such row in all: row 2\)",
        ),
        ({"feature_columns": ["km", "source"]}, r"column 'source', row 1: got 'a'; wanted a number"),
        ({"feature_columns": ["km", "stras"]}, r"feature_columns\[1\]: got 'stras'; .* Did you mean 'stars'"),
        ({"feature_columns": ["km", "km"]}, "feature_columns: got km, km; wanted each column once"),
        ({"time_column": "source"}, "got 'a'; wanted a number or a date"),
        ({"time_column": "half"}, "row 1: got 0.5; wanted a date or a whole number"),
    ],
)
def test_faults_of_what_edges_carry(make_dataset, things, parameters, message):
    head, *rows = CARRYING.splitlines()
    csv = "\n".join([f"{head},half", *(f"{row},0.5" for row in rows)]) + "\n"
    with pytest.raises(GraphError, match=message):
        links(make_dataset, things, csv, **parameters)
