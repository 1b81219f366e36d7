"""Models that break the rules that only models have, and some of those that layers have."""

import pytest
import torch
from torch import nn

from mmgraph.errors import UnknownNameError
from mmgraph.models import MultimodalModel
from mmgraph.registry import LAYERS, MODELS
from mmgraph.testing import LAYER_RULES, MODEL_RULES, ContractError, check_model


def build(schema, *, dropout=0.0):
    return MultimodalModel(schema, layers=["late_fusion"], hidden_channels=8, dropout=dropout)


class Around(nn.Module):
    """A model around another one."""

    def __init__(self, schema, *, dropout=0.0):
        super().__init__()
        self.inner = build(schema, dropout=dropout)
        self.not_exportable, self.not_weighted = self.inner.not_exportable, self.inner.not_weighted

    def forward(self, x_dict, edge_index_dict, edge_weight_dict=None):
        return self.inner(x_dict, edge_index_dict, edge_weight_dict)


class Lazy(Around):
    def __init__(self, schema, *, dropout=0.0):
        super().__init__(schema, dropout=dropout)
        self.last = nn.LazyLinear(8)

    def forward(self, x_dict, edge_index_dict, edge_weight_dict=None):
        out = super().forward(x_dict, edge_index_dict, edge_weight_dict)
        return {name: self.last(x) for name, x in out.items()}


class Deaf(Around):
    """Modalities do not reach their entities."""

    def forward(self, x_dict, edge_index_dict, edge_weight_dict=None):
        heard = super().forward(x_dict, edge_index_dict, edge_weight_dict)
        return {name: 1e-4 * x for name, x in heard.items()}


class CountsRows(Around):
    def forward(self, x_dict, edge_index_dict, edge_weight_dict=None):
        out = super().forward(x_dict, edge_index_dict, edge_weight_dict)
        return {n: x + 0.01 * torch.arange(x.shape[0]).to(x.dtype).unsqueeze(1) for n, x in out.items()}


class AroundFeatures(Around):
    """A model around one that reads features of edges."""

    def __init__(self, schema, *, dropout=0.0):
        super().__init__(schema, dropout=dropout)
        layers = ["late_fusion", "hetero_gat"]
        self.inner = MultimodalModel(schema, layers=layers, hidden_channels=8, heads=2, dropout=dropout)
        self.not_exportable, self.not_weighted = self.inner.not_exportable, self.inner.not_weighted
        self.edge_channels = self.inner.edge_channels

    def forward(self, x_dict, edge_index_dict, edge_weight_dict=None, edge_attr_dict=None):
        return self.inner(x_dict, edge_index_dict, edge_weight_dict, edge_attr_dict)


class KeepsFeaturesBack(AroundFeatures):
    def forward(self, x_dict, edge_index_dict, edge_weight_dict=None, edge_attr_dict=None):
        nothing = {edge_type: 0 * attr for edge_type, attr in (edge_attr_dict or {}).items()}
        return self.inner(x_dict, edge_index_dict, edge_weight_dict, nothing)


class KeepsQuiet(AroundFeatures):
    """It needs features, and says that it reads none."""

    def __init__(self, schema, *, dropout=0.0):
        super().__init__(schema, dropout=dropout)
        self.edge_channels = {}


class ReturnsAll(Around):
    def forward(self, x_dict, edge_index_dict, edge_weight_dict=None):
        return {**x_dict, **super().forward(x_dict, edge_index_dict, edge_weight_dict)}


def broken_rules(model):
    with pytest.raises(ContractError) as caught:
        check_model(model)
    return set(caught.value.rules)


@pytest.mark.parametrize("model", [build, Around, AroundFeatures])
def test_a_correct_model_breaks_no_rule(model):
    check_model(model)


def test_a_recipe_will_do():
    def recipe(*, num_layers=2):
        return ["late_fusion"] * num_layers

    check_model(recipe, options={"num_layers": 1})


def test_a_model_of_layers_that_can_be_exported_can_be(mean_layer, monkeypatch):
    monkeypatch.setitem(LAYERS._things, "mean_of_neighbours", mean_layer)
    check_model(lambda schema: MultimodalModel(schema, layers=["mean_of_neighbours"], dropout=0.0))


@pytest.mark.parametrize(
    ("model", "rule"),
    [
        (Deaf, "learning"),
        (CountsRows, "node order"),
        (ReturnsAll, "states"),
        pytest.param(KeepsFeaturesBack, "edge features", marks=pytest.mark.slow),
        pytest.param(KeepsQuiet, "edge features", marks=pytest.mark.slow),
    ],
)
def test_a_broken_model_breaks_its_rule(model, rule):
    assert rule in broken_rules(model)


def test_a_model_without_widths_breaks_that_rule():
    assert "widths" in broken_rules(Lazy)


def test_models_keep_to_what_layers_keep_to():
    own = {rule.name for rule in set(MODEL_RULES) - set(LAYER_RULES)}
    assert own == {"widths", "learning"}


def test_a_registered_name_will_do(monkeypatch):
    monkeypatch.setitem(MODELS._things, "late", lambda: ["late_fusion"])
    check_model("late")
    with pytest.raises(UnknownNameError, match="Did you mean 'late'"):
        check_model("lat")
