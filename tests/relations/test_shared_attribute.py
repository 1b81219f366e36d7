"""Edges between entities that share a value."""

from __future__ import annotations

import itertools
import json
import math

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmgraph.data.load import load_dataset
from mmgraph.errors import GraphError, MMGraphError
from mmgraph.graph import build_graph
from mmgraph.graph.attach import attach
from mmgraph.relations import SharedAttribute

TRIPLE = ("thing", "shared_tags", "thing")


def shared(make_dataset, cells, **parameters):
    dataset = make_dataset([{"id": str(n), "tags": cell} for n, cell in enumerate(cells)])
    return build_graph(dataset, relations=[SharedAttribute("thing", "tags", **parameters)])


def weights(graph, triple=TRIPLE):
    edges = map(tuple, graph.edge_index[triple].T.tolist())
    return dict(zip(edges, graph.edge_weight[triple].tolist(), strict=True))


def brute_force(values, max_group=50):
    """Return {(i, j): sum over shared values of log(1 + N / n)}."""
    have = {value: {i for i, own in enumerate(values) if value in own} for value in set().union(*values)}
    found = {}
    for i, j in itertools.permutations(range(len(values)), 2):
        common = [v for v in values[i] & values[j] if len(have[v]) <= max_group]
        if common:
            found[i, j] = sum(math.log1p(len(values) / len(have[v])) for v in common)
    return found


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(st.sets(st.sampled_from("uvwxyz"), max_size=4), min_size=2, max_size=9),
    max_group=st.integers(2, 6),
)
def test_lists_equal_brute_force(make_dataset, values, max_group):
    cells = [sorted(own) for own in values]
    graph = shared(make_dataset, cells, max_group=max_group, allow_empty=True)
    assert weights(graph) == pytest.approx(brute_force(values, max_group), rel=1e-6)


def test_text_is_cut_at_the_separator_and_blanks_do_not_count(make_dataset):
    graph = shared(make_dataset, ["red| blue", "blue |", "", None, "green|red|red"], separator="|")
    assert weights(graph) == pytest.approx(
        brute_force([{"red", "blue"}, {"blue"}, set(), set(), {"red", "green"}])
    )
    assert graph.manifest["relations"]["shared_tags"]["counts"]["values"] == 3


def test_without_a_separator_a_cell_is_one_value(make_dataset):
    graph = shared(make_dataset, ["a b", "a b", "a"], weight="none")
    assert graph.edge_index[TRIPLE].tolist() == [[1, 0], [0, 1]]
    assert not graph.schema.edge_type(TRIPLE).weighted
    assert TRIPLE not in graph.edge_weight


def test_numbers_are_values(make_dataset):
    assert shared(make_dataset, [1999, 2000, 1999]).edge_index[TRIPLE].tolist() == [[2, 0], [0, 2]]


def test_it_is_symmetric_and_derived(make_dataset):
    graph = shared(make_dataset, ["a", "a"])
    edge_type = graph.schema.edge_type(TRIPLE)
    assert edge_type.symmetric
    assert edge_type.kind == "derived"
    assert [t.name for t in graph.schema.edge_types] == ["shared_tags"]
    assert graph.manifest["relations"]["shared_tags"]["transductive"] is True


def test_hubs_are_left_out_and_noted(make_dataset):
    cells = [["hub", "x"], ["hub", "x"], ["hub"], ["hub"]]
    graph = shared(make_dataset, cells, max_group=3, weight="none")
    assert graph.edge_index[TRIPLE].tolist() == [[1, 0], [0, 1]]
    described = graph.manifest["relations"]["shared_tags"]
    assert described["counts"] == {"values": 2, "values_shared": 2, "values_over_max_group": 1, "edges": 2}
    assert "'hub' (4)" in described["warnings"][0]


