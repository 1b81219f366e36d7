"""What every registered layer must do; a layer without a case here fails the last test."""

import copy
from typing import ClassVar

import pytest
import torch
from torch import nn
from torch_geometric.data import HeteroData
from torch_geometric.nn import HeteroConv, SAGEConv

from mmgraph.layers import Layer
from mmgraph.registry import LAYERS

CHANNELS = 8
SIZES = {"e": 7, "e/text": 6, "e/image": 4, "e/sound": 3, "f": 4}
METADATA = (
    list(SIZES),
    [
        ("e/text", "of", "e"),
        ("e", "rev_of", "e/text"),
        ("e/image", "of", "e"),
        ("e", "rev_of", "e/image"),
        ("e/sound", "of", "e"),
        ("e", "rev_of", "e/sound"),
        ("e/text", "like", "e/text"),
        ("e", "near", "e"),
        ("f", "has", "e"),
        ("e", "rev_has", "f"),
    ],
)
FORWARD = {
    # Entity 4 has two texts, and two entities share an image: nothing says that a group has one of each.
    ("e/text", "of", "e"): [[0, 1, 2, 3, 4, 5], [3, 1, 2, 0, 4, 4]],
    ("e/image", "of", "e"): [[0, 1, 2, 3, 3], [0, 2, 4, 1, 2]],
    ("e/sound", "of", "e"): [[0, 1, 2, 2], [1, 4, 2, 4]],
    ("f", "has", "e"): [[0, 1, 2, 2, 3], [1, 1, 0, 3, 1]],
    ("e/text", "like", "e/text"): [[0, 3, 2, 4, 1, 5, 0, 5], [3, 0, 4, 2, 3, 3, 4, 4]],
    ("e", "near", "e"): [[0, 1, 2, 3, 4, 4, 0], [1, 2, 1, 4, 3, 0, 2]],
}
NEAR = ("e", "near", "e")


def make_graph():
    """Return states, edges and weights; entity 6 has no modality and no relation."""
    generator = torch.Generator().manual_seed(0)
    x_dict = {
        name: torch.randn(size, CHANNELS, dtype=torch.float64, generator=generator)
        for name, size in SIZES.items()
    }
    edges = {edge_type: torch.tensor(index) for edge_type, index in FORWARD.items()}
    for (source, name, target), index in list(edges.items()):
        if name in ("of", "has"):
            edges[target, f"rev_{name}", source] = index.flip(0)
    return x_dict, edges, {NEAR: torch.tensor([1.0, 2.0, 0.5, 3.0, 1.0, 1.5, 4.0])}


def assert_close(one, other):
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(one[name], other[name], atol=1e-10, rtol=0)


def assert_fine(out, x_dict):
    assert {name: x.shape for name, x in out.items()} == {name: x.shape for name, x in x_dict.items()}
    assert all(torch.isfinite(x).all() for x in out.values())


