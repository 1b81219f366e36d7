"""What every registered model must do; a model without a case here fails the last test."""

from typing import ClassVar

import pytest
import torch
from torch import nn
from torch_geometric.data import HeteroData

from mmgraph.graph.schema import EdgeType, GraphSchema, NodeType
from mmgraph.models import build
from mmgraph.models.fusion import FUSIONS
from mmgraph.registry import MODELS

SIZES = {"e": 8, "e/text": 6, "e/image": 5, "f": 5, "f/table": 4}
WIDTHS = {"e": 0, "e/text": 6, "e/image": 4, "f": 0, "f/table": 3}
NEAR = ("e", "near", "e")
FORWARD = {
    ("e/text", "of", "e"): [[0, 1, 2, 3, 4, 5], [3, 1, 2, 0, 4, 5]],
    ("e/image", "of", "e"): [[0, 1, 2, 3, 4], [0, 2, 4, 1, 5]],
    ("f/table", "of", "f"): [[0, 1, 2, 3], [3, 1, 0, 2]],
    ("f", "has", "e"): [[0, 1, 2, 2, 3, 0], [1, 1, 0, 3, 1, 0]],
    NEAR: [[0, 1, 2, 3, 4, 4, 0, 5], [1, 2, 1, 4, 3, 0, 2, 1]],
}


def make_schema():
    node_types = []
    for name, size in SIZES.items():
        entity, _, modality = name.partition("/")
        node_types.append(NodeType(name, size, WIDTHS[name], entity, modality or None, "features"))
    edge_types = []
    for (source, name, target), index in FORWARD.items():
        edge_types.append(EdgeType(source, name, target, len(index[0]), "of" if name == "of" else "given"))
        if name != "near":
            edge_types.append(EdgeType(target, f"rev_{name}", source, len(index[0]), reverse_of=name))
    return GraphSchema(tuple(node_types), tuple(edge_types))


def make_data(dtype=torch.float32):
    """Return a graph in which entities 6 and 7 have no modality and 7 has no relation."""
    generator = torch.Generator().manual_seed(0)
    data = HeteroData()
    for name, size in SIZES.items():
        data[name].x = torch.randn(size, WIDTHS[name], generator=generator, dtype=dtype)
    for edge_type, index in FORWARD.items():
        source, name, target = edge_type
        data[edge_type].edge_index = torch.tensor(index)
        if name != "near":
            data[target, f"rev_{name}", source].edge_index = torch.tensor(index).flip(0)
    data["e", "near", "e"].edge_weight = torch.tensor([1.0, 2.0, 0.5, 3.0, 1.0, 1.5, 4.0, 1.0])
    return data


def run(model, data):
    return model(data.x_dict, data.edge_index_dict, data.edge_weight_dict)


class ModelContract:
    """One model's case: its name and its options."""

    name: ClassVar[str]
    options: ClassVar[dict] = {}

    def make(self, **arguments):
        torch.manual_seed(0)
        return build(
            make_schema(), model=self.name, options=self.options, hidden_channels=8, heads=2, **arguments
        )

    def test_it_gives_every_entity_one_finite_representation(self):
        out = run(self.make(), make_data())
        assert {name: tuple(x.shape) for name, x in out.items()} == {"e": (8, 8), "f": (5, 8)}
        assert all(torch.isfinite(x).all() for x in out.values())

    def test_every_parameter_gets_a_gradient(self):
        model = self.make(dropout=0.0, input_dropout=0.0)
        out = run(model, make_data())
        sum((x * torch.randn_like(x)).sum() for x in out.values()).backward()
        assert [name for name, p in model.named_parameters() if p.grad is None] == []

    def test_all_widths_come_from_the_schema(self):
        assert not any(nn.parameter.is_lazy(p) for p in self.make().parameters())

    def test_permuted_entities_give_permuted_representations(self):
        model = self.make().double().eval()
        data, moved = make_data(torch.float64), make_data(torch.float64)
        order = {name: torch.randperm(size) for name, size in SIZES.items()}
        for name in SIZES:
            moved[name].x = data[name].x[order[name]]
        for source, relation, target in data.edge_types:
            index = data[source, relation, target].edge_index
            ends = [torch.argsort(order[name])[i] for name, i in zip((source, target), index, strict=True)]
            moved[source, relation, target].edge_index = torch.stack(ends)
        wanted, out = run(model, data), run(model, moved)
        for name in out:
            torch.testing.assert_close(out[name], wanted[name][order[name]], atol=1e-10, rtol=0)

    def test_missing_modalities_and_relations_are_fine(self):
        data = make_data()
        model = self.make()
        for edge_type in data.edge_types:
            edges = {key: index for key, index in data.edge_index_dict.items() if key != edge_type}
            assert all(torch.isfinite(x).all() for x in model(data.x_dict, edges).values())
        entities = {name: data[name].x for name in ("e", "f")}
        out = model(entities, {})
        assert {name: tuple(x.shape) for name, x in out.items()} == {"e": (8, 8), "f": (5, 8)}
        assert all(torch.isfinite(x).all() for x in out.values())

    def test_a_state_dict_goes_round(self):
        model, data = self.make().eval(), make_data()
        torch.manual_seed(1)
        other = build(make_schema(), model=self.name, options=self.options, hidden_channels=8, heads=2).eval()
        other.load_state_dict(model.state_dict())
        one, two = run(model, data), run(other, data)
        assert all(torch.equal(one[name], two[name]) for name in one)

    def test_training_twice_gives_the_same_bits(self):
        def trained():
            model, data = self.make(), make_data()
            optimiser = torch.optim.AdamW(model.parameters(), lr=0.01)
            for _ in range(3):
                optimiser.zero_grad()
                run(model, data)["e"].square().mean().backward()
                optimiser.step()
            return model.state_dict()

        one, other = trained(), trained()
        assert all(torch.equal(one[name], other[name]) for name in one)

    def test_it_learns_a_label_that_its_modalities_tell(self):
        torch.manual_seed(0)
        model, data = self.make(dropout=0.0, input_dropout=0.0), make_data()
        label, head = torch.tensor([0, 1, 0, 1, 1, 0]), nn.Linear(8, 2)
        optimiser = torch.optim.AdamW([*model.parameters(), *head.parameters()], lr=0.01)
        for _ in range(60):
            optimiser.zero_grad()
            loss = nn.functional.cross_entropy(head(run(model, data)["e"][:6]), label)
            loss.backward()
            optimiser.step()
        assert loss < 0.1

    def test_its_docstring_cites_where_it_comes_from(self):
        assert "https://arxiv.org/abs/" in MODELS.get(self.name).__doc__


