"""Graph attention over every relation of a heterogeneous graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.layers.blocks import make_norm
from mmgraph.layers.dropout import Dropout
from mmgraph.layers.layer import Layer, Metadata, Triple
from mmgraph.layers.options import head_width, require_fraction
from mmgraph.layers.relation_pool import RelationPool
from mmgraph.ops import EdgePlan, RelationInput, plan_edges, relational_attention
from mmgraph.registry import LAYERS


@LAYERS.register("hetero_gat")
class HeteroGAT(Layer):
    r"""Graph attention (`Veličković et al. 2018 <https://arxiv.org/abs/1710.10903>`_), relation by relation.

    .. math::
        m_i^r = \Vert_h \sum_j \alpha_{ij}^{rh} W^{rh} \hat x_j, \quad
        \alpha_{ij}^{rh} \propto w_{ij}^r \exp(\mathrm{LeakyReLU}(a^{rh} \cdot W^{rh} \hat x_j
        + b^{rh} \cdot \hat x_i))

        x_i' = x_i + \mathrm{dropout}(\mathrm{GELU}(W_0 \hat x_i + \mathrm{aggr}_r\, m_i^r))

    with :math:`\hat x` the norm of x, and the softmax over the edges of one relation into a node. Every
    relation has its own projection, as in ``HeteroConv({relation: GATConv(...)})``, whose parameters
    :math:`W_{dst}` and :math:`a_{dst}` only ever act as their product, b here. A node without messages keeps
    the self path.

    Args:
        metadata: The node types and edge types.
        channels: Width of every state; ``heads`` divides it.
        heads: Number of attention heads.
        dropout: Share of the update that is dropped.
        edge_dropout: Share of the edges that are dropped, anew in every step.
        aggr: What becomes of the messages of several relations: ``sum``, ``mean`` (over those that bring a
            node any) or ``attention``.
        norm: ``layer`` or ``none``.
        negative_slope: Slope of the LeakyReLU below 0, itself below 1.
        targets: The node types whose new state is asked for; all by default.

    Raises:
        ConfigError: If an option has a value that cannot be used.

    Example:
        >>> import torch
        >>> metadata = (["a", "b"], [("a", "to", "b")])
        >>> layer = HeteroGAT(metadata, 8, heads=2)
        >>> x_dict = {"a": torch.randn(3, 8), "b": torch.randn(2, 8)}
        >>> out = layer(x_dict, {("a", "to", "b"): torch.tensor([[0, 1, 2], [0, 0, 1]])})
        >>> {name: tuple(x.shape) for name, x in out.items()}
        {'a': (3, 8), 'b': (2, 8)}
    """

    def __init__(
        self,
        metadata: Metadata,
        channels: int,
        *,
        heads: int = 4,
        dropout: float = 0.0,
        edge_dropout: float = 0.0,
        aggr: str = "sum",
        norm: str = "layer",
        negative_slope: float = 0.2,
        targets: Iterable[str] | None = None,
    ) -> None:
        super().__init__(metadata, channels, targets=targets)
        head_width("hetero_gat", channels, heads)
        self.edge_dropout = require_fraction("hetero_gat", "edge_dropout", edge_dropout)
        self.negative_slope = require_fraction("hetero_gat", "negative_slope", negative_slope)
        self.relations = [edge_type for edge_type in self.edge_types if edge_type[2] in self.targets]
        self.aggr = aggr
        self.dropout = Dropout(require_fraction("hetero_gat", "dropout", dropout))
        self.norm, self.send, self.receive = ModuleDict(), ModuleDict(), ModuleDict()
        for name in self.node_types:
            if name in self.reads:
                self.norm[name] = make_norm("hetero_gat", norm, channels)
            if outgoing := self._relations_from(name):
                self.send[name] = _Sender(channels, heads, len(outgoing))
            if name in self.targets:
                self.receive[name] = _Receiver(channels, heads, len(self._relations_into(name)), aggr)

    @property
    def reads(self) -> frozenset[str]:
        """The targets and whatever has a relation into one of them."""
        return self.targets | {source for source, _, _ in self.relations}

    def forward(
        self,
        x_dict: Mapping[str, Tensor],
        edge_index_dict: Mapping[Triple, Tensor],
        edge_weight_dict: Mapping[Triple, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Return the new states; see :class:`Layer`."""
        self.check_inputs(x_dict, edge_index_dict, edge_weight_dict)
        normed = {name: self.norm[name](x) for name, x in x_dict.items() if name in self.reads}
        relations = self._relation_inputs(normed, edge_index_dict, edge_weight_dict or {})
        summed = self.aggr == "sum"
        messages = relational_attention(relations, negative_slope=self.negative_slope, sum_relations=summed)
        result = dict(x_dict)
        # In the order of the graph, not of a set: dropout draws its numbers in this order.
        for name in [name for name in normed if name in self.targets]:
            into, z = relations.get(name, []), messages.get(name)
            if z is not None and summed:
                z = z.unsqueeze(0)
            update = self.receive[name](normed[name], z, [relation.edges.has_edge for relation in into])
            result[name] = x_dict[name] + self.dropout(update)
        return result

    def _relations_from(self, source: str) -> list[Triple]:
        return [relation for relation in self.relations if relation[0] == source]

    def _relations_into(self, target: str) -> list[Triple]:
        return [relation for relation in self.relations if relation[2] == target]

    def _relation_inputs(
        self,
        x_dict: Mapping[str, Tensor],
        edge_index_dict: Mapping[Triple, Tensor],
        edge_weight_dict: Mapping[Triple, Tensor],
    ) -> dict[str, list[RelationInput]]:
        """Return the relations that have edges by the node type they point at."""
        plans = {}
        for relation in self.relations:
            source, _, target = relation
            if relation in edge_index_dict and source in x_dict and target in x_dict:
                sizes = x_dict[source].shape[0], x_dict[target].shape[0]
                plans[relation] = plan_edges(edge_index_dict[relation], *sizes, where=str(relation))
        plans = {relation: plan for relation, plan in plans.items() if plan.num_edges}

        sent = {name: self.send[name](x_dict[name]) for name in dict.fromkeys(r[0] for r in plans)}
        received = {
            name: self.receive[name].logits(x_dict[name]) for name in dict.fromkeys(r[2] for r in plans)
        }
        found: dict[str, list[RelationInput]] = {}
        for relation, plan in plans.items():
            source, _, target = relation
            values, logits = sent[source]
            found.setdefault(target, []).append(
                RelationInput(
                    values,
                    logits,
                    received[target],
                    plan,
                    source_slot=self._relations_from(source).index(relation),
                    target_slot=self._relations_into(target).index(relation),
                    weight=edge_weight_dict.get(relation),
                    keep=self._kept_edges(plan),
                )
            )
        return found

    def _kept_edges(self, plan: EdgePlan) -> Tensor | None:
        if not self.training or self.edge_dropout == 0:
            return None
        return torch.rand(plan.num_edges, device=plan.source.device) >= self.edge_dropout


