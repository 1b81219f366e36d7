"""The contract of models, for those that are registered and for anybody's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import torch
from torch import nn

from mmgraph.graph.schema import EdgeType, GraphSchema, NodeType
from mmgraph.models import build
from mmgraph.registry import MODELS
from mmgraph.testing.compiler_rules import COMPILER_RULES
from mmgraph.testing.edge_feature_rules import EDGE_FEATURE_RULES
from mmgraph.testing.edge_rules import EDGE_RULES
from mmgraph.testing.example_graph import ExampleGraph, example_graph, tiny_graph
from mmgraph.testing.graph_rules import GRAPH_RULES
from mmgraph.testing.module_rules import MODULE_RULES
from mmgraph.testing.rule import Rule, Subject, choose_rules, require

WIDTHS = {"e": 0, "e/text": 6, "e/image": 4, "e/sound": 5, "f": 0, "f/table": 3}
"""The width of each node type's features: entity nodes have none."""

ENTITIES = frozenset({"e", "f"})
HIDDEN_CHANNELS = 8
CLASSES = [0, 1, 0, 1, 1, 0]
"""What a model has to learn of the entities that have modalities."""

NUM_STEPS, LOSS = 80, 0.1


def check_model(
    model: str | Callable[..., Any],
    *,
    options: Mapping[str, Any] | None = None,
    frozen: Collection[str] = (),
    skip: Collection[str] = (),
) -> None:
    """Check that a model keeps to everything that training, comparing and explaining it rely on.

    The rules are those of ``MODEL_RULES``. The model is made anew for each of them, for small graphs in
    float64. Random numbers of the caller stay as they are; what torch.compile has kept is reset.

    Args:
        model: A registered name; a recipe, which takes options by name and returns a list of layers, as those
            that are registered; or a factory ``(schema) -> model``, e.g. a class. A model takes
            ``(x_dict, edge_index_dict, edge_weight_dict)`` and returns the states of all entity types. Where
            its ``edge_channels`` names edge types whose features it reads, all rules are checked with these
            as well, as ``edge_attr_dict``.
        options: Its options, by name.
        frozen: The names of parameters that rightly get no gradient on the small graph.
        skip: The names of rules to leave out, e.g. ``["compile"]``, which takes most of the time.

    Raises:
        ContractError: If a rule is broken; all broken rules are listed.
        ConfigError: If there is no rule of a name in ``skip``.
        UnknownNameError: If there is no model of that name.

    Example:
        >>> check_model("mlp")
    """
    made_by = MODELS.get(model) if isinstance(model, str) else model
    name = model if isinstance(model, str) else getattr(model, "__name__", type(model).__name__)
    chosen, recipe = dict(options or {}), _is_recipe(made_by)
    full, tiny = example_graph(WIDTHS), tiny_graph(WIDTHS)

    def make_module(graph: ExampleGraph, arguments: Mapping[str, Any]) -> nn.Module:
        schema = schema_of(graph)
        if not recipe:
            made: nn.Module = made_by(schema, **{**chosen, **arguments})
            return made
        widths = {"hidden_channels": HIDDEN_CHANNELS, "heads": 2}
        dropout = {"dropout": 0.0, "input_dropout": 0.0, **arguments}
        # What takes long is checked on one layer of each kind.
        depth = (
            {"num_layers": 1}
            if graph.metadata == tiny.metadata and "num_layers" in inspect.signature(made_by).parameters
            else {}
        )
        return build(schema, layers=made_by(**{**chosen, **depth}), **widths, **dropout)  # type: ignore[arg-type]

    subject = Subject(
        name=name,
        make_module=make_module,
        graph=full,
        tiny=tiny,
        returned=ENTITIES,
        channels=HIDDEN_CHANNELS if recipe else None,
        arguments=frozenset(["dropout"] if recipe else inspect.signature(made_by).parameters) & {"dropout"},
        frozen=frozenset(frozen),
    )
    require(subject, choose_rules(MODEL_RULES, skip), with_edge_features=True)


def _is_recipe(made_by: Callable[..., Any]) -> bool:
    parameters = inspect.signature(made_by).parameters.values()
    return all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters)


def schema_of(graph: ExampleGraph) -> GraphSchema:
    """Return the schema of an example graph, in which entity nodes have no features."""
    node_types, edge_types = [], []
    for name in graph.metadata[0]:
        entity, _, modality = name.partition("/")
        count = graph.x_dict[name].shape[0]
        kind = "features" if modality else None
        node_types.append(NodeType(name, count, WIDTHS[name], entity, modality or None, kind))
    for source, name, target in graph.metadata[1]:
        count = graph.edge_index_dict[source, name, target].shape[1]
        reverse_of = name.removeprefix("rev_") if name.startswith("rev_") else None
        kind = "of" if name == "of" else "given"
        features = tuple(f"feature {i}" for i in range(graph.edge_channels.get((source, name, target), 0)))
        edge_types.append(
            EdgeType(source, name, target, count, kind, reverse_of, attr_names=features)  # type: ignore[arg-type]
        )
    return GraphSchema(tuple(node_types), tuple(edge_types))


def _widths(subject: Subject) -> Iterator[str]:
    torch.manual_seed(0)
    module = subject.make_module(subject.graph, {})
    lazy = [name for name, p in module.named_parameters() if nn.parameter.is_lazy(p)]
    if lazy:
        yield f"{', '.join(lazy)} without a shape"


def _learning(subject: Subject) -> Iterator[str]:
    module = subject.make().train()
    label = torch.tensor(CLASSES)
    width = module(*subject.graph.inputs)["e"].shape[1]
    head = nn.Linear(width, 2, dtype=torch.float64)
    optimiser = torch.optim.AdamW([*module.parameters(), *head.parameters()], lr=0.01)
    loss = torch.tensor(torch.inf)
    for _ in range(NUM_STEPS):
        optimiser.zero_grad()
        out = module(*subject.graph.inputs)["e"][: len(CLASSES)]
        loss = nn.functional.cross_entropy(head(out), label)
        if loss < LOSS:
            return
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    yield f"a loss of {loss.item():.2g} after {NUM_STEPS} steps"


MODEL_RULES = (
    *GRAPH_RULES,
    *EDGE_RULES,
    *EDGE_FEATURE_RULES,
    *MODULE_RULES,
    Rule(
        "widths",
        "parameters whose shapes are known when the model is made",
        "Take all widths from the schema; use no lazy module.",
        _widths,
    ),
    Rule(
        "learning",
        f"a loss below {LOSS} on six entities that their modalities tell apart",
        "Check that the states of modality nodes reach those of their entities.",
        _learning,
    ),
    *COMPILER_RULES,
)
"""All rules that a model keeps to."""
