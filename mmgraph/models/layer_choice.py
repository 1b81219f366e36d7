"""Layers by name: from a list in Python or YAML to the layers of a model."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias

from mmgraph.errors import ConfigError, Faults, did_you_mean
from mmgraph.layers import Layer, Metadata, Triple
from mmgraph.registry import LAYERS

LayerChoice: TypeAlias = "str | tuple[str, Mapping[str, Any]] | list[Any]"
"""A registered layer's name, or its name and its options."""


def make_layers(
    choices: Sequence[LayerChoice],
    metadata: Metadata,
    channels: int,
    *,
    heads: int,
    dropout: float,
    outputs: Collection[str],
    every_state: bool,
    edge_channels: Mapping[Triple, int] | None = None,
) -> tuple[list[Layer], frozenset[str]]:
    """Return the layers, each made for no more than the ones after it read.

    Args:
        choices: The layers, first to last.
        metadata: The node types and edge types of the graph.
        channels: Width of every state.
        heads: Number of attention heads of those layers that have heads and do not choose their own.
        dropout: The same for dropout.
        outputs: The node types whose states are read out.
        every_state: They are read out after every layer, not only after the last.
        edge_channels: The width of the edge features by edge type that has any, for those that read them.

    Returns:
        The layers, and the node types whose states the first of them reads.

    Raises:
        ConfigError: If the list is empty, or an option is unknown or has a value that cannot be used.
        UnknownNameError: If there is no layer of a name.
    """
    if isinstance(choices, (str, Mapping)) or not choices:
        raise ConfigError(f"got {choices!r}; wanted a list of at least one layer", where="model.layers")
    needed = frozenset(outputs)
    layers: list[Layer] = []
    for position in reversed(range(len(choices))):
        where = f"model.layers[{position}]"
        name, options = _read_choice(choices[position], where)
        shared = {"heads": heads, "dropout": dropout, "targets": needed, "edge_channels": edge_channels}
        layer = _make_layer(name, metadata, channels, shared, options, where)
        layers.insert(0, layer)
        needed = layer.reads | frozenset(outputs if every_state else ())
    return layers, needed


def _read_choice(choice: LayerChoice, where: str) -> tuple[str, dict[str, Any]]:
    if isinstance(choice, str):
        return choice, {}
    if isinstance(choice, (tuple, list)) and len(choice) == 2:
        name, options = choice
        if isinstance(name, str) and isinstance(options, Mapping):
            return name, dict(options)
    raise ConfigError(
        f"got {choice!r}; wanted a layer's name, or a pair of its name and a mapping of its options",
        where=where,
        fix="Write for example ('hetero_gat', {'aggr': 'max'}).",
    )


def _make_layer(
    name: str,
    metadata: Metadata,
    channels: int,
    shared: Mapping[str, Any],
    options: Mapping[str, Any],
    where: str,
) -> Layer:
    kind = LAYERS.get(name)
    declared = _keywords(kind)
    check_options(f"the layer {name!r}", kind, options, where=where, hidden=("targets", "edge_channels"))
    arguments = {key: value for key, value in shared.items() if key in declared}
    layer: Layer = kind(metadata, channels, **{**arguments, **options})
    return layer


def check_options(
    what: str,
    made_by: Callable[..., Any],
    options: Mapping[str, Any],
    *,
    where: str,
    hidden: Collection[str] = (),
) -> None:
    """Make sure that every option is a keyword-only argument of what it is meant for.

    Args:
        what: What the options are for, in words.
        made_by: The class or function that they are handed to.
        options: The options by name.
        where: Where they come from.
        hidden: Arguments that are not options.

    Raises:
        ConfigError: If not; all unknown ones at once, with the nearest names.
    """
    allowed = [name for name in _keywords(made_by) if name not in hidden]
    faults = Faults()
    for name in options:
        if name not in allowed:
            faults.add(where, f"{what} has no option {name!r}", did_you_mean(str(name), allowed))
    faults.raise_if_any(ConfigError)


def _keywords(made_by: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(made_by).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