class LayerContract:
    """One layer's case: its name, its options, and the parameters that may stay without a gradient."""

    name: ClassVar[str]
    options: ClassVar[dict] = {}
    frozen: ClassVar[set[str]] = set()

    def make(self, metadata=METADATA, **options):
        torch.manual_seed(0)
        return LAYERS.get(self.name)(metadata, CHANNELS, **{**self.options, **options}).double()

    def test_every_node_type_comes_back_with_its_width(self):
        x_dict, edges, weights = make_graph()
        assert_fine(self.make()(x_dict, edges, weights), x_dict)

    def test_every_parameter_gets_a_gradient(self):
        layer = self.make()
        out = layer(*make_graph())
        sum((x * torch.randn_like(x)).sum() for x in out.values()).backward()
        without = {n for n, p in layer.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0}
        assert without == self.frozen

    def test_permuted_nodes_give_permuted_states(self):
        x_dict, edges, weights = make_graph()
        layer = self.make()
        order = {name: torch.randperm(size) for name, size in SIZES.items()}
        place = {name: torch.argsort(o) for name, o in order.items()}
        permuted = {name: x[order[name]] for name, x in x_dict.items()}
        moved = {(s, r, t): torch.stack([place[s][i[0]], place[t][i[1]]]) for (s, r, t), i in edges.items()}
        wanted = {name: x[order[name]] for name, x in layer(x_dict, edges, weights).items()}
        assert_close(layer(permuted, moved, weights), wanted)

    def test_the_order_of_edges_does_not_matter(self):
        x_dict, edges, weights = make_graph()
        layer = self.make()
        order = {edge_type: torch.randperm(index.shape[1]) for edge_type, index in edges.items()}
        shuffled = {edge_type: index[:, order[edge_type]] for edge_type, index in edges.items()}
        moved = {edge_type: weight[order[edge_type]] for edge_type, weight in weights.items()}
        assert_close(layer(x_dict, shuffled, moved), layer(x_dict, edges, weights))

    def test_the_order_of_types_in_the_inputs_does_not_matter(self):
        x_dict, edges, weights = make_graph()
        layer = self.make()
        backwards = layer(dict(reversed(x_dict.items())), dict(reversed(edges.items())), weights)
        assert_close({name: backwards[name] for name in x_dict}, layer(x_dict, edges, weights))

    def test_metadata_may_name_types_in_any_order(self):
        x_dict, edges, weights = make_graph()
        backwards = (METADATA[0][::-1], METADATA[1][::-1])
        assert_fine(self.make(backwards)(x_dict, edges, weights), x_dict)

    def test_no_edges_are_as_good_as_no_edge_type(self):
        x_dict, edges, _ = make_graph()
        layer = self.make()
        for edge_type in edges:
            without = {key: index for key, index in edges.items() if key != edge_type}
            empty = {**edges, edge_type: torch.empty(2, 0, dtype=torch.int64)}
            out = layer(x_dict, without)
            assert_fine(out, x_dict)
            assert_close(layer(x_dict, empty), out)
        assert_fine(layer(x_dict, {}), x_dict)

    def test_absent_node_types_are_fine(self):
        x_dict, edges, _ = make_graph()
        layer = self.make()
        for absent in x_dict:
            rest = {name: x for name, x in x_dict.items() if name != absent}
            kept = {key: index for key, index in edges.items() if absent not in (key[0], key[2])}
            assert_fine(layer(rest, kept), rest)
        assert layer({}, {}) == {}

    def test_node_types_without_nodes_are_fine(self):
        x_dict, edges, _ = make_graph()
        layer = self.make()
        for empty in x_dict:
            some = {**x_dict, empty: x_dict[empty][:0]}
            kept = {key: index for key, index in edges.items() if empty not in (key[0], key[2])}
            for absent in set(edges) - set(kept):
                kept[absent] = torch.empty(2, 0, dtype=torch.int64)
            assert_fine(layer(some, kept), some)

    def test_an_isolated_node_depends_on_itself_only(self):
        x_dict, edges, weights = make_graph()
        layer = self.make()
        others = {name: torch.randn_like(x) for name, x in x_dict.items()}
        others["e"][6] = x_dict["e"][6]
        one, other = layer(x_dict, edges, weights)["e"][6], layer(others, edges, weights)["e"][6]
        torch.testing.assert_close(one, other, atol=1e-10, rtol=0)

    def test_targets_are_updated_as_ever_and_the_others_stay(self):
        x_dict, edges, weights = make_graph()
        for targets in (["e"], ["e/text"], ["f"], ["e", "f"], []):
            layer = self.make(targets=targets)
            out = layer(x_dict, edges, weights)
            assert_fine(out, x_dict)
            assert all(out[name] is x_dict[name] for name in set(x_dict) - set(targets))
            assert layer.reads >= set(targets)
            read = {name: x for name, x in x_dict.items() if name in layer.reads}
            assert_close(layer(read, edges, weights), {name: out[name] for name in read})

    def test_a_state_dict_goes_round(self):
        x_dict, edges, weights = make_graph()
        layer = self.make()
        torch.manual_seed(1)
        other = LAYERS.get(self.name)(METADATA, CHANNELS, **self.options).double()
        other.load_state_dict(copy.deepcopy(layer.state_dict()))
        one, two = layer(x_dict, edges, weights), other(x_dict, edges, weights)
        assert all(torch.equal(one[name], two[name]) for name in x_dict)

    def test_training_twice_gives_the_same_bits(self):
        def trained():
            layer = self.make(dropout=0.3).float()
            x_dict, edges, weights = make_graph()
            x_dict = {name: x.float() for name, x in x_dict.items()}
            optimiser = torch.optim.Adam(layer.parameters(), lr=0.01)
            for _ in range(3):
                optimiser.zero_grad()
                sum(x.square().sum() for x in layer(x_dict, edges, weights).values()).backward()
                optimiser.step()
            return layer.state_dict()

        one, other = trained(), trained()
        assert all(torch.equal(one[name], other[name]) for name in one)

    def test_dropout_acts_in_training_only(self):
        x_dict, edges, weights = make_graph()
        layer = self.make(dropout=0.5)
        assert not torch.equal(layer(x_dict, edges, weights)["e"], layer(x_dict, edges, weights)["e"])
        layer.eval()
        assert torch.equal(layer(x_dict, edges, weights)["e"], layer(x_dict, edges, weights)["e"])

    def test_it_works_inside_a_plain_pyg_model(self):
        x_dict, edges, _ = make_graph()
        data = HeteroData()
        for name, x in x_dict.items():
            data[name].x = x.float()
        for edge_type, index in edges.items():
            data[edge_type].edge_index = index
        kind, options = LAYERS.get(self.name), self.options

        class Plain(nn.Module):
            def __init__(self):
                super().__init__()
                self.ours = kind(data.metadata(), CHANNELS, **options)
                convolutions = {edge_type: SAGEConv(CHANNELS, CHANNELS) for edge_type in data.edge_types}
                self.theirs = HeteroConv(convolutions)

            def forward(self, x_dict, edge_index_dict):
                x_dict = self.ours(x_dict, edge_index_dict)
                x_dict = self.theirs(x_dict, edge_index_dict)
                return self.ours(x_dict, edge_index_dict)

        out = Plain()(data.x_dict, data.edge_index_dict)
        assert_fine(out, x_dict)

    def test_its_docstring_cites_where_it_comes_from(self):
        assert "https://arxiv.org/abs/" in LAYERS.get(self.name).__doc__


