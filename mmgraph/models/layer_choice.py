"""Layers by name: from a list in Python or YAML to the layers of a model."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

from mmgraph.errors import ConfigError, did_you_mean
from mmgraph.layers import Layer, Metadata
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

    Returns:
        The layers, and the node types whose states the first of them reads.

    Raises:
        ConfigError: If the list is empty, or an option is unknown or has a value that cannot be used.
        UnknownNameError: If there is no layer of a name.
    """
    if isinstance(choices, str) or not choices:
        raise ConfigError(f"got {choices!r}; wanted a list of at least one layer", where="model.layers")
    needed = frozenset(outputs)
    layers: list[Layer] = []
    for position in reversed(range(len(choices))):
        where = f"model.layers[{position}]"
        name, options = _read_choice(choices[position], where)
        shared = {"heads": heads, "dropout": dropout, "targets": needed}
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
    declared = [p.name for p in inspect.signature(kind).parameters.values() if p.kind is p.KEYWORD_ONLY]
    allowed = [option for option in declared if option != "targets"]
    for option in options:
        if option not in allowed:
            raise ConfigError(
                f"the layer {name!r} has no option {option!r}", where=where, fix=did_you_mean(option, allowed)
            )
    arguments = {key: value for key, value in shared.items() if key in declared}
    layer: Layer = kind(metadata, channels, **{**arguments, **options})
    return layer
