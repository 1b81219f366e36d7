"""Another relation with its ends dealt out anew."""

from __future__ import annotations

import numpy as np
import pytest

from mmgraph.errors import GraphError
from mmgraph.graph import build_graph
from mmgraph.relations import SharedAttribute, Shuffled, Table

LINKS = "source,target,weight\n" + "".join(f"t{i},t{(i * 7 + 3) % 20},{i + 1}\n" for i in range(20))


def dataset_of(make_dataset):
    things = [{"id": f"t{i}", "tag": f"x{i % 6}"} for i in range(20)]
    return make_dataset(things, tables={"links.csv": LINKS})


def degrees(graph, name):
    index = graph.edge_index["thing", name, "thing"]
    return [np.bincount(ends, minlength=20).tolist() for ends in index]


def test_degrees_and_weights_are_kept_and_edges_are_not(make_dataset):
    links = Table("thing", "thing", "links.csv", weight_column="weight")
    graph = build_graph(dataset_of(make_dataset), relations=[Shuffled("links"), links])
    assert degrees(graph, "shuffled_links") == degrees(graph, "links")
    old, new = (graph.edge_index["thing", name, "thing"] for name in ("links", "shuffled_links"))
    assert len(set(map(tuple, old.T.tolist())) & set(map(tuple, new.T.tolist()))) < 10
    weights = [graph.edge_weight["thing", name, "thing"] for name in ("links", "shuffled_links")]
    assert dict(zip(old[0], weights[0], strict=True)) == dict(zip(new[0], weights[1], strict=True))
    assert graph.schema.edge_type(("thing", "shuffled_links", "thing")).made_of == ("links",)


def test_the_shuffle_of_a_symmetric_relation_is_symmetric(make_dataset):
    shared = SharedAttribute("thing", "tag")
    graph = build_graph(dataset_of(make_dataset), relations=[shared, Shuffled("shared_tag", symmetric=True)])
    triple = ("thing", "shuffled_shared_tag", "thing")
    assert graph.schema.edge_type(triple).symmetric
    pairs = set(map(tuple, graph.edge_index[triple].T.tolist()))
    assert pairs == {(t, s) for s, t in pairs}
    assert degrees(graph, "shuffled_shared_tag") == degrees(graph, "shared_tag")


def test_it_is_seeded(make_dataset):
    dataset = dataset_of(make_dataset)
    links = Table("thing", "thing", "links.csv")
    built = [
        build_graph(dataset, relations=[links, Shuffled("links", seed=seed)]).edge_index[
            "thing", "shuffled_links", "thing"
        ]
        for seed in (0, 0, 1)
    ]
    assert np.array_equal(built[0], built[1])
    assert not np.array_equal(built[0], built[2])


def test_a_relation_that_is_not_symmetric_is_not_taken_for_one(make_dataset):
    links = Table("thing", "thing", "links.csv")
    with pytest.raises(GraphError, match=r"symmetric: got true, but the relation 'links' is not symmetric"):
        build_graph(dataset_of(make_dataset), relations=[links, Shuffled("links", symmetric=True)])
