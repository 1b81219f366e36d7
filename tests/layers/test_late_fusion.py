"""The layer against a loop over entities."""

import pytest
import torch

from mmgraph.errors import ConfigError
from mmgraph.layers import LateFusion

CHANNELS = 16
MODALITIES = ["e/text", "e/image", "e/sound"]


@pytest.mark.parametrize("aggr", ["mean", "sum"])
def test_it_is_the_formula(graph, aggr):
    metadata, x_dict, edge_index_dict, _ = graph
    layer = LateFusion(metadata, CHANNELS, aggr=aggr).double()
    out = layer(x_dict, edge_index_dict)
    for entity in range(6):
        given = []
        for name in MODALITIES:
            encoded = layer.encode[name](x_dict[name])
            torch.testing.assert_close(out[name], encoded)
            node, owner = edge_index_dict[name, "of", "e"]
            given += list(layer.project[name](encoded)[node[owner == entity]])
        x = x_dict["e"][entity]
        if given:
            total = torch.stack(given).sum(0)
            x = x + (total / len(given) if aggr == "mean" else total)
        torch.testing.assert_close(out["e"][entity], layer.feed_forward["e"](x), atol=1e-10, rtol=0)


@pytest.mark.parametrize("aggr", ["mean", "sum"])
def test_gradients(graph, aggr):
    metadata, x_dict, edge_index_dict, _ = graph
    layer = LateFusion(metadata, CHANNELS, aggr=aggr, targets=["e"]).double()
    x = x_dict["e/image"].requires_grad_()
    assert torch.autograd.gradcheck(lambda x: layer({**x_dict, "e/image": x}, edge_index_dict)["e"], (x,))


def test_no_relation_but_of_is_read(graph):
    metadata, x_dict, edge_index_dict, _ = graph
    layer = LateFusion(metadata, CHANNELS).double()
    only_of = {edge_type: index for edge_type, index in edge_index_dict.items() if edge_type[1] == "of"}
    one, other = layer(x_dict, edge_index_dict), layer(x_dict, only_of)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert one["f"] is x_dict["f"]


def test_targets_decide_what_is_made(graph):
    metadata, x_dict, edge_index_dict, _ = graph
    layer = LateFusion(metadata, CHANNELS, targets=["e/text"]).double()
    assert layer.reads == {"e/text"}
    out = layer(x_dict, edge_index_dict)
    assert [name for name in x_dict if out[name] is not x_dict[name]] == ["e/text"]
    entity = LateFusion(metadata, CHANNELS, targets=["e"]).double()
    assert entity.reads == {"e", *MODALITIES}
    assert [name for name, x in entity(x_dict, edge_index_dict).items() if x is not x_dict[name]] == ["e"]


def test_expansion_is_the_width_of_the_networks(graph):
    layer = LateFusion(graph[0], CHANNELS, expansion=3)
    assert layer.encode["e/text"].body[1].out_features == 3 * CHANNELS


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dropout": 1.0}, "dropout"),
        ({"expansion": 0}, "expansion"),
        ({"norm": "x"}, "norm"),
        ({"aggr": "max"}, "aggr"),
    ],
)
def test_an_option_that_cannot_be_is_refused(graph, options, message):
    with pytest.raises(ConfigError, match=rf"late_fusion\.{message}"):
        LateFusion(graph[0], CHANNELS, **options)