def test_it_is_made_from_the_modality_that_reads_the_same_column(make_dataset):
    dataset = make_dataset([{"id": str(n), "tags": ["red", "blue", "red"][n]} for n in range(3)])
    entity = dataset.spec.entities["thing"]
    described = {"kind": "text", "column": "tags"}
    spec = dataset.spec.model_validate(
        dataset.spec.model_dump()
        | {"entities": {"thing": entity.model_dump() | {"modalities": {"words": described}}}}
    )
    dataset.spec = spec
    graph = build_graph(dataset, relations=[SharedAttribute("thing", "tags")], cache=False)
    assert graph.schema.edge_type(TRIPLE).made_from == ("thing/words",)
    assert TRIPLE not in graph.without(modalities=["words"]).edge_index


def test_a_target_is_refused(make_dataset):
    dataset = make_dataset([{"id": str(n), "kind": n % 2} for n in range(8)], target="kind")
    with pytest.raises(GraphError) as caught:
        build_graph(dataset, relations=[SharedAttribute("thing", "kind")])
    assert "column: got 'kind', which the task 'answer' predicts" in str(caught.value)
    assert "give the label away" in str(caught.value)


@pytest.mark.parametrize(
    ("cells", "parameters", "message"),
    [
        (
            ["a", "b"],
            {},
            "no two of the 2 values in 'tags' are the same; if a cell holds several, name their",
        ),
        (["a|c", "b|d"], {"separator": "|"}, "no two of the 4 values in 'tags' are the same."),
        (["a", "a", "a"], {"max_group": 2}, "is shared by more than max_group of them"),
    ],
)
def test_an_empty_relation_says_why(make_dataset, cells, parameters, message):
    with pytest.raises(GraphError) as caught:
        shared(make_dataset, cells, **parameters)
    assert message in str(caught.value)


def test_an_unknown_column_offers_the_nearest(make_dataset):
    dataset = make_dataset([{"id": "a", "tags": "x"}, {"id": "b", "tags": "x"}])
    with pytest.raises(GraphError, match="Did you mean 'tags'"):
        build_graph(dataset, relations=[SharedAttribute("thing", "tag")])


def shared_by_training(make_dataset, cells, **parameters):
    things = [{"id": str(n), "tags": cell, "kind": n % 2} for n, cell in enumerate(cells)]
    dataset = make_dataset(things, target="kind")
    builder = SharedAttribute("thing", "tags", **parameters)
    return dataset, build_graph(dataset, relations=[builder])