class TestHeteroGAT(ModelContract):
    name = "hetero_gat"


class TestHeteroGATByAttention(ModelContract):
    name = "hetero_gat"
    options: ClassVar[dict] = {"aggr": "attention", "edge_dropout": 0.1}


class TestHeteroGATv2(ModelContract):
    name = "hetero_gatv2"


class TestHeteroTransformer(ModelContract):
    name = "hetero_transformer"


class TestHeteroSAGE(ModelContract):
    name = "hetero_sage"


class TestRGCN(ModelContract):
    name = "rgcn"
    options: ClassVar[dict] = {"num_bases": 3}


class TestHGT(ModelContract):
    name = "hgt"


class TestHAN(ModelContract):
    name = "han"


class TestHeteroConv(ModelContract):
    name = "hetero_conv"
    options: ClassVar[dict] = {"conv": "GraphConv", "conv_options": {"aggr": "mean"}}


class TestCrossModalTransformer(ModelContract):
    name = "cross_modal_transformer"


class TestCoAttention(ModelContract):
    name = "co_attention"


class TestAlternatingCoAttention(ModelContract):
    name = "co_attention"
    options: ClassVar[dict] = {"order": "alternating"}


class TestBottleneck(ModelContract):
    name = "bottleneck"


class TestGatedFusion(ModelContract):
    name = "gated_fusion"


class TestTensorFusion(ModelContract):
    name = "tensor_fusion"
    options: ClassVar[dict] = {"num_layers": 2}


class TestLowRankFusion(ModelContract):
    name = "low_rank_fusion"


class TestMulT(ModelContract):
    name = "mult"


class TestMLP(ModelContract):
    name = "mlp"


def test_every_registered_model_has_a_case():
    assert {case.name for case in ModelContract.__subclasses__()} == set(MODELS.names())


@pytest.mark.parametrize("name", [*FUSIONS, "mlp"])
def test_the_attention_baselines_read_no_relation(name):
    model = build(make_schema(), model=name, hidden_channels=8, heads=2).eval()
    data = make_data()
    only_of = {key: index for key, index in data.edge_index_dict.items() if key[1] == "of"}
    one, other = model(data.x_dict, data.edge_index_dict), model(data.x_dict, only_of)
    assert all(torch.equal(one[n], other[n]) for n in one)


GRAPH_MODELS = sorted(set(MODELS.names()) - {*FUSIONS, "mlp"})


@pytest.mark.parametrize("name", GRAPH_MODELS)
def test_the_graph_models_read_every_relation(name):
    model = build(make_schema(), model=name, hidden_channels=8, heads=2).eval()
    data = make_data()
    wanted = model(data.x_dict, data.edge_index_dict)
    for edge_type in data.edge_types:
        edges = {key: index for key, index in data.edge_index_dict.items() if key != edge_type}
        out = model(data.x_dict, edges)
        assert any(not torch.equal(out[name], wanted[name]) for name in out), edge_type