class TestHeteroGAT(LayerContract):
    name = "hetero_gat"
    options: ClassVar[dict] = {"heads": 2, "aggr": "attention"}


class TestHeteroGATWithoutNorm(LayerContract):
    name = "hetero_gat"
    options: ClassVar[dict] = {"norm": "none"}


class TestHeteroGATv2(LayerContract):
    name = "hetero_gatv2"
    options: ClassVar[dict] = {"heads": 2, "aggr": "mean"}


class TestHeteroTransformer(LayerContract):
    name = "hetero_transformer"
    options: ClassVar[dict] = {"heads": 2, "aggr": "semantic"}


class TestHeteroSAGE(LayerContract):
    name = "hetero_sage"


class TestHeteroSAGEByMaximum(LayerContract):
    name = "hetero_sage"
    options: ClassVar[dict] = {"reduce": "max", "aggr": "max"}


class TestRGCN(LayerContract):
    name = "rgcn"


class TestRGCNWithBases(LayerContract):
    name = "rgcn"
    options: ClassVar[dict] = {"num_bases": 3, "aggr": "attention"}


class TestHGT(LayerContract):
    name = "hgt"
    options: ClassVar[dict] = {"heads": 2}


class TestHAN(LayerContract):
    name = "han"
    options: ClassVar[dict] = {"heads": 2}


class TestHeteroConv(LayerContract):
    name = "hetero_conv"


class TestHeteroConvOfGATv2Conv(LayerContract):
    name = "hetero_conv"
    options: ClassVar[dict] = {"conv": "GATv2Conv", "heads": 2, "aggr": "attention"}
    # Each text is of one entity, so that there is nothing for attention to choose from.
    frozen: ClassVar[set[str]] = {
        f"conv.<e___rev_of___e/text>.{name}" for name in ("att", "lin_r.weight", "lin_r.bias")
    }


class TestHeteroConvOfGraphConv(LayerContract):
    name = "hetero_conv"
    options: ClassVar[dict] = {"conv": "GraphConv", "options": {"aggr": "mean"}}


class TestCrossModalTransformer(LayerContract):
    name = "cross_modal_transformer"
    options: ClassVar[dict] = {"heads": 2}


class TestCoAttention(LayerContract):
    name = "co_attention"
    options: ClassVar[dict] = {"heads": 2}


class TestAlternatingCoAttention(LayerContract):
    name = "co_attention"
    options: ClassVar[dict] = {"heads": 2, "order": "alternating"}


class TestLateFusion(LayerContract):
    name = "late_fusion"


class TestBottleneck(LayerContract):
    name = "bottleneck"
    options: ClassVar[dict] = {"heads": 2, "num_tokens": 3}


class TestGatedFusion(LayerContract):
    name = "gated_fusion"


class TestTensorFusion(LayerContract):
    name = "tensor_fusion"
    options: ClassVar[dict] = {"width": 3}


class TestLowRankFusion(LayerContract):
    name = "low_rank_fusion"
    options: ClassVar[dict] = {"rank": 3}


class TestMulT(LayerContract):
    name = "mult"
    options: ClassVar[dict] = {"heads": 2, "depth": 2}


def test_every_registered_layer_has_a_case():
    assert {case.name for case in LayerContract.__subclasses__()} == set(LAYERS.names())


@pytest.mark.parametrize("name", LAYERS.names())
def test_a_registered_layer_is_a_layer(name):
    assert issubclass(LAYERS.get(name), Layer)