@pytest.fixture
def newcomers(tmp_path):
    def make(cells):
        folder = tmp_path / "new"
        folder.mkdir()
        rows = [{"id": f"new{n}", "tags": cell} for n, cell in enumerate(cells)]
        (folder / "things.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return folder

    return make


CELLS = [
    ["a", "b"],
    ["b"],
    ["a", "c"],
    ["c", "d"],
    ["b", "d"],
    [],
    ["a"],
    ["hub", "b"],
    ["hub", "d"],
    ["hub"],
]


def test_by_scope_training_only_training_entities_count(make_dataset):
    dataset, graph = shared_by_training(make_dataset, CELLS, scope="training", max_group=2)
    training = dataset.training_rows("thing")
    holders = {v: [i for i, own in enumerate(CELLS) if v in own and training[i]] for v in "abcd"}
    holders["hub"] = [i for i in (7, 8, 9) if training[i]]
    expected = {}
    for i, j in itertools.permutations(range(len(CELLS)), 2):
        common = [v for v in set(CELLS[i]) & set(CELLS[j]) if len(holders[v]) <= 2 and training[i]]
        if common:
            expected[i, j] = sum(math.log1p(training.sum() / len(holders[v])) for v in common)
    assert weights(graph) == pytest.approx(expected, rel=1e-6)
    assert not all(training[j] for _, j in expected)


def test_new_entities_share_with_known_ones(make_dataset, newcomers):
    _, graph = shared_by_training(make_dataset, CELLS)
    attached = attach(graph, newcomers([["a", "unseen"], ["b", "d"], [], ["hub"], ["other"]]))
    known = {v: {i for i, own in enumerate(CELLS) if v in own} for v in ("a", "b", "d", "hub")}
    expected = {}
    for new, own in enumerate([["a"], ["b", "d"], [], ["hub"], []]):
        for i in range(len(CELLS)):
            common = [v for v in own if i in known[v]]
            if common:
                expected[i, new] = sum(math.log1p(len(CELLS) / len(known[v])) for v in common)
    found = attached.relations["shared_tags"]
    pairs = zip(found.incoming.source.tolist(), found.incoming.target.tolist(), strict=True)
    assert dict(zip(pairs, found.incoming.weight, strict=True)) == pytest.approx(expected, rel=1e-6)
    assert len(found.outgoing) == 0
    assert found.counts["values_unseen"] == 2


@pytest.fixture
def with_tags(make_dataset):
    """Return a function that opens a dataset in which the values of a column are entities."""

    def make(cells, separator=None, target=None, **values_of):
        things = [{"id": str(n), "tags": cell, "kind": n % 2} for n, cell in enumerate(cells)]
        dataset = make_dataset(things, target=target)
        spec = yaml.safe_load(dataset.file.read_text())
        values_of = {"entity": "thing", "column": "tags", "separator": separator} | values_of
        spec["entities"]["tag"] = {"values_of": values_of}
        dataset.file.write_text(yaml.safe_dump(spec))
        return load_dataset(dataset.folder)

    return make


def test_entities_are_tied_to_their_values(with_tags, newcomers):
    cells = ["b|a", "a| c", "", "c|a|hub", "hub", "hub", "hub"]
    builder = SharedAttribute("thing", "tags", separator="|", to="tag", max_group=3)
    graph = build_graph(with_tags(cells, "|"), relations=[builder])
    assert graph.nodes["tag"]["id"].tolist() == ["a", "b", "c", "hub"]
    triple = ("thing", "has_tags", "tag")
    expected = {(0, 0): 3, (0, 1): 1, (1, 0): 3, (1, 2): 2, (3, 0): 3, (3, 2): 2}
    assert weights(graph, triple) == pytest.approx({e: math.log1p(7 / n) for e, n in expected.items()})
    assert ("tag", "rev_has_tags", "thing") in graph.edge_index
    assert graph.manifest["relations"]["has_tags"]["counts"]["values_over_max_group"] == 1
    found = attach(graph, newcomers(["a|hub|new", ""])).relations["has_tags"]
    assert (found.outgoing.source.tolist(), found.outgoing.target.tolist()) == ([0], [0])
    assert found.outgoing.weight == pytest.approx([math.log1p(7 / 3)])
    assert found.counts == {"values_unseen": 1}


def test_values_that_are_nodes_can_have_modalities_and_no_entity_table(with_tags):
    dataset = with_tags(["b", "a", "a"])
    assert dataset.titles("tag") == ["a", "b"]
    assert dataset.fingerprint() != with_tags(["b", "a", "c"]).fingerprint()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"to": "thing"}, "to: got 'thing', which has its own table. Write in dataset.yaml: entities.thing."),
        ({"to": "tag", "separator": ";"}, "to: got 'tag', which has other values"),
        ({"to": "tagg"}, "to: there is no node type 'tagg'. Did you mean 'tag'"),
    ],
)
def test_edges_lead_to_the_values_of_the_same_column(with_tags, parameters, message):
    builder = SharedAttribute("thing", "tags", **({"separator": "|"} | parameters))
    with pytest.raises(GraphError) as caught:
        build_graph(with_tags(["a|b", "a"], "|"), relations=[builder])
    assert message in str(caught.value)


def test_values_of_a_target_are_no_nodes(with_tags):
    with pytest.raises(MMGraphError) as caught:
        build_graph(with_tags(["a"] * 8, column="kind", target="kind"), relations=[])
    assert "entities.tag.values_of.column: got 'kind', which the task 'answer' predicts" in str(caught.value)
