"""Layers that break a rule only with features of edges, and one that breaks none."""

import pytest
import torch
from torch import nn
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.testing import ContractError, check_layer
from mmgraph.testing.edge_feature_rules import EDGE_FEATURE_RULES
from mmgraph.testing.example_graph import NEAR
from tests.testing.conftest import registering

CASES = {}
breaks = registering(CASES)


def of_features(change):
    """Return a function that makes a layer which sees other features."""

    def make(base):
        class Broken(base):
            def counts(self, edge_type, attr):
                return super().counts(edge_type, change(attr))

        return Broken

    make.__name__ = change.__name__
    return make


def of_making(change):
    """Return a function that makes a layer which is changed once it is made."""

    def make(base):
        class Broken(base):
            def __init__(self, metadata, channels, *, dropout=0.0, edge_channels=None, targets=None):
                super().__init__(
                    metadata, channels, dropout=dropout, edge_channels=edge_channels, targets=targets
                )
                change(self, edge_channels or {})

        return Broken

    make.__name__ = change.__name__
    return make


@breaks("edge features")
@of_features
def reads_the_first_feature_alone(attr):
    return torch.cat([attr[:, :1], torch.ones_like(attr[:, 1:])], 1)


@breaks("edge features", "parameters")
@of_making
def does_not_say_that_it_reads_any(self, edge_channels):
    self.edge_channels = {}


@breaks("edge feature shapes")
def checks_nothing(base):
    class Broken(base):
        def forward(self, x_dict, edge_index_dict, edge_weight_dict=None, edge_attr_dict=None):
            weights = dict(edge_weight_dict or {})
            for edge_type, attr in (edge_attr_dict or {}).items():
                weights[edge_type] = weights.get(edge_type, 1.0) * self.counts(edge_type, attr)
            return self.new_states(x_dict, edge_index_dict, weights)

    return Broken


@breaks("edge features", "edge feature shapes")
def names_another_width(base):
    @of_making
    def widen(self, edge_channels):
        self.edge_channels = dict.fromkeys(self.edge_channels, 7)

    return widen(checks_nothing(base))


@breaks("edge feature shapes")
def does_not_mind_that_there_are_none(base):
    class Broken(base):
        def forward(self, x_dict, edge_index_dict, edge_weight_dict=None, edge_attr_dict=None):
            attrs = dict(edge_attr_dict or {})
            for edge_type, width in self.edge_channels.items():
                if edge_type in edge_index_dict:
                    attrs.setdefault(edge_type, torch.zeros(edge_index_dict[edge_type].shape[1], width))
            return super().forward(x_dict, edge_index_dict, edge_weight_dict, attrs)

    return Broken


@breaks("edge order")
@of_features
def likes_the_first_edge(attr):
    return attr + 0.1 * attr[:1]


@breaks("padding")
@of_features
def standardises_over_all_edges(attr):
    return attr - attr.mean(0)


@breaks("empty relations", "empty node types")
@of_features
def needs_an_edge(attr):
    return attr + 0 * attr[0]


@breaks("gradients")
@of_features
def detaches(attr):
    return attr.detach()


@breaks("precision")
def multiplies_as_they_come(base):
    class Broken(base):
        def counts(self, edge_type, attr):
            return torch.sigmoid(self.count[edge_type](attr)).squeeze(1)

    return Broken


@breaks("parameters")
@of_making
def has_an_idle_parameter(self, edge_channels):
    self.idle = ModuleDict({edge_type: nn.Linear(width, 1) for edge_type, width in edge_channels.items()})


@breaks("targets")
@of_making
def reads_what_serves_no_target(self, edge_channels):
    self.edge_channels = dict(edge_channels)


@breaks("inputs")
def takes_features_away(base):
    class Broken(base):
        def forward(self, x_dict, edge_index_dict, edge_weight_dict=None, edge_attr_dict=None):
            out = super().forward(x_dict, edge_index_dict, edge_weight_dict, edge_attr_dict)
            if self.training and edge_attr_dict:
                edge_attr_dict.pop(NEAR, None)
            return out

    return Broken


@breaks("compile")
@of_features
def knows_the_compiler(attr):
    compiled = torch.compiler.is_compiling() and not torch.compiler.is_exporting()
    return 1.1 * attr if compiled else attr


def test_a_correct_layer_breaks_no_rule(featured_layer):
    check_layer(featured_layer)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_broken_layer_breaks_its_rule_and_no_other(case, featured_layer):
    make, rules = CASES[case]
    with pytest.raises(ContractError) as caught:
        check_layer(make(featured_layer))
    assert set(caught.value.rules) == set(rules), str(caught.value)
    assert all(fault.where.startswith("Broken with edge features: ") for fault in caught.value.faults)


def test_every_rule_on_features_is_seen_to_be_broken():
    assert {rules[0] for _, rules in CASES.values()} >= {rule.name for rule in EDGE_FEATURE_RULES}


def test_what_takes_no_features_meets_none(featured_layer):
    make, _ = CASES["checks_nothing"]
    broken = make(featured_layer)
    check_layer(lambda metadata, channels: broken(metadata, channels))


def test_a_rule_that_is_broken_anyway_is_told_once(featured_layer):
    class Broken(featured_layer):
        def new_states(self, x_dict, edge_index_dict, weights):
            out = super().new_states(x_dict, edge_index_dict, weights)
            return {name: x + 0.1 * x.detach() if name in self.targets else x for name, x in out.items()}

    with pytest.raises(ContractError) as caught:
        check_layer(Broken)
    assert [fault.where for fault in caught.value.faults] == ["Broken: gradients"]


def test_a_layer_that_cannot_be_made_for_features_is_said_to_be(featured_layer):
    class Broken(featured_layer):
        def __init__(self, metadata, channels, *, edge_channels=None):
            super().__init__(metadata, channels, edge_channels=edge_channels)
            if edge_channels:
                raise TypeError("no")

    with pytest.raises(ContractError, match=r"with edge features: making: TypeError: no.*edge features \{"):
        check_layer(Broken)
