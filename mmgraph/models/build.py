"""A model by name, or from a list of layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmgraph.errors import ConfigError
from mmgraph.graph.schema import GraphSchema
from mmgraph.models.layer_choice import LayerChoice, check_options
from mmgraph.models.model import MultimodalModel
from mmgraph.registry import MODELS


def build(
    schema: GraphSchema,
    *,
    model: str = "hetero_gat",
    layers: Sequence[LayerChoice] | None = None,
    options: Mapping[str, Any] | None = None,
    hidden_channels: int = 128,
    num_layers: int | None = None,
    heads: int = 4,
    dropout: float = 0.5,
    input_dropout: float = 0.5,
    readout: str = "last",
    missing: str = "absent",
    modality_dropout: float = 0.0,
    featureless: str = "degree",
    outputs: Sequence[str] | None = None,
) -> MultimodalModel:
    """Return a model for the graphs of a schema.

    Args:
        schema: The node types, with their widths, and the edge types.
        model: The registered model whose list of layers to use where ``layers`` gives none.
        layers: Registered layers by name, first to last; a pair of name and mapping gives a layer options.
        options: Options of the named model, e.g. ``{"aggr": "attention"}``.
        hidden_channels: Width of every state.
        num_layers: Number of layers of the named model; its own default if None.
        heads: Number of attention heads of the layers that have heads.
        dropout: Dropout of the layers that have it.
        input_dropout: Share of the features that is dropped before the projection.
        readout: ``last`` (the state after the last layer) or ``jk`` (a linear map of those after every one).
        missing: What becomes of a modality that an entity lacks: ``absent`` (it stays away), ``token`` (a
            learned state of the modality stands for it) or ``neighbours`` (the mean of those that have it).
        modality_dropout: Probability with which each modality of an entity is taken away in a training step.
        featureless: What tells the nodes of a type apart that has neither features nor modalities: their
            ``degree`` in each relation, or a ``learned`` vector for each of the schema's nodes.
        outputs: The node types to read out; all entity types by default.

    Raises:
        ConfigError: If an option is unknown or has a value that cannot be used, or if ``layers`` comes with
            what only a named model reads.
        UnknownNameError: If there is no model or layer of a name.

    Example:
        >>> from mmgraph.graph.schema import EdgeType, GraphSchema, NodeType
        >>> schema = GraphSchema(
        ...     (NodeType("a", 2, 0, "a"), NodeType("a/text", 3, 5, "a", "text", "text")),
        ...     (EdgeType("a/text", "of", "a", 3, "of"),),
        ... )
        >>> [type(layer).__name__ for layer in build(schema, model="hetero_gat", num_layers=1).layers]
        ['LateFusion', 'HeteroGAT']
        >>> [type(layer).__name__ for layer in build(schema, layers=["cross_modal_transformer"]).layers]
        ['CrossModalTransformer']
    """
    if layers is None:
        layers = _named_layers(model, num_layers, options or {})
    elif num_layers is not None or options:
        raise ConfigError(
            "got both a list of layers and options of a named model (num_layers, options)",
            where="model.layers",
            fix="Leave out one of them.",
        )
    return MultimodalModel(
        schema,
        layers=layers,
        hidden_channels=hidden_channels,
        heads=heads,
        dropout=dropout,
        input_dropout=input_dropout,
        readout=readout,
        missing=missing,
        modality_dropout=modality_dropout,
        featureless=featureless,
        outputs=outputs,
    )


def _named_layers(model: str, num_layers: int | None, options: Mapping[str, Any]) -> list[LayerChoice]:
    recipe = MODELS.get(model)
    arguments = dict(options) if num_layers is None else {**options, "num_layers": num_layers}
    check_options(f"the model {model!r}", recipe, arguments, where="model.options")
    choices: list[LayerChoice] = recipe(**arguments)
    return choices
