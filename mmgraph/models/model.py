"""A model: projection into the shared space, layers, and one unified representation per entity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.errors import ConfigError, did_you_mean
from mmgraph.graph.schema import GraphSchema, Triple
from mmgraph.layers.layer import Layer
from mmgraph.layers.options import require_fraction, require_positive
from mmgraph.models.edge_scale import EdgeScale
from mmgraph.models.featureless import FeaturelessNodes
from mmgraph.models.layer_choice import LayerChoice, make_layers
from mmgraph.models.missing import MissingModalities
from mmgraph.models.projection import Projection
from mmgraph.models.readout import Readout
from mmgraph.models.sample import Sample


class MultimodalModel(nn.Module):
    """Projects every node type into one space, passes the layers, and reads out the entities.

    All widths come from the schema, so that no parameter is lazy, and nothing is made that the readout does
    not depend on: the last layer only has relations into what is read out, and so on backwards.

    Args:
        schema: The node types, with their widths, and the edge types of the graph.
        layers: Registered layers by name, first to last; a pair of name and mapping gives a layer options.
        hidden_channels: Width of the shared space, C.
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

    Attributes:
        encoders: By node type, a module that makes features of what ``x_dict`` has of it, and is trained with
            the model. There is none in a new model.

    Raises:
        ConfigError: If an option is unknown or has a value that cannot be used.
        UnknownNameError: If there is no layer of a name.

    Example:
        >>> import torch
        >>> from mmgraph.graph.schema import EdgeType, GraphSchema, NodeType
        >>> schema = GraphSchema(
        ...     (NodeType("a", 2, 0, "a"), NodeType("a/text", 3, 5, "a", "text", "text")),
        ...     (EdgeType("a/text", "of", "a", 3, "of"),),
        ... )
        >>> model = MultimodalModel(schema, layers=["late_fusion", ("hetero_gat", {"aggr": "sum"})])
        >>> of = {("a/text", "of", "a"): torch.tensor([[0, 1, 2], [0, 1, 1]])}
        >>> model({"a": torch.empty(2, 0), "a/text": torch.randn(3, 5)}, of)["a"].shape
        torch.Size([2, 128])
    """

    def __init__(
        self,
        schema: GraphSchema,
        *,
        layers: Sequence[LayerChoice],
        hidden_channels: int = 128,
        heads: int = 4,
        dropout: float = 0.5,
        input_dropout: float = 0.0,
        readout: str = "last",
        missing: str = "absent",
        modality_dropout: float = 0.0,
        featureless: str = "degree",
        outputs: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        require_positive("model", "hidden_channels", hidden_channels)
        require_fraction("model", "input_dropout", input_dropout)
        self.hidden_channels = hidden_channels
        self.outputs = _outputs(schema, outputs)
        made, read = make_layers(
            layers,
            schema.metadata,
            hidden_channels,
            heads=heads,
            dropout=dropout,
            outputs=self.outputs,
            every_state=readout == "jk",
            edge_channels=schema.edge_channels,
        )
        self.encoders = ModuleDict()
        self.edge_scale = EdgeScale(schema)
        projected = [name for name in schema.channels if name in read]
        self.projection = Projection(
            schema.channels, hidden_channels, node_types=projected, dropout=input_dropout
        )
        self.missing = MissingModalities(
            schema,
            hidden_channels,
            node_types=projected,
            missing=missing,
            modality_dropout=modality_dropout,
        )
        self.layers = nn.ModuleList(made)
        self.readout = Readout(self.outputs, hidden_channels, num_layers=len(made), readout=readout)
        self.featureless = FeaturelessNodes(
            schema, hidden_channels, node_types=projected, featureless=featureless
        )

    @property
    def not_exportable(self) -> str | None:
        """Why ``torch.export`` cannot trace the model: what the first layer says that it cannot."""
        return next((layer.not_exportable for layer in self.layers if layer.not_exportable), None)  # type: ignore[return-value]

    @property
    def not_local(self) -> str | None:
        """Why a state depends on nodes that no path leads from: what the first such layer says."""
        return next((layer.not_local for layer in self.layers if layer.not_local), None)  # type: ignore[return-value]

    @property
    def not_in_parts(self) -> str | None:
        """Why a neighbourhood is not enough for the state of a node: what the first such layer says."""
        return next((why for layer in self.layers if (why := layer.not_in_parts)), None)  # type: ignore[return-value]

    @property
    def not_weighted(self) -> str | None:
        """Why weights of edges make no difference: what the last layer says, if all layers say so."""
        reasons = [layer.not_weighted for layer in self.layers]
        return reasons[-1] if all(reasons) else None  # type: ignore[return-value]

    @property
    def edge_channels(self) -> dict[Triple, int]:
        """The width of the edge features of those edge types whose features a layer reads."""
        read: set[Triple] = {triple for layer in self.layers for triple in layer.edge_channels}  # type: ignore[union-attr]
        return {triple: width for triple, width in self.edge_scale.channels.items() if triple in read}

    def forward(
        self,
        x_dict: Mapping[str, Tensor],
        edge_index_dict: Mapping[Triple, Tensor],
        edge_weight_dict: Mapping[Triple, Tensor] | None = None,
        edge_attr_dict: Mapping[Triple, Tensor] | None = None,
        sample: Sample | None = None,
    ) -> dict[str, Tensor]:
        """Return the unified representation of every node of the output types.

        Args:
            x_dict: Node type to features, [N, width of the schema], or to what the encoder in
                :attr:`encoders` makes features of. A node type may be absent.
            edge_index_dict: Edge type to edges, int64 [2, E], in any order. An edge type may be absent.
            edge_weight_dict: Edge type to weights above 0, [E]; an edge type that is not in it weighs 1.
            edge_attr_dict: Edge type to features, [E, A], as the graph has them: they are standardised here.
                Those that no layer reads may be left out.
            sample: If the graph is a sampled neighbourhood, what is known of it besides.

        Returns:
            Node type to representations, [N, C]; where a sample is trimmed, of the first nodes alone.

        Raises:
            GraphError: If the graph does not fit the schema that the model was built for.
        """
        sizes = {name: x.shape[0] for name, x in x_dict.items()}
        projected = self.project(x_dict, edge_index_dict, sample)
        attrs = self.edge_scale(edge_attr_dict or {})
        state, edges, weights, attrs = self.missing(
            projected, edge_index_dict, edge_weight_dict or {}, attrs, sizes
        )
        states = [] if self.layers else [state]
        for number, layer in enumerate(self.layers):
            read = (edges, weights, attrs)
            if sample is not None and sample.trims:
                trim = sample.trims[number]
                state = trim.nodes(state)
                read = (trim.edge_index, trim.edges(weights), trim.edges(attrs))
            asked = num_asked(layer, sample, number)  # type: ignore[arg-type]
            state = layer(state, *read[:2], *read_features(layer, read[2]), **asked)  # type: ignore[arg-type]
            states.append(state)
        result: dict[str, Tensor] = self.readout(states)
        # Nodes that stand for missing modalities are no nodes of the graph.
        return {name: x[: sizes[name]] for name, x in result.items() if name in sizes}

    def project(
        self,
        x_dict: Mapping[str, Tensor],
        edge_index_dict: Mapping[Triple, Tensor],
        sample: Sample | None = None,
    ) -> dict[str, Tensor]:
        """Return the states of nodes before the first layer, [N, C]; see :meth:`forward`."""
        sizes = {name: x.shape[0] for name, x in x_dict.items()}
        known = None if sample is None else sample.known
        features = {n: self.encoders[n](x) if n in self.encoders else x for n, x in x_dict.items()}
        result: dict[str, Tensor] = self.featureless(self.projection(features), edge_index_dict, sizes, known)
        return result


def num_asked(layer: Layer, sample: Sample | None, number: int) -> dict[str, Mapping[str, int]]:
    """Return the argument that says how many nodes the next layer needs, if the layer takes it.

    Args:
        layer: The layer.
        sample: What is known of a sampled neighbourhood.
        number: Which layer it is.
    """
    trims = () if sample is None else sample.trims
    return {"num_targets": trims[number + 1].num_nodes} if layer.narrows and number + 1 < len(trims) else {}


def read_features(layer: Layer, attrs: Mapping[Triple, Tensor]) -> list[dict[Triple, Tensor]]:
    """Return the features of edges that a layer reads, as its last argument; nothing if it reads none.

    Args:
        layer: The layer. One that reads none need not know that there are any.
        attrs: Edge type to standardised features, [E, A].
    """
    channels = layer.edge_channels
    return [{name: attrs[name] for name in channels if name in attrs}] if channels else []


def _outputs(schema: GraphSchema, outputs: Sequence[str] | None) -> list[str]:
    if outputs is None:
        return [node_type.name for node_type in schema.node_types if node_type.modality is None]
    if isinstance(outputs, str) or not outputs:
        raise ConfigError(
            f"got {outputs!r}; wanted a list of at least one node type",
            where="model.outputs",
            fix=did_you_mean("", schema.channels),
        )
    for name in outputs:
        if name not in schema.channels:
            raise ConfigError(
                f"there is no node type {name!r}",
                where="model.outputs",
                fix=did_you_mean(name, schema.channels),
            )
    return [name for name in schema.channels if name in outputs]
