"""What a layer is: node states in, node states out, by PyG's own signature."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from torch import Tensor, nn

from mmgraph.errors import ConfigError, GraphError, did_you_mean
from mmgraph.layers.edge_weights import check_weights
from mmgraph.layers.options import require_positive
from mmgraph.ops import check_edge_index

Triple = tuple[str, str, str]
"""Source node type, name, target node type."""

Metadata = tuple[list[str], list[Triple]]
"""The node types and edge types of a graph, as PyG's ``HeteroData.metadata()`` gives them."""

UNSEEN_EDGES = "edges are checked and sorted by their values, of which torch.export knows nothing"
"""Why a layer that plans its edges cannot be exported."""


class Layer(nn.Module, ABC):
    """Base of all layers: ``forward(x_dict, edge_index_dict) -> x_dict``, every state [N, channels].

    A layer declares whichever of ``heads``, ``dropout``, ``edge_channels`` and ``targets`` it has a use for
    as keyword-only arguments, and its own options beside them; a model hands on those that are declared. One
    that keeps ``edge_channels`` gets the features of these edges as the last argument, ``edge_attr_dict``.

    Args:
        metadata: The node types and edge types.
        channels: Width of every state.
        targets: The node types whose new state is asked for; all by default. The others come back as they
            went in, and what serves only them is not even made.

    Raises:
        ConfigError: If ``channels`` is below 1, or a target is no node type.
    """

    edge_channels: Mapping[Triple, int] = MappingProxyType({})
    """The width of the edge features of those edge types whose features it reads, as ``edge_attr_dict``."""

    reads_relations: bool = True
    """Whether it passes messages along relations of the graph, and does not only fuse each entity's group."""

    narrows: bool = False
    """Whether ``forward`` takes ``num_targets``, and returns the new states of so many of the first nodes.

    It is so where ``forward`` takes it by name, unless a class says otherwise.
    """

    not_exportable: str | None = None
    """Why ``torch.export`` cannot trace the layer; None if it can."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        # One of another's that has a forward of its own need not take what that takes.
        if "forward" in vars(cls) and "narrows" not in vars(cls):
            cls.narrows = "num_targets" in inspect.signature(cls.forward).parameters

    def __init__(self, metadata: Metadata, channels: int, *, targets: Iterable[str] | None = None) -> None:
        super().__init__()
        self.node_types = list(metadata[0])
        self.edge_types = [(source, name, target) for source, name, target in metadata[1]]
        self.channels = require_positive(type(self).__name__, "channels", channels)
        self.targets = frozenset(self.node_types if targets is None else targets)
        for name in sorted(self.targets - set(self.node_types)):
            raise ConfigError(
                f"there is no node type {name!r}",
                where=f"{type(self).__name__}.targets",
                fix=did_you_mean(name, self.node_types),
            )

    @property
    def not_weighted(self) -> str | None:
        """Why weights of edges make no difference to any state; None if they do."""
        return None

    @property
    def not_local(self) -> str | None:
        """Why a state depends on nodes that no edges lead from; None if none does."""
        return None

    @property
    def not_in_parts(self) -> str | None:
        """Why the state of a node needs more than what ``hops`` leads to; None if that is enough."""
        return self.not_local

    @property
    def reads(self) -> frozenset[str]:
        """The node types whose states it needs for those of its targets; all, unless a layer knows better."""
        return frozenset(self.node_types)

    @property
    def hops(self) -> tuple[frozenset[Triple], ...]:
        """The edge types that lead back from a target to what its new state depends on, hop after hop.

        One hop along all, unless a layer knows better. Whoever samples neighbourhoods follows them.
        """
        return (frozenset(self.edge_types),)

    @abstractmethod
    def forward(
        self,
        x_dict: Mapping[str, Tensor],
        edge_index_dict: Mapping[Triple, Tensor],
        edge_weight_dict: Mapping[Triple, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Return the new state of every node type of ``x_dict``.

        What is worked out about edges is kept with their tensor for as long as it lives, and made anew when
        torch changes it in place. Memory that something else changes behind torch's back, such as a numpy
        array that shares it, goes unnoticed: make a new tensor of it.

        Args:
            x_dict: Node type to state, [N, channels]. A node type may be absent.
            edge_index_dict: Edge type to edges, int64 [2, E], in any order. An edge type may be absent.
            edge_weight_dict: Edge type to weights above 0, [E]; an edge type that is not in it weighs 1.
        """

    def check_inputs(
        self,
        x_dict: Mapping[str, Tensor],
        edge_index_dict: Mapping[Triple, Tensor],
        edge_weight_dict: Mapping[Triple, Tensor] | None = None,
        edge_attr_dict: Mapping[Triple, Tensor] | None = None,
    ) -> None:
        """Make sure that nothing came that this layer would skip in silence or stumble over later.

        Raises:
            GraphError: If a node type or an edge type is not in the metadata, a state is not [N, channels],
                weights do not fit their edges or are not above 0, or edges come without the features that
                ``edge_channels`` names, or with others.
        """
        where = type(self).__name__
        for name, x in x_dict.items():
            if name not in self.node_types:
                raise _unknown(where, "node type", name, self.node_types)
            if x.dim() != 2 or x.shape[1] != self.channels:
                raise GraphError(
                    f"got states of shape {tuple(x.shape)}; wanted (N, {self.channels})",
                    where=f"{where}: x_dict[{name!r}]",
                    fix="Project every node type to the layer's channels first.",
                )
        check_edges(where, self.edge_types, edge_index_dict, edge_weight_dict)
        check_edge_attr(where, self.edge_channels, edge_index_dict, edge_attr_dict or {})


