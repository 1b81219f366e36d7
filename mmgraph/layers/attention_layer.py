"""What layers share whose attention is a softmax over the edges of one relation into a node.

Shapes: S source nodes, N target nodes, H heads, D width of a head, R relations that share a tensor,
C = H x D channels.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import ClassVar, NamedTuple

from torch import Tensor, nn
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.layers.edge_features import add_edge_features, read_edge_channels
from mmgraph.layers.layer import Metadata, Triple
from mmgraph.layers.options import head_width, require_fraction
from mmgraph.layers.relational_layer import Receiver, RelationalLayer, RelationEdges
from mmgraph.ops import Projection, RelationInput, relational_attention


class Sent(NamedTuple):
    """What source nodes send along one relation, by the names and shapes of :class:`RelationInput`."""

    values: Tensor | Projection
    source: Tensor | Projection | None
    source_slot: int | None = None
    vector: Tensor | None = None


class AttentionReceiver(Receiver):
    """A receiver whose nodes have a share in the scores of their incoming edges.

    Args:
        owner: The layer that it serves, for messages.
        channels: C.
        heads: H.
        num_relations: R.
        aggr: What becomes of the messages of several relations.
        width: Width of the share of a head: 1 for a logit, D for a query.
        bias: Whether the share has a bias.
    """

    def __init__(
        self,
        owner: str,
        channels: int,
        heads: int,
        num_relations: int,
        aggr: str,
        *,
        width: int = 1,
        bias: bool = False,
    ) -> None:
        super().__init__(owner, channels, num_relations, aggr)
        self.shape = (num_relations, heads, width)
        if num_relations:
            self.attention = nn.Linear(channels, num_relations * heads * width, bias=bias)
            init_each(self.attention, num_relations)

    def share(self, x: Tensor) -> list[Projection]:
        """Return the share in the scores of each relation, to be multiplied out: [N, H, 1] or [N, H, D]."""
        linear = self.attention
        weight = linear.weight.view(*self.shape, -1)
        bias = None if linear.bias is None else linear.bias.view(self.shape)
        return [Projection(x, weight, slot, bias) for slot in range(self.shape[0])]


class AttentionLayer(RelationalLayer):
    """Base of the layers that attend over the edges of one relation at a time.

    A layer makes a sender for each source node type in ``send``, which returns a :class:`Sent` for each of
    its relations, and a receiver with ``share`` for each of its targets in ``receive``.

    Args:
        metadata: The node types and edge types.
        channels: Width of every state; ``heads`` divides it.
        heads: Number of attention heads.
        dropout: Share of the update that is dropped.
        edge_dropout: Share of the edges that are dropped, anew in every step.
        aggr: What becomes of the messages of several relations.
        norm: ``layer`` or ``none``.
        negative_slope: Slope of the LeakyReLU below 0, itself below 1.
        edge_channels: The width of the features of each edge type that has any.
        targets: The node types whose new state is asked for; all by default.
    """

    score: ClassVar[str]
    """The score, by its name in :func:`mmgraph.ops.relational_attention`."""

    def __init__(
        self,
        metadata: Metadata,
        channels: int,
        *,
        heads: int,
        dropout: float,
        edge_dropout: float,
        aggr: str,
        norm: str,
        negative_slope: float = 0.2,
        edge_channels: Mapping[Triple, int] | None = None,
        targets: Iterable[str] | None,
    ) -> None:
        super().__init__(
            metadata, channels, dropout=dropout, edge_dropout=edge_dropout, norm=norm, targets=targets
        )
        self.heads, self.head_width = heads, head_width(self.owner, channels, heads)
        self.negative_slope = require_fraction(self.owner, "negative_slope", negative_slope)
        self.aggr = aggr
        widths = read_edge_channels(self.owner, edge_channels, self.edge_types)
        self.edge_channels = {relation: widths[relation] for relation in self.relations if relation in widths}
        self.edge = ModuleDict()
        for relation, attr_width in self.edge_channels.items():
            self.edge[relation] = nn.Linear(
                attr_width, heads if self.score == "gat" else channels, bias=False
            )
            init_each(self.edge[relation], 1)
        self.send, self.receive = ModuleDict(), ModuleDict()
        for name in self.node_types:
            if outgoing := self._relations_from(name):
                self.send[name] = self.make_sender(len(outgoing))
            if name in self.targets:
                self.receive[name] = self.make_receiver(len(self._relations_into(name)))

    @abstractmethod
    def make_sender(self, num_relations: int) -> nn.Module:
        """Return what turns states [S, C] into a :class:`Sent` for each outgoing relation."""

    def make_receiver(self, num_relations: int) -> nn.Module:
        """Return a receiver with ``share``."""
        return AttentionReceiver(self.owner, self.channels, self.heads, num_relations, self.aggr)

    def messages(
        self,
        x_dict: Mapping[str, Tensor],
        edges: Mapping[Triple, RelationEdges],
        asked: Mapping[str, Tensor],
    ) -> dict[str, Tensor]:
        """Return the attention-weighted sums over the neighbours; see :class:`RelationalLayer`."""
        sent = {name: self.send[name](x_dict[name]) for name in dict.fromkeys(r[0] for r in edges)}
        shares = {name: self.receive[name].share(asked[name]) for name in dict.fromkeys(r[2] for r in edges)}
        inputs: dict[str, list[RelationInput]] = {}
        for relation, each in edges.items():
            source, _, target = relation
            values, score, slot, vector = sent[source][self._relations_from(source).index(relation)]
            given = RelationInput(
                values,
                score,
                shares[target][self._relations_into(target).index(relation)],
                each.plan,
                source_slot=slot,
                vector=vector,
                weight=each.weight,
                keep=each.keep,
            )
            if each.attr is not None:
                attr = each.attr.to(x_dict[source].dtype)
                given = add_edge_features(given, self.score, self.edge[relation](attr))
            inputs.setdefault(target, []).append(given)
        summed = self.aggr == "sum"
        messages = relational_attention(
            inputs, score=self.score, negative_slope=self.negative_slope, sum_relations=summed
        )
        # A sum is one slab: [N, H, D] becomes [1, N, C] and [R, N, H, D] becomes [R, N, C].
        return {name: (z.unsqueeze(0) if summed else z).flatten(2) for name, z in messages.items()}


def init_each(linear: nn.Linear, parts: int) -> None:
    """Initialise a linear map that stands for several, each by itself, after Glorot and Bengio 2010."""
    for weight in linear.weight.data.chunk(parts):
        nn.init.xavier_uniform_(weight)
