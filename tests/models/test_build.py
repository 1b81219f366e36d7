"""Models by name, with options."""

import inspect

import pytest

from mmgraph.errors import ConfigError, UnknownNameError
from mmgraph.layers import MulT
from mmgraph.models import build
from mmgraph.models.fusion import FUSIONS
from mmgraph.registry import MODELS


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("hetero_gat", ["LateFusion", "HeteroGAT", "HeteroGAT"]),
        ("hetero_gatv2", ["LateFusion", "HeteroGATv2", "HeteroGATv2"]),
        ("hetero_transformer", ["LateFusion", "HeteroTransformer", "HeteroTransformer"]),
        ("hetero_sage", ["LateFusion", "HeteroSAGE", "HeteroSAGE"]),
        ("rgcn", ["LateFusion", "RGCN", "RGCN"]),
        ("hgt", ["LateFusion", "HGT", "HGT"]),
        ("han", ["LateFusion", "HAN", "HAN"]),
        ("hetero_conv", ["LateFusion", "HeteroConv", "HeteroConv"]),
        ("cross_modal_transformer", ["CrossModalTransformer"]),
        ("co_attention", ["CoAttention"]),
        ("mlp", ["LateFusion"]),
        ("bottleneck", ["Bottleneck"]),
        ("gated_fusion", ["GatedFusion"]),
        ("tensor_fusion", ["TensorFusion"]),
        ("low_rank_fusion", ["LowRankFusion"]),
        ("mult", ["MulT"]),
    ],
)
def test_named_models_are_lists_of_layers(schema, name, layers):
    assert kinds(build(schema, model=name)) == layers
    assert kinds(build(schema, model=name, num_layers=3))[-3:] == [layers[-1]] * 3


def test_a_list_of_layers_comes_before_the_name(schema):
    model = build(schema, layers=["cross_modal_transformer", "hetero_gat"], hidden_channels=16)
    assert kinds(model) == ["CrossModalTransformer", "HeteroGAT"]


def test_everything_reaches_the_model(schema):
    model = build(
        schema,
        model="hetero_gat",
        options={"aggr": "attention", "edge_dropout": 0.2, "norm": "none"},
        hidden_channels=16,
        heads=2,
        dropout=0.1,
        input_dropout=0.2,
        modality_dropout=0.3,
        readout="jk",
        outputs=["e"],
    )
    layer = model.layers[1]
    assert model.outputs == ["e"]
    assert model.projection.dropout.p == 0.2
    assert model.missing.modality_dropout == 0.3
    assert model.readout.readout == "jk"
    assert layer.receive["e"].pool.aggr == "attention"
    assert (layer.edge_dropout, layer.dropout.p, layer.channels) == (0.2, 0.1, 16)
    assert layer.send["e"].attention.shape[1] == 2
    assert type(layer.norm["e"]).__name__ == type(model.layers[0].project["e/text"][0]).__name__ == "Identity"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("hetero_gatv2", {"aggr": "max"}),
        ("hetero_transformer", {"aggr": "semantic"}),
        ("hetero_sage", {"aggr": "mean", "reduce": "max"}),
        ("rgcn", {"aggr": "attention", "num_bases": 2}),
        ("hgt", {}),
        ("han", {}),
        ("hetero_conv", {"aggr": "mean", "conv": "GATConv", "conv_options": {"heads": 2}}),
    ],
)
def test_options_of_the_graph_models_reach_their_layers(schema, name, options):
    model = build(schema, model=name, options={**options, "edge_dropout": 0.2, "norm": "none"}, dropout=0.1)
    for layer in model.layers[1:]:
        assert (layer.owner, layer.edge_dropout, layer.dropout.p) == (name, 0.2, 0.1)
        assert type(layer.norm["e"]).__name__ == "Identity"
        assert options.get("aggr") in (None, layer.receive["e"].pool.aggr)
        assert options.get("reduce") == getattr(layer, "reduce", None)
        assert options.get("num_bases") == getattr(layer, "num_bases", None)
    if name == "hetero_conv":
        assert {(type(c).__name__, c.heads) for c in model.layers[1].conv.values()} == {("GATConv", 2)}


@pytest.mark.parametrize("name", [*FUSIONS, "mlp"])
def test_options_of_the_attention_models_reach_their_layers(schema, name):
    model = build(schema, model=name, options={"expansion": 3, "norm": "none"}, hidden_channels=8)
    blocks = [m for m in model.layers.modules() if type(m).__name__ == "FeedForward"]
    assert {block.body[1].out_features for block in blocks} == {24}
    assert {type(block.body[0]).__name__ for block in blocks} == {"Identity"}


@pytest.mark.parametrize(
    ("name", "option", "attribute"),
    [
        ("bottleneck", {"num_tokens": 3}, "num_tokens"),
        ("bottleneck", {"depth": 3}, "depth"),
        ("tensor_fusion", {"width": 3}, "width"),
        ("low_rank_fusion", {"rank": 3}, "rank"),
    ],
)
def test_options_of_its_own_reach_the_layer(schema, name, option, attribute):
    assert getattr(build(schema, model=name, options=option).layers[0], attribute) == 3


def test_a_fusion_model_has_the_options_of_its_layer_and_cites_its_paper():
    model = MODELS.get("mult")
    assert list(inspect.signature(model).parameters) == ["num_layers", "depth", "expansion", "norm"]
    assert inspect.getdoc(model).startswith(inspect.getdoc(MulT).partition("\n")[0])
    assert "https://arxiv.org/abs/1906.00295" in model.__doc__


def test_the_aggregation_of_mlp_reaches_its_layer(schema):
    assert build(schema, model="mlp", options={"aggr": "sum"}).layers[0].aggr == "sum"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"model": "hetro_gat"},
            UnknownNameError,
            "there is no model 'hetro_gat'. Did you mean 'hetero_gat'",
        ),
        ({"num_layers": 0}, ConfigError, r"hetero_gat\.num_layers: got 0"),
        ({"model": "mlp", "num_layers": "two"}, ConfigError, r"mlp\.num_layers"),
        (
            {"options": {"agr": "sum"}},
            ConfigError,
            r"model\.options: the model 'hetero_gat' has no option 'agr'",
        ),
        ({"layers": ["hetero_gat"], "num_layers": 2}, ConfigError, "got both a list of layers and"),
        ({"layers": ["hetero_gat"], "options": {"aggr": "sum"}}, ConfigError, "got both"),
    ],
)
def test_what_cannot_be_is_refused(schema, options, error, message):
    with pytest.raises(error, match=message):
        build(schema, **options)
