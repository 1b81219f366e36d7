"""Edge features on their way through a model: on one scale, beside their edges, read or not."""

from dataclasses import replace

import pytest
import torch

from mmgraph.errors import GraphError
from mmgraph.graph.schema import GraphSchema
from mmgraph.models import MultimodalModel, build
from mmgraph.models.edge_scale import EdgeScale

NEAR, HAS, BACK = ("e", "near", "e"), ("f", "has", "e"), ("e", "rev_has", "f")
NAMES = {NEAR: ("km", "minutes"), HAS: ("share",), BACK: ("share",)}
READERS = ["hetero_gat", "hetero_gatv2", "hetero_transformer", ("hetero_conv", {"conv": "GATConv"})]


@pytest.fixture
def attrs():
    generator = torch.Generator().manual_seed(1)
    near, has = (torch.randn(n, len(NAMES[t]), generator=generator) for n, t in ((6, NEAR), (4, HAS)))
    return {NEAR: 100 + 40 * near, HAS: 1e-3 * has, BACK: 1e-3 * has}


@pytest.fixture
def featured(schema, attrs):
    return with_features(schema, attrs)


def with_features(schema, attrs):
    def described(edge_type):
        attr = attrs.get(edge_type.triple)
        if attr is None:
            return edge_type
        scale = zip(attr.double().mean(0).tolist(), attr.double().std(0, correction=0).tolist(), strict=True)
        return replace(edge_type, attr_names=NAMES[edge_type.triple], attr_scale=tuple(scale))

    return GraphSchema(schema.node_types, tuple(described(t) for t in schema.edge_types))


def make(schema, layer="hetero_gat", **options):
    torch.manual_seed(0)
    layers = ["late_fusion", layer, layer]
    return MultimodalModel(schema, layers=layers, hidden_channels=8, dropout=0.0, **options).double()


def in_double(graph):
    x_dict, edges, weights = graph
    return (
        {name: x.double() for name, x in x_dict.items()},
        edges,
        {triple: weight.double() for triple, weight in weights.items()},
    )


def doubled(attrs):
    return {triple: attr.double() for triple, attr in attrs.items()}


def test_features_have_mean_0_and_deviation_1(featured, attrs):
    for attr in EdgeScale(featured)(attrs).values():
        torch.testing.assert_close(attr.mean(0), torch.zeros(attr.shape[1]), atol=1e-5, rtol=0)
        torch.testing.assert_close(attr.std(0, correction=0), torch.ones(attr.shape[1]))


def test_a_feature_that_is_always_the_same_is_0(schema, attrs):
    same = {**attrs, HAS: torch.full((4, 1), 7.0)}
    assert EdgeScale(with_features(schema, same))(same)[HAS].tolist() == [[0.0]] * 4


@pytest.mark.parametrize("layer", READERS, ids=str)
def test_every_feature_makes_a_difference_and_its_unit_makes_none(schema, graph, attrs, layer):
    attrs, graph = doubled(attrs), in_double(graph)
    out = make(with_features(schema, attrs), layer)(*graph, attrs)
    for triple in attrs:
        for column in range(attrs[triple].shape[1]):
            other = {**attrs, triple: attrs[triple].clone()}
            other[triple][:, column] = other[triple][:, column].flip(0)
            moved = make(with_features(schema, attrs), layer)(*graph, other)
            assert any((moved[name] - out[name]).abs().max() > 1e-6 for name in out), (triple, column)
    miles = {**attrs, NEAR: attrs[NEAR] / 1.609 + 3}
    same = make(with_features(schema, miles), layer)(*graph, miles)
    for name in out:
        # The scale is kept in float32, as is whatever a model holds.
        torch.testing.assert_close(same[name], out[name], atol=1e-4, rtol=0)


def test_layers_that_read_none_need_none_and_say_so(featured, graph, attrs):
    model = make(featured, "hgt")
    graph = in_double(graph)
    out, other = model(*graph, doubled(attrs)), model(*graph)
    assert model.edge_channels == {}
    assert all(torch.equal(out[name], other[name]) for name in out)


def test_a_convolution_without_features_reads_none(featured, graph, attrs):
    model = make(featured, ("hetero_conv", {"conv": {"near": "GATConv", "*": "SAGEConv"}}))
    assert [layer.edge_channels for layer in model.layers[1:]] == [{NEAR: 2}, {NEAR: 2}]
    assert model.edge_channels == {NEAR: 2}
    assert model(*in_double(graph), doubled(attrs))["e"].isfinite().all()