def check_edges(
    where: str,
    edge_types: list[Triple],
    edge_index_dict: Mapping[Triple, Tensor],
    edge_weight_dict: Mapping[Triple, Tensor] | None,
) -> None:
    """Make sure that every edge type is known, edges are [2, E], and each has a weight above 0 or none has.

    Raises:
        GraphError: If not.
    """
    for edge_type in edge_index_dict:
        if edge_type not in edge_types:
            raise _unknown(where, "edge type", str(edge_type), [str(known) for known in edge_types])
        check_edge_index(edge_index_dict[edge_type], where=f"{where}: edge_index_dict[{edge_type!r}]")
    for edge_type, weight in (edge_weight_dict or {}).items():
        edge_index = edge_index_dict.get(edge_type)
        wanted = None if edge_index is None else (edge_index.shape[1],)
        if tuple(weight.shape) != wanted:
            raise GraphError(
                f"got weights of shape {tuple(weight.shape)}; wanted {wanted or 'none, as it has no edges'}",
                where=f"{where}: edge_weight_dict[{edge_type!r}]",
                fix="Give one weight an edge.",
            )
        check_weights(weight, where=f"{where}: edge_weight_dict[{edge_type!r}]")


def check_edge_attr(
    where: str,
    edge_channels: Mapping[Triple, int],
    edge_index_dict: Mapping[Triple, Tensor],
    edge_attr_dict: Mapping[Triple, Tensor],
) -> None:
    """Make sure that the edges whose features are read come with them, and no others.

    Raises:
        GraphError: If not.
    """
    for edge_type in edge_attr_dict:
        if edge_type not in edge_channels or edge_type not in edge_index_dict:
            unread = "it does not read" if edge_type in edge_index_dict else "are not there"
            raise GraphError(
                f"got features of edges that {unread}",
                where=f"{where}: edge_attr_dict[{edge_type!r}]",
                fix="Name their width in edge_channels, of a layer that has it; or leave them out.",
            )
    for edge_type, width in edge_channels.items():
        if edge_type not in edge_index_dict:
            continue
        attr, wanted = edge_attr_dict.get(edge_type), (edge_index_dict[edge_type].shape[1], width)
        if attr is None or tuple(attr.shape) != wanted:
            raise GraphError(
                f"got {'nothing' if attr is None else f'shape {tuple(attr.shape)}'}; wanted {wanted}",
                where=f"{where}: edge_attr_dict[{edge_type!r}]",
                fix="Give a row of features an edge.",
            )


def _unknown(where: str, kind: str, name: str, known: list[str]) -> GraphError:
    return GraphError(
        f"got a {kind} {name} that is not in the metadata it was made for",
        where=where,
        fix=did_you_mean(name, known),
    )