class _Sender(nn.Module):
    """What the S nodes of one type send along their R outgoing relations, in one matrix product."""

    def __init__(self, channels: int, heads: int, num_relations: int) -> None:
        super().__init__()
        self.shape = (num_relations, heads, channels // heads)
        self.project = nn.Linear(channels, num_relations * channels, bias=False)
        self.attention = nn.Parameter(torch.empty(self.shape))
        for weight in self.project.weight.data.chunk(num_relations):
            nn.init.xavier_uniform_(weight)
        for attention in self.attention.data:
            nn.init.xavier_uniform_(attention)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the values [S, R, H, D] and the logits [S, R, H]."""
        values = self.project(x).view(-1, *self.shape)
        # a . (W x) = (W^T a) . x: the product with the small W^T a spares a pass over all values.
        fold = torch.einsum("rhdc,rhd->rhc", self.project.weight.view(*self.shape, -1), self.attention)
        logits = (x @ fold.flatten(0, 1).t()).view(-1, *self.shape[:2])
        return values, logits


class _Receiver(nn.Module):
    """What the N nodes of one type make of the messages of their R incoming relations."""

    def __init__(self, channels: int, heads: int, num_relations: int, aggr: str) -> None:
        super().__init__()
        self.shape = (num_relations, heads)
        self.self_path = nn.Linear(channels, channels)
        if num_relations:
            # One relation alone has nothing to be weighed against.
            self.pool = RelationPool(channels, aggr if num_relations > 1 else "sum")
            self.attention = nn.Linear(channels, num_relations * heads, bias=False)
            for weight in self.attention.weight.data.chunk(num_relations):
                nn.init.xavier_uniform_(weight)

    def logits(self, x: Tensor) -> Tensor:
        """Return the target's share of the logits, [N, R, H]."""
        return self.attention(x).view(-1, *self.shape)  # type: ignore[no-any-return]

    def forward(self, x: Tensor, messages: Tensor | None, has_message: Sequence[Tensor]) -> Tensor:
        """Return the update [N, C] of normed states, from the messages [R, N, H, D] of R relations."""
        update = self.self_path(x)
        if messages is not None:
            update = update + self.pool(messages.flatten(2), has_message)
        return functional.gelu(update)
