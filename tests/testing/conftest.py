"""A layer as a user would write it; it keeps to every rule, and each test breaks one."""

import pytest
import torch
from torch import nn
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.layers import Layer


def registering(cases):
    """Return a decorator by which functions from a correct layer to one that breaks rules become cases."""

    def breaks(*rules):
        """Register a function with the rules that its layer breaks, the first on purpose."""

        def decorator(make):
            cases[make.__name__] = (make, rules)
            return make

        return decorator

    return breaks


class Mean(Layer):
    """The mean of what neighbours send, relation by relation, added to a map of the own state."""

    def __init__(self, metadata, channels, *, dropout=0.0, targets=None):
        super().__init__(metadata, channels, targets=targets)
        self.dropout = nn.Dropout(dropout)
        self.into = [edge_type for edge_type in self.edge_types if edge_type[2] in self.targets]
        asked = [name for name in self.node_types if name in self.targets]
        self.own = ModuleDict({name: nn.Linear(channels, channels) for name in asked})
        self.send = ModuleDict({edge_type: nn.Linear(channels, channels) for edge_type in self.into})

    def forward(self, x_dict, edge_index_dict, edge_weight_dict=None):
        self.check_inputs(x_dict, edge_index_dict, edge_weight_dict)
        return self.new_states(x_dict, edge_index_dict, edge_weight_dict or {})

    def new_states(self, x_dict, edge_index_dict, weights):
        update = {
            name: self.own[name](x_dict[name])
            for name in self.node_types
            if name in x_dict and name in self.targets
        }
        for edge_type in self.into:
            source, _, target = edge_type
            if edge_type in edge_index_dict and source in x_dict and target in x_dict:
                index, x = edge_index_dict[edge_type], x_dict[source]
                weight = weights.get(edge_type, x.new_ones(index.shape[1])).to(x.dtype)
                message = self.message(edge_type, x, x_dict[target], index, weight)
                update[target] = update[target] + message
        result = dict(x_dict)
        for name in self.node_types:
            if name in update:
                result[name] = x_dict[name] + self.dropout(torch.tanh(update[name]))
        return result

    def message(self, edge_type, x, x_target, index, weight):
        size = x_target.shape[0]
        sent = self.send[edge_type](x)[index[0]] * weight.unsqueeze(1)
        total = weight.new_zeros(size).index_add(0, index[1], weight).clamp(min=1e-9)
        return x.new_zeros(size, self.channels).index_add(0, index[1], sent) / total.unsqueeze(1)


class MeanByFeatures(Mean):
    """The same mean, of neighbours that count as much as the features of their edge say."""

    def __init__(self, metadata, channels, *, dropout=0.0, edge_channels=None, targets=None):
        super().__init__(metadata, channels, dropout=dropout, targets=targets)
        widths = edge_channels or {}
        self.edge_channels = {edge_type: widths[edge_type] for edge_type in self.into if edge_type in widths}
        self.count = ModuleDict({edge_type: nn.Linear(w, 1) for edge_type, w in self.edge_channels.items()})

    def forward(self, x_dict, edge_index_dict, edge_weight_dict=None, edge_attr_dict=None):
        self.check_inputs(x_dict, edge_index_dict, edge_weight_dict, edge_attr_dict)
        weights = dict(edge_weight_dict or {})
        for edge_type, attr in (edge_attr_dict or {}).items():
            weights[edge_type] = weights.get(edge_type, 1.0) * self.counts(edge_type, attr)
        return self.new_states(x_dict, edge_index_dict, weights)

    def counts(self, edge_type, attr):
        linear = self.count[edge_type]
        return torch.sigmoid(linear(attr.to(linear.weight.dtype))).squeeze(1)


@pytest.fixture
def mean_layer():
    return Mean


@pytest.fixture
def featured_layer():
    return MeanByFeatures
