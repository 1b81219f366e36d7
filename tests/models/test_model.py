"""Projection, layers and readout together."""

import pytest
import torch
from torch import nn

from mmgraph.errors import ConfigError, GraphError
from mmgraph.models import MultimodalModel

GAT = ["late_fusion", "hetero_gat", "hetero_gat"]


def make(schema, **options):
    return MultimodalModel(schema, **{"layers": GAT, "hidden_channels": 8, "dropout": 0.0, **options})


def test_it_gives_one_representation_an_entity(schema, graph):
    out = make(schema)(*graph)
    assert {name: tuple(x.shape) for name, x in out.items()} == {"e": (6, 8), "f": (3, 8)}


def test_weights_are_read(schema, graph):
    x_dict, edges, weights = graph
    model = make(schema)
    assert not torch.allclose(model(x_dict, edges, weights)["e"], model(x_dict, edges)["e"])


def test_outputs_can_be_any_node_types_and_the_rest_is_not_made(schema, graph):
    model = make(schema, layers=["late_fusion"], outputs=["e"])
    assert model(*graph).keys() == {"e"}
    assert model.projection.node_types == ["e", "e/text", "e/image"]
    modality = make(schema, layers=["cross_modal_transformer"], outputs=["e/image"])
    assert modality(*graph)["e/image"].shape == (3, 8)
    assert modality.projection.node_types == ["e/text", "e/image"]


def test_pruning_changes_no_result(schema, graph):
    """The representations of e are the same, whatever else is read out."""
    torch.manual_seed(0)
    pruned = make(schema, layers=["hetero_gat", "hetero_gat"], outputs=["e"]).double()
    full = make(schema, layers=["hetero_gat", "hetero_gat"], outputs=list(schema.channels)).double()
    copy_shared(pruned, full)
    x_dict = {name: x.double() for name, x in graph[0].items()}
    one, other = pruned(x_dict, *graph[1:]), full(x_dict, *graph[1:])
    torch.testing.assert_close(one["e"], other["e"], atol=1e-12, rtol=0)


def copy_shared(pruned, full):
    """Copy the weights of a pruned model into one that has more; stacked ones relation by relation."""
    state = full.state_dict()
    for name, value in pruned.state_dict().items():
        if state[name].shape == value.shape:
            state[name] = value
    full.load_state_dict(state)
    for narrow, wide in zip(pruned.layers, full.layers, strict=True):
        for source in dict.fromkeys(relation[0] for relation in narrow.relations):
            mine, theirs = narrow.send[source], wide.send[source]
            into = theirs.project.weight.data.view(-1, 8, 8)
            for position, relation in enumerate(narrow._relations_from(source)):
                place = wide._relations_from(source).index(relation)
                into[place] = mine.project.weight.view(-1, 8, 8)[position]
                theirs.attention.data[place] = mine.attention[position]


def test_jumping_knowledge_reads_the_first_layer_too(schema, graph):
    model = make(schema, readout="jk")
    assert model.readout.join["e"].in_features == 3 * 8
    sum(x.square().sum() for x in model(*graph).values()).backward()
    assert all(p.grad is not None for p in model.parameters())


def test_a_model_of_three_kinds_of_layers(schema, graph):
    model = make(schema, layers=["co_attention", "cross_modal_transformer", "hetero_gat"], readout="jk")
    assert torch.isfinite(model(*graph)["e"]).all()


def test_absent_node_types_and_edge_types_are_fine(schema, graph):
    x_dict, edges, _ = graph
    del x_dict["e/image"], x_dict["f"]
    edges = {edge_type: index for edge_type, index in edges.items() if edge_type[1] == "near"}
    out = make(schema)(x_dict, edges)
    assert out.keys() == {"e"}
    assert torch.isfinite(out["e"]).all()


@pytest.mark.parametrize("dropout", ["dropout", "input_dropout"])
def test_dropout_acts_in_training_only(schema, graph, dropout):
    model = make(schema, **{dropout: 0.5})
    assert not torch.equal(model(*graph)["e"], model(*graph)["e"])
    model.eval()
    assert torch.equal(model(*graph)["e"], model(*graph)["e"])


def test_heads_reach_the_layers(schema):
    assert make(schema, heads=8).layers[1].send["e"].attention.shape[1] == 8


def test_no_parameter_is_lazy(schema):
    assert not any(nn.parameter.is_lazy(p) for p in make(schema).parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_channels": 0}, r"model\.hidden_channels"),
        ({"hidden_channels": 9}, r"heads"),
        ({"heads": 0}, r"heads"),
        ({"dropout": 1.5}, r"dropout"),
        ({"input_dropout": "much"}, r"model\.input_dropout"),
        ({"readout": "max"}, r"model\.readout"),
        ({"outputs": ["ee"]}, r"model\.outputs: there is no node type 'ee'"),
        ({"outputs": []}, r"model\.outputs: got \[\]; wanted a list"),
    ],
)
def test_an_option_that_cannot_be_is_refused(schema, options, message):
    with pytest.raises(ConfigError, match=message):
        make(schema, **options)


def test_a_graph_of_another_schema_is_refused(schema, graph):
    x_dict, edges, _ = graph
    model = make(schema)
    with pytest.raises(GraphError, match=r"x_dict\['e/text'\]"):
        model({**x_dict, "e/text": torch.randn(5, 9)}, edges)
    with pytest.raises(GraphError, match=r"edge type .*far.* not in the metadata"):
        model(x_dict, {**edges, ("e", "far", "e"): torch.tensor([[0], [1]])})
