"""Every registered layer keeps to the contract, with its defaults and with the options below."""

import pytest

from mmgraph.layers import Layer
from mmgraph.registry import LAYERS
from mmgraph.testing import check_layer

VARIANTS = {
    "hetero_gat": [{"heads": 2, "aggr": "attention"}, {"norm": "none"}],
    "hetero_gatv2": [{"heads": 2, "aggr": "mean"}],
    "hetero_transformer": [{"heads": 2, "aggr": "semantic"}],
    "hetero_sage": [{}, {"reduce": "max", "aggr": "max"}],
    "rgcn": [{}, {"num_bases": 3, "aggr": "attention"}],
    "hgt": [{"heads": 2}],
    "han": [{"heads": 2}],
    "hetero_conv": [
        {},
        {"conv": "GATv2Conv", "heads": 2, "aggr": "attention"},
        {"conv": "GraphConv", "options": {"aggr": "mean"}},
        {"conv": {"near": "GATConv", "*": "SAGEConv"}, "heads": 2},
    ],
    "cross_modal_transformer": [{"heads": 2}],
    "co_attention": [{"heads": 2}, {"heads": 2, "order": "alternating"}],
    "bottleneck": [{"heads": 2, "num_tokens": 3}],
    "tensor_fusion": [{"width": 3}],
    "low_rank_fusion": [{"rank": 3}],
    "mult": [{"heads": 2, "depth": 2}],
}
"""Options to check a layer with; one that is not here is checked with its defaults."""

CASES = [(name, options) for name in LAYERS.names() for options in VARIANTS.get(name, [{}])]


@pytest.mark.parametrize(("name", "options"), CASES)
def test_it_keeps_to_the_contract(name, options):
    check_layer(name, options=options)


def test_every_registered_layer_is_checked_and_nothing_else():
    assert {name for name, _ in CASES} == set(LAYERS.names())
    assert set(VARIANTS) <= set(LAYERS.names())


@pytest.mark.parametrize("name", LAYERS.names())
def test_its_docstring_cites_where_it_comes_from(name):
    assert issubclass(LAYERS.get(name), Layer)
    assert "https://arxiv.org/abs/" in LAYERS.get(name).__doc__
