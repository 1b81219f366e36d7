"""The contract of layers, for those that are registered and for anybody's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData
from torch_geometric.nn import HeteroConv, SAGEConv

from mmgraph.layers import Layer, Metadata
from mmgraph.registry import LAYERS
from mmgraph.testing.compiler_rules import COMPILER_RULES
from mmgraph.testing.edge_feature_rules import EDGE_FEATURE_RULES
from mmgraph.testing.edge_rules import EDGE_RULES, ONE_STEP
from mmgraph.testing.example_graph import SIZES, ExampleGraph, example_graph, tiny_graph
from mmgraph.testing.graph_rules import GRAPH_RULES
from mmgraph.testing.module_rules import DROPOUT, MODULE_RULES
from mmgraph.testing.receptive_field_rules import RECEPTIVE_FIELD_RULES
from mmgraph.testing.rule import Rule, Subject, choose_rules, difference, require

CHANNELS = 8


def check_layer(
    layer: str | Callable[..., nn.Module],
    *,
    options: Mapping[str, Any] | None = None,
    frozen: Collection[str] = (),
    skip: Collection[str] = (),
) -> None:
    """Check that a layer keeps to everything that a model, a sampler or PyG relies on.

    The rules are those of ``LAYER_RULES``. The layer is made anew for each of them, for small graphs of
    width 8 in float64. Random numbers of the caller stay as they are; what torch.compile has kept is reset.

    Args:
        layer: A registered name, a subclass of :class:`mmgraph.Layer`, or a factory
            ``(metadata, channels) -> layer``. Where it takes ``dropout`` or ``targets`` by name, these are
            checked too; where it takes ``edge_channels``, all rules are checked with edge features as well.
        options: Its options, by name.
        frozen: The names of parameters that rightly get no gradient on the small graph.
        skip: The names of rules to leave out, e.g. ``["compile"]``, which takes most of the time.

    Raises:
        ContractError: If a rule is broken; all broken rules are listed.
        ConfigError: If there is no rule of a name in ``skip``.
        UnknownNameError: If there is no layer of that name.

    Example:
        >>> check_layer("late_fusion")
    """
    make = LAYERS.get(layer) if isinstance(layer, str) else layer
    name = layer if isinstance(layer, str) else getattr(layer, "__name__", type(layer).__name__)
    chosen, widths = dict(options or {}), dict.fromkeys(SIZES, CHANNELS)

    def make_module(graph: ExampleGraph, arguments: Mapping[str, Any]) -> nn.Module:
        features = {"edge_channels": graph.edge_channels} if graph.edge_channels else {}
        made: nn.Module = make(graph.metadata, CHANNELS, **{**chosen, **features, **arguments})
        return made

    parameters = frozenset(inspect.signature(make).parameters)
    subject = Subject(
        name=name,
        make_module=make_module,
        graph=example_graph(widths),
        tiny=tiny_graph(widths),
        returned=frozenset(SIZES),
        channels=CHANNELS,
        arguments=parameters & {"dropout", "targets"},
        frozen=frozenset(frozen),
    )
    rules = choose_rules(LAYER_RULES, skip)
    require(subject, rules, with_edge_features="edge_channels" in parameters)


def _base_class(subject: Subject) -> Iterator[str]:
    module = subject.make()
    if not isinstance(module, Layer):
        yield f"a {type(module).__name__}"


def _dropout(subject: Subject) -> Iterator[str]:
    if "dropout" not in subject.arguments:
        return
    module = subject.make(dropout=DROPOUT).train()
    torch.manual_seed(0)
    one = module(*subject.graph.inputs)
    if difference(one, module(*subject.graph.inputs), exact=True) is None:
        yield "the same states twice in training, with dropout"
    without = subject.make(dropout=0.0).train()
    other = without(*subject.graph.inputs)
    if (found := difference(without(*subject.graph.inputs), other, exact=True)) is not None:
        yield f"{found} in training, without dropout"


def _targets(subject: Subject) -> Iterator[str]:
    if "targets" not in subject.arguments:
        return
    for targets in (["e"], ["e/text"], ["f"], ["e", "f"], []):
        module = subject.make(targets=targets)
        graph = subject.graph.read_by(module)
        x_dict, *edges = graph.inputs
        out = module(x_dict, *edges)
        for fault in subject.faults_of_states(out, graph):
            yield f"{fault}, for the targets {targets}"
        for name in sorted(set(x_dict) - set(targets)):
            if out[name] is not x_dict[name]:
                yield f"another state of {name!r}, for the targets {targets}"
        reads = module.reads
        if missing := sorted(set(targets) - set(reads)):  # type: ignore[arg-type]
            yield f"reads without the targets {missing}"
        read = {name: x for name, x in x_dict.items() if name in reads}  # type: ignore[operator]
        found = difference(module(read, *edges), {name: out[name] for name in read})
        if found is not None:
            yield f"{found}, given only what it reads for the targets {targets}"


class _PyGModel(nn.Module):
    """The layer, a layer of PyG, and the layer again."""

    def __init__(self, layer: nn.Module, metadata: Metadata) -> None:
        super().__init__()
        self.layer = layer
        self.between = HeteroConv({edge_type: SAGEConv(CHANNELS, CHANNELS) for edge_type in metadata[1]})

    def forward(self, x_dict: dict[str, Tensor], edge_index_dict: Any, **features: Any) -> Any:
        """Return the states after all three."""
        x_dict = self.between(self.layer(x_dict, edge_index_dict, **features), edge_index_dict)
        return self.layer(x_dict, edge_index_dict, **features)


def _pyg(subject: Subject) -> Iterator[str]:
    data = HeteroData()
    for name, x in subject.graph.x_dict.items():
        data[name].x = x.float()
    for edge_type, index in subject.graph.edge_index_dict.items():
        data[edge_type].edge_index = index
    for edge_type, attr in subject.graph.edge_attr_dict.items():
        data[edge_type].edge_attr = attr.float()
    features = {"edge_attr_dict": data.edge_attr_dict} if subject.graph.edge_attr_dict else {}
    model = _PyGModel(subject.make().float(), data.metadata())
    yield from subject.faults_of_states(model(data.x_dict, data.edge_index_dict, **features), subject.graph)


LAYER_RULES = (
    Rule(
        "base class",
        "a subclass of mmgraph.Layer",
        "Derive from mmgraph.Layer, and call its __init__ with metadata and channels.",
        _base_class,
    ),
    *GRAPH_RULES,
    *EDGE_RULES,
    ONE_STEP,
    *EDGE_FEATURE_RULES,
    *RECEPTIVE_FIELD_RULES,
    *MODULE_RULES,
    Rule(
        "dropout",
        "random numbers in training with dropout, and none without",
        "Hand dropout on to torch.nn.Dropout or torch.nn.functional.dropout with training=self.training.",
        _dropout,
    ),
    Rule(
        "targets",
        "the same states as ever for the targets, and the very tensors that came in for the others",
        "Update the node types in self.targets only; name in reads all types that these depend on.",
        _targets,
    ),
    Rule(
        "pyg",
        "states that a layer of PyG can take, and the other way round",
        "Take (x_dict, edge_index_dict) without weights as well, in float32.",
        _pyg,
    ),
    *COMPILER_RULES,
)
"""All rules that a layer keeps to."""
