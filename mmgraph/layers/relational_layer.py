"""What all layers share that pass messages along relations: norm, edges, self path, pooling, residual.

Shapes: N target nodes, E edges, R relations into a node type that have edges, C channels.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.layers.blocks import make_norm
from mmgraph.layers.dropout import Dropout
from mmgraph.layers.layer import UNSEEN_EDGES, Layer, Metadata, Triple
from mmgraph.layers.options import require_fraction
from mmgraph.layers.relation_pool import RelationPool
from mmgraph.ops import EdgePlan, plan_edges


@dataclass(frozen=True, eq=False)
class RelationEdges:
    """The edges of one relation, at least one.

    Args:
        plan: The plan of its edges.
        weight: Weight of each edge, [E] in the order of the edge index; None for 1.
        keep: Which edges take part, bool [E] in the order of the edge index; None for all.
        attr: Features of each edge, [E, A] in the order of the edge index; None for none.
    """

    plan: EdgePlan
    weight: Tensor | None = None
    keep: Tensor | None = None
    attr: Tensor | None = None

    @cached_property
    def has_edge(self) -> Tensor:
        """Whether an edge of a target takes part, bool [N]."""
        if self.keep is None:
            return self.plan.has_edge
        kept = self.plan.target[self.plan.arrange(self.keep)]
        return torch.zeros_like(self.plan.has_edge).index_fill(0, kept, True)


class RelationalLayer(Layer):
    r"""Base of the layers that pass messages along relations.

    .. math::
        x_i' = x_i + \mathrm{dropout}(\mathrm{GELU}(W_0 \hat x_i + \mathrm{aggr}_r\, m_i^r))

    with :math:`\hat x` the norm of x. A layer says what the messages :math:`m_i^r` are, and makes a
    :class:`Receiver` for each of its targets in ``receive``; a target without one keeps its state.

    Args:
        metadata: The node types and edge types.
        channels: Width of every state.
        dropout: Share of the update that is dropped.
        edge_dropout: Share of the edges that are dropped, anew in every step.
        norm: ``layer`` or ``none``.
        targets: The node types whose new state is asked for; all by default.

    Raises:
        ConfigError: If an option has a value that cannot be used.
    """

    owner: ClassVar[str]
    """The name that the layer is registered under, for messages."""

    receive: ModuleDict
    """What makes the update of each target."""

    not_exportable = UNSEEN_EDGES

    def __init__(
        self,
        metadata: Metadata,
        channels: int,
        *,
        dropout: float,
        edge_dropout: float,
        norm: str,
        targets: Iterable[str] | None,
    ) -> None:
        super().__init__(metadata, channels, targets=targets)
        self.edge_dropout = require_fraction(self.owner, "edge_dropout", edge_dropout)
        self.relations = [edge_type for edge_type in self.edge_types if edge_type[2] in self.targets]
        self.dropout = Dropout(require_fraction(self.owner, "dropout", dropout))
        read = [name for name in self.node_types if name in self.reads]
        self.norm = ModuleDict({name: make_norm(self.owner, norm, channels) for name in read})

    @property
    def not_local(self) -> str | None:
        """Why a state depends on nodes that no edges lead from: relations are weighed for all nodes alike."""
        pools = [module for module in self.modules() if isinstance(module, RelationPool)]
        weighed = any(pool.aggr == "semantic" for pool in pools)
        return "semantic attention weighs a relation by the mean over all nodes" if weighed else None

    @property
    def reads(self) -> frozenset[str]:
        """The targets and whatever has a relation into one of them."""
        return self.targets | {source for source, _, _ in self.relations}

    @property
    def hops(self) -> tuple[frozenset[Triple], ...]:
        """One hop along the relations into its targets."""
        return (frozenset(self.relations),)

    def make_receivers(self, aggr: str) -> None:
        """Make the plain receiver of each target."""
        self.receive = ModuleDict()
        for name in self.node_types:
            if name in self.targets:
                num_relations = len(self._relations_into(name))
                self.receive[name] = Receiver(self.owner, self.channels, num_relations, aggr)

    def forward(
        self,
        x_dict: Mapping[str, Tensor],
        edge_index_dict: Mapping[Triple, Tensor],
        edge_weight_dict: Mapping[Triple, Tensor] | None = None,
        edge_attr_dict: Mapping[Triple, Tensor] | None = None,
        num_targets: Mapping[str, int] | None = None,
    ) -> dict[str, Tensor]:
        """Return the new states; see :class:`Layer`.

        Args:
            x_dict: As there.
            edge_index_dict: As there.
            edge_weight_dict: As there.
            edge_attr_dict: Edge type to features of its edges, [E, A], for those of ``edge_channels``.
            num_targets: By node type, the number of nodes whose new states are asked for, where
                :attr:`narrows`; edges lead to these alone. The new states are theirs.

        Raises:
            GraphError: If the layer was not made for these types, widths or features.
        """
        self.check_inputs(x_dict, edge_index_dict, edge_weight_dict, edge_attr_dict)
        normed = {name: self.norm[name](x) for name, x in x_dict.items() if name in self.reads}
        first = {name: (num_targets or {}).get(name, len(x)) for name, x in normed.items()}
        # A copy of few rows, so that not all of them are kept for their sake.
        asked = {name: x if first[name] == len(x) else x[: first[name]].clone() for name, x in normed.items()}
        edges = self._relation_edges(
            normed, asked, edge_index_dict, edge_weight_dict or {}, edge_attr_dict or {}
        )
        messages = self.messages(normed, edges, asked)
        result = dict(x_dict)
        # In the order of the graph, not of a set: dropout draws its numbers in this order.
        for name in [name for name in normed if name in self.receive]:
            receive, message = self.receive[name], messages.get(name)
            if message is not None:
                has_message = [each.has_edge for relation, each in edges.items() if relation[2] == name]
                message = receive.pool(message, has_message)
            update = self.dropout(receive(asked[name], message))
            result[name] = receive.add(x_dict[name][: first[name]], update)
        return result

    @abstractmethod
    def messages(
        self,
        x_dict: Mapping[str, Tensor],
        edges: Mapping[Triple, RelationEdges],
        asked: Mapping[str, Tensor],
    ) -> dict[str, Tensor]:
        """Return the messages into each node type that gets any.

        Args:
            x_dict: Node type to normed state, [N, C].
            edges: The relations that have edges, in the order of the metadata.
            asked: Target node type to the normed states of those nodes that messages are asked for: all, or
                where :attr:`narrows`, the first ones.

        Returns:
            Node type to messages [R, N, C], in the order of ``edges``; 0 for a node without a message. Or
            their sum over the relations, [1, N, C], where the receiver takes no other.
        """

    def _relations_from(self, source: str) -> list[Triple]:
        return [relation for relation in self.relations if relation[0] == source]

    def _relations_into(self, target: str) -> list[Triple]:
        return [relation for relation in self.relations if relation[2] == target]

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def _relation_edges(
        self,
        x_dict: Mapping[str, Tensor],
        asked: Mapping[str, Tensor],
        edge_index_dict: Mapping[Triple, Tensor],
        edge_weight_dict: Mapping[Triple, Tensor],
        edge_attr_dict: Mapping[Triple, Tensor],
    ) -> dict[Triple, RelationEdges]:
        found = {}
        for relation in self.relations:
            source, _, target = relation
            if relation in edge_index_dict and source in x_dict and target in x_dict:
                sizes = x_dict[source].shape[0], asked[target].shape[0]
                plan = plan_edges(edge_index_dict[relation], *sizes, where=str(relation))
                if plan.num_edges:
                    weight, attr = edge_weight_dict.get(relation), edge_attr_dict.get(relation)
                    found[relation] = RelationEdges(plan, weight, self._kept_edges(plan), attr)
        return found

    def _kept_edges(self, plan: EdgePlan) -> Tensor | None:
        if not self.training or self.edge_dropout == 0:
            return None
        return torch.rand(plan.num_edges, device=plan.sources.device) >= self.edge_dropout


class Receiver(nn.Module):
    """What the nodes of one type make of the messages of their incoming relations.

    Args:
        owner: The layer that it serves, for messages.
        channels: C.
        num_relations: Number of relations into the node type.
        aggr: What becomes of the messages of several relations; see :class:`RelationPool`.

    Raises:
        ConfigError: If there is no such aggregation.
    """

    def __init__(self, owner: str, channels: int, num_relations: int, aggr: str) -> None:
        super().__init__()
        self.self_path = nn.Linear(channels, channels)
        if num_relations:
            # One relation alone has nothing to be weighed against.
            self.pool = RelationPool(owner, channels, aggr if num_relations > 1 else "sum")

    def forward(self, x: Tensor, message: Tensor | None) -> Tensor:
        """Return the update [N, C] of normed states, from the message of all relations [N, C]."""
        update = self.self_path(x)
        return functional.gelu(update if message is None else update + message)

    def add(self, x: Tensor, update: Tensor) -> Tensor:
        """Return the new states [N, C] from the states and their update [N, C]."""
        return x + update


def stack_by_target(messages: Mapping[Triple, Tensor]) -> dict[str, Tensor]:
    """Return the messages [N, C] of each relation as [R, N, C] for each node type.

    Example:
        >>> import torch
        >>> messages = {("a", "to", "b"): torch.ones(3, 8), ("b", "to", "b"): torch.ones(3, 8)}
        >>> stack_by_target(messages)["b"].shape
        torch.Size([2, 3, 8])
    """
    found: dict[str, list[Tensor]] = {}
    for (_, _, target), message in messages.items():
        found.setdefault(target, []).append(message)
    return {target: torch.stack(into) for target, into in found.items()}