def test_a_model_reads_what_its_layers_do(featured, graph, attrs):
    model = make(featured, outputs=["e"])
    assert [set(layer.edge_channels) for layer in model.layers] == [set(), {NEAR, HAS, BACK}, {NEAR, HAS}]
    assert model.edge_channels == {NEAR: 2, HAS: 1, BACK: 1}
    last = build(featured, layers=["hetero_gat"], outputs=["e"], hidden_channels=8)
    assert last.edge_channels == {NEAR: 2, HAS: 1}
    x_dict, edges, weights = graph
    assert last(x_dict, edges, weights, {NEAR: attrs[NEAR], HAS: attrs[HAS]})["e"].isfinite().all()


@pytest.mark.parametrize("missing", ["absent", "token", "neighbours"])
@pytest.mark.parametrize("modality_dropout", [0.0, 0.5])
def test_features_stay_with_their_edges_whatever_is_missing(schema, graph, attrs, missing, modality_dropout):
    """An edge between modality nodes that are taken away takes its features along."""
    x_dict, edges, weights = in_double(graph)
    like = ("e/text", "like", "e/text")
    edges = {**edges, like: torch.tensor([[0, 1, 2, 3], [1, 2, 3, 4]])}
    attrs = {**doubled(attrs), like: torch.randn(4, 1, dtype=torch.float64)}
    edge_type = replace(schema.edge_type(NEAR), source="e/text", name="like", target="e/text")
    edge_type = replace(edge_type, num_edges=4, weighted=False, attr_names=("score",))
    known = with_features(schema, {t: a for t, a in attrs.items() if t != like})
    known = GraphSchema(known.node_types, (*known.edge_types, edge_type))
    model = make(known, missing=missing, modality_dropout=modality_dropout).train()
    for _ in range(5):
        out = model(x_dict, edges, weights, attrs)
    sum(x.square().sum() for x in out.values()).backward()
    assert all(x.isfinite().all() for x in out.values())


def test_the_scale_is_part_of_what_is_saved(featured, schema, attrs):
    other = with_features(schema, {triple: 5 * attr for triple, attr in attrs.items()})
    model = make(other)
    model.load_state_dict(make(featured).state_dict())
    assert torch.equal(model.edge_scale.scale[NEAR].std, make(featured).edge_scale.scale[NEAR].std)


def test_features_that_the_schema_does_not_name_are_refused(schema, featured, graph, attrs):
    with pytest.raises(GraphError, match="wanted none"):
        make(schema)(*in_double(graph), doubled(attrs))
    with pytest.raises(GraphError, match=r"wanted \(E, 1\)"):
        make(featured)(*in_double(graph), {**doubled(attrs), HAS: torch.randn(4, 3).double()})
    with pytest.raises(GraphError, match="got nothing"):
        make(featured)(*in_double(graph))


def test_options_of_a_layer_cannot_name_their_width(featured):
    with pytest.raises(Exception, match="edge_channels"):
        build(featured, layers=[("hetero_gat", {"edge_channels": {}})])


@pytest.mark.parametrize("conv", ["GeneralConv", "GATConv", "SAGEConv", "TransformerConv"])
def test_any_convolution_goes_with_a_graph_that_has_features(featured, graph, attrs, conv):
    model = make(featured, ("hetero_conv", {"conv": conv}), modality_dropout=0.0)
    assert all(x.isfinite().all() for x in model(*in_double(graph), doubled(attrs)).values())


@pytest.mark.parametrize("layer", ["hetero_gat", "hetero_gatv2", "hetero_transformer"])
def test_a_model_in_half_precision_keeps_the_scale(featured, graph, attrs, layer):
    far = {triple: attr * 10 + 70_000 for triple, attr in attrs.items()}
    model = make(with_features(featured, far), layer).bfloat16()
    assert model.edge_scale.scale[NEAR].mean.dtype == torch.float32
    x_dict, edges, weights = graph
    out = model({name: x.bfloat16() for name, x in x_dict.items()}, edges, weights, far)
    assert all(x.dtype == torch.bfloat16 and x.isfinite().all() for x in out.values())
