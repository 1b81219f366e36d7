"""Five ways to make one message out of several."""

import pytest
import torch

from mmgraph.errors import ConfigError
from mmgraph.layers.relation_pool import AGGREGATIONS, RelationPool
from mmgraph.registry import LAYERS

Z = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [0.0, 0.0]], [[10.0, 20.0], [0.0, 0.0], [0.0, 0.0]]])
HAS = [torch.tensor([True, True, False]), torch.tensor([True, False, False])]


def test_sum():
    assert RelationPool("hetero_gat", 2, "sum")(Z, HAS).tolist() == [[11.0, 22.0], [3.0, 4.0], [0.0, 0.0]]


def test_mean_is_over_the_relations_that_bring_something():
    assert RelationPool("hetero_gat", 2, "mean")(Z, HAS).tolist() == [[5.5, 11.0], [3.0, 4.0], [0.0, 0.0]]


def test_attention_is_a_softmax_for_each_node():
    pool = RelationPool("hetero_gat", 2, "attention")
    out = pool(Z, HAS)
    logit = [pool.query(torch.tanh(pool.key(z[0]))) for z in Z]
    share = torch.cat(logit).softmax(0)
    torch.testing.assert_close(out[0], share[0] * Z[0][0] + share[1] * Z[1][0])
    torch.testing.assert_close(out[1], Z[0][1])
    assert out[2].tolist() == [0.0, 0.0]


def test_max_is_over_the_relations_that_bring_something():
    assert RelationPool("hetero_gat", 2, "max")(-Z, HAS).tolist() == [[-1.0, -2.0], [-3.0, -4.0], [0.0, 0.0]]


def test_semantic_attention_is_one_softmax_for_all_nodes():
    pool = RelationPool("han", 2, "semantic")
    logit = torch.stack([pool.query(torch.tanh(pool.key(z))).mean() for z in Z])
    share = logit.softmax(0)
    torch.testing.assert_close(pool(Z, HAS), share[0] * Z[0] + share[1] * Z[1])


def test_one_relation_is_passed_on():
    for aggr in AGGREGATIONS:
        torch.testing.assert_close(RelationPool("hetero_gat", 2, aggr)(Z[:1], HAS[:1]), Z[0])


def test_another_name_is_refused():
    with pytest.raises(ConfigError, match=r"rgcn\.aggr: got 'min'; wanted one of sum, mean, max, attention"):
        RelationPool("rgcn", 2, "min")


@pytest.mark.parametrize("aggr", ["mean", "max", "attention"])
@pytest.mark.parametrize("name", ["hetero_gat", "hetero_sage"])
def test_a_relation_whose_edges_are_all_dropped_is_as_good_as_absent(name, aggr, monkeypatch):
    one, other = ("a", "one", "b"), ("a", "other", "b")
    torch.manual_seed(0)
    layer = LAYERS.get(name)((["a", "b"], [one, other]), 8, aggr=aggr, edge_dropout=0.5)
    x_dict = {"a": torch.randn(3, 8), "b": torch.randn(3, 8)}
    edges = {one: torch.tensor([[0, 1, 2], [0, 1, 1]]), other: torch.tensor([[0, 1], [1, 2]])}
    wanted = layer.eval()(x_dict, {one: edges[one]})["b"]
    kept = {3: torch.ones(3, dtype=torch.bool), 2: torch.zeros(2, dtype=torch.bool)}
    monkeypatch.setattr(type(layer), "_kept_edges", lambda _, plan: kept[plan.num_edges])
    torch.testing.assert_close(layer(x_dict, edges)["b"], wanted)
