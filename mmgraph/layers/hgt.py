"""The heterogeneous graph transformer: one softmax over the edges of all relations into a node."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.layers.attention_layer import init_each
from mmgraph.layers.layer import Metadata, Triple
from mmgraph.layers.options import head_width
from mmgraph.layers.relation_pool import RelationPool
from mmgraph.layers.relational_layer import RelationalLayer, RelationEdges
from mmgraph.ops import Projection, RelationInput, StackedRows, merge_plans, relational_attention
from mmgraph.registry import LAYERS


@LAYERS.register("hgt")
class HGT(RelationalLayer):
    r"""The heterogeneous graph transformer (`Hu et al. 2020 <https://arxiv.org/abs/2003.01332>`_, HGT).

    .. math::
        m_i = \Vert_h \sum_r \sum_j \alpha_{ij}^{rh} v_j^h V^{rh}, \quad
        \alpha_{ij}^{rh} \propto w_{ij}^r \exp(\mu^{rh}\, (k_j^h K^{rh}) \cdot q_i^h / \sqrt{D})

        x_i' = (1 - g)\, x_i + g\, \mathrm{dropout}(A\, \mathrm{GELU}(m_i))

    with the softmax over the edges of all relations into a node together, so that relations compete without
    an aggregation of their own. Query, key and value are linear in :math:`\hat x`, the norm of x, with maps
    of the node type's own; A and the gate g (a sigmoid) belong to the node type as well, K, V and the prior
    :math:`\mu` to the relation; D is the width of a head. A node type that no relation points at keeps
    its state.

    Args:
        metadata: The node types and edge types.
        channels: Width of every state; ``heads`` divides it.
        heads: Number of attention heads.
        dropout: Share of the update that is dropped.
        edge_dropout: Share of the edges that are dropped, anew in every step.
        norm: ``layer`` or ``none``.
        targets: The node types whose new state is asked for; all by default.

    Raises:
        ConfigError: If an option has a value that cannot be used.

    Example:
        >>> import torch
        >>> metadata = (["a", "b"], [("a", "to", "b"), ("b", "near", "b")])
        >>> layer = HGT(metadata, 8, heads=2)
        >>> x_dict = {"a": torch.randn(3, 8), "b": torch.randn(2, 8)}
        >>> out = layer(x_dict, {("a", "to", "b"): torch.tensor([[0, 1, 2], [0, 0, 1]])})
        >>> {name: tuple(x.shape) for name, x in out.items()}
        {'a': (3, 8), 'b': (2, 8)}
    """

    owner = "hgt"

    def __init__(
        self,
        metadata: Metadata,
        channels: int,
        *,
        heads: int = 4,
        dropout: float = 0.0,
        edge_dropout: float = 0.0,
        norm: str = "layer",
        targets: Iterable[str] | None = None,
    ) -> None:
        super().__init__(
            metadata, channels, dropout=dropout, edge_dropout=edge_dropout, norm=norm, targets=targets
        )
        self.heads, self.head_width = heads, head_width(self.owner, channels, heads)
        self.send, self.receive = ModuleDict(), ModuleDict()
        for name in self.node_types:
            if outgoing := self._relations_from(name):
                self.send[name] = _Sender(channels, heads, len(outgoing))
            if self._relations_into(name):
                self.receive[name] = _Receiver(channels)

    def messages(
        self,
        x_dict: Mapping[str, Tensor],
        edges: Mapping[Triple, RelationEdges],
        asked: Mapping[str, Tensor],
    ) -> dict[str, Tensor]:
        """Return the attention-weighted sums over all relations; see :class:`RelationalLayer`."""
        sent = {name: self.send[name](x_dict[name]) for name in dict.fromkeys(r[0] for r in edges)}
        inputs = {}
        for target in dict.fromkeys(r[2] for r in edges):
            into = [relation for relation in edges if relation[2] == target]
            parts = [sent[r[0]][self._relations_from(r[0]).index(r)] for r in into]
            query = self.receive[target].query(asked[target]).view(-1, self.heads, self.head_width)
            keys, values = (StackedRows(each) for each in zip(*parts, strict=True))
            merged = _merge([edges[relation] for relation in into], query)
            inputs[target] = [
                RelationInput(values, keys, query, merged.plan, weight=merged.weight, keep=merged.keep)
            ]
        messages = relational_attention(inputs, score="dot", sum_relations=True)
        return {name: z.flatten(1).unsqueeze(0) for name, z in messages.items()}


class _Sender(nn.Module):
    """What the S nodes of one type send along their R outgoing relations."""

    def __init__(self, channels: int, heads: int, num_relations: int) -> None:
        super().__init__()
        width = channels // heads
        self.shape = (2, heads, width)
        self.key_value = nn.Linear(channels, 2 * channels)
        init_each(self.key_value, 2)
        self.prior = nn.Parameter(torch.ones(num_relations, heads))
        self.key_relation = nn.Parameter(torch.empty(num_relations, heads, width, width))
        self.value_relation = nn.Parameter(torch.empty(num_relations, heads, width, width))
        for matrices in (self.key_relation, self.value_relation):
            nn.init.uniform_(matrices, -1 / math.sqrt(width), 1 / math.sqrt(width))

    def forward(self, x: Tensor) -> list[tuple[Projection, Projection]]:
        """Return the keys and the values [S, H, D] of each relation."""
        # A (W x + b) = (A W) x + A b: a product of small matrices spares one with all keys and values.
        weight = self.key_value.weight.view(*self.shape, -1)
        map_and_bias = torch.cat([weight, self.key_value.bias.view(*self.shape, 1)], dim=-1)
        weighed = self.prior[..., None, None] * self.key_relation
        keys, values = (
            torch.einsum("hdc,rhde->rhec", each, relations)
            for each, relations in zip(map_and_bias, (weighed, self.value_relation), strict=True)
        )
        key, key_bias = keys[..., :-1].contiguous(), keys[..., -1]
        value, value_bias = values[..., :-1].contiguous(), values[..., -1]
        return [
            (Projection(x, key, slot, key_bias), Projection(x, value, slot, value_bias))
            for slot in range(len(self.prior))
        ]


class _Receiver(nn.Module):
    """What the nodes of one type ask, and what they make of the answers."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query, self.out = nn.Linear(channels, channels), nn.Linear(channels, channels)
        nn.init.xavier_uniform_(self.query.weight)
        self.gate = nn.Parameter(torch.ones(1))
        self.pool = RelationPool("hgt", channels, "sum")

    def forward(self, x: Tensor, message: Tensor | None) -> Tensor:
        """Return the update [N, C] of normed states, from the message of all relations [N, C]."""
        answer = functional.gelu(torch.zeros_like(x) if message is None else message)
        return self.out(answer)  # type: ignore[no-any-return]

    def add(self, x: Tensor, update: Tensor) -> Tensor:
        """Return the new states [N, C], the gated sum of the states and their update [N, C]."""
        gate: Tensor = self.gate.sigmoid()
        return (1 - gate) * x + gate * update


def _merge(edges: Sequence[RelationEdges], like: Tensor) -> RelationEdges:
    """Return the edges of several relations as those of one, whose sources are those of all."""
    weight = keep = None
    if any(each.weight is not None for each in edges):
        ones = [like.new_ones(each.plan.num_edges) for each in edges]
        weight = torch.cat(
            [one if each.weight is None else each.weight for each, one in zip(edges, ones, strict=True)]
        )
    kept = [each.keep for each in edges if each.keep is not None]
    if kept:
        # Edges are dropped from all relations of a layer or from none.
        keep = torch.cat(kept)
    return RelationEdges(merge_plans([each.plan for each in edges]), weight, keep)
