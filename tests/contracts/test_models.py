"""Every registered model keeps to the contract, with its defaults and with the options below."""

import pytest
import torch

from mmgraph.models import build
from mmgraph.models.fusion import FUSIONS
from mmgraph.registry import MODELS
from mmgraph.testing import check_model
from mmgraph.testing.check_model import WIDTHS, schema_of
from mmgraph.testing.example_graph import example_graph

VARIANTS = {
    "hetero_gat": [{}, {"aggr": "attention", "edge_dropout": 0.1}],
    "rgcn": [{"num_bases": 3}],
    "hetero_conv": [{"conv": "GraphConv", "conv_options": {"aggr": "mean"}}],
    "co_attention": [{}, {"order": "alternating"}],
    "tensor_fusion": [{"num_layers": 2}],
}
"""Options to check a model with; one that is not here is checked with its defaults."""

CASES = [(name, options) for name in MODELS.names() for options in VARIANTS.get(name, [{}])]


COMPILED = ("hetero_gat", "cross_modal_transformer")
"""Models to compile, which takes longer than all else; the others differ from them in their layers alone."""


@pytest.mark.parametrize(("name", "options"), CASES)
def test_it_keeps_to_the_contract(name, options):
    check_model(name, options=options, skip=() if name in COMPILED else ("compile",))


def test_every_registered_model_is_checked_and_nothing_else():
    assert {name for name, _ in CASES} == set(MODELS.names())
    assert set(VARIANTS) <= set(MODELS.names())


@pytest.mark.parametrize("name", MODELS.names())
def test_its_docstring_cites_where_it_comes_from(name):
    assert "https://arxiv.org/abs/" in MODELS.get(name).__doc__


BASELINES = [*FUSIONS, "mlp"]


@pytest.fixture
def run():
    """Return a function from a model's name and edge types to leave out to its representations."""
    graph = example_graph(WIDTHS).single()

    def represent(name, *left_out):
        torch.manual_seed(0)
        model = build(schema_of(graph), model=name, hidden_channels=8, heads=2).eval()
        edges = {key: index for key, index in graph.edge_index_dict.items() if key not in left_out}
        return model(graph.x_dict, edges)

    represent.edge_types = list(graph.edge_index_dict)
    return represent


@pytest.mark.parametrize("name", BASELINES)
def test_the_attention_baselines_read_no_relation(name, run):
    one, other = run(name), run(name, *(key for key in run.edge_types if key[1] != "of"))
    assert all(torch.equal(one[n], other[n]) for n in one)


@pytest.mark.parametrize("name", sorted(set(MODELS.names()) - set(BASELINES)))
def test_the_graph_models_read_every_relation(name, run):
    wanted = run(name)
    for edge_type in run.edge_types:
        out = run(name, edge_type)
        assert any(not torch.equal(out[n], wanted[n]) for n in out), edge_type
