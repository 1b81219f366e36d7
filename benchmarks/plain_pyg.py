"""What a training by samples is in plain PyG: hetero_gat's graph attention by HeteroConv, and a loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, gelu
from torch_geometric.data import HeteroData
from torch_geometric.nn import GATConv, HeteroConv, SimpleConv

from mmgraph.graph.schema import GraphSchema, Triple


class PlainGAT(nn.Module):
    """As hetero_gat: modalities in one space, a network for each, their mean to the entity, graph attention.

    The same blocks of the same widths, out of what torch and PyG bring. Each convolution has the relations
    that hetero_gat's layer at its place reads.

    Args:
        schema: The node types and edge types.
        entity: The entity type that is read out.
        fused: The edge types that lead from modalities to entities.
        layers: For each graph attention layer, the edge types that it reads.
        channels: Width of every state.
        heads: Number of attention heads.
        share: Of the features, and of each update, what is dropped.
        num_classes: How many classes there are.
    """

    def __init__(
        self,
        schema: GraphSchema,
        entity: str,
        fused: Sequence[Triple],
        layers: Sequence[Sequence[Triple]],
        *,
        channels: int,
        heads: int,
        share: float,
        num_classes: int,
    ) -> None:
        super().__init__()
        self.project = nn.ModuleDict(
            {_key(name): nn.Linear(width, channels) for name, width in schema.channels.items() if width}
        )
        self.encode = nn.ModuleDict({_key(name): _network(channels, share) for name, _, _ in fused})
        self.give = nn.ModuleDict(
            {
                _key(name): nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, channels))
                for name, _, _ in fused
            }
        )
        self.fuse = HeteroConv({triple: SimpleConv(aggr="mean") for triple in fused}, aggr="mean")
        self.feed_forward = _network(channels, share)
        self.self_paths = nn.ModuleList(
            nn.ModuleDict({_key(name): nn.Linear(channels, channels) for name in {t[2] for t in triples}})
            for triples in layers
        )
        self.layers = nn.ModuleList(
            HeteroConv(
                {
                    triple: GATConv(
                        (channels, channels), channels // heads, heads=heads, add_self_loops=False
                    )
                    for triple in triples
                },
                aggr="sum",
            )
            for triples in layers
        )
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in layers)
        self.last_norm = nn.LayerNorm(channels)
        self.head = nn.Linear(channels, num_classes)
        self._entity, self._channels, self._share = entity, channels, share

    def forward(self, batch: HeteroData) -> Tensor:
        """Return the scores of the seeds, [B, classes]."""
        edges: Mapping[Triple, Tensor] = batch.edge_index_dict
        state = {
            name: self.project[_key(name)](dropout(x, self._share, self.training))
            for name, x in batch.x_dict.items()
            if x.shape[1]
        }
        state = {name: x + self.encode[_key(name)](x) for name, x in state.items()}
        given = {name: self.give[_key(name)](x) for name, x in state.items()}
        given[self._entity] = torch.zeros(batch[self._entity].num_nodes, self._channels)
        x = dropout(self.fuse(given, edges)[self._entity], self._share, self.training)
        state[self._entity] = x + self.feed_forward(x)
        for layer, paths, norm in zip(self.layers, self.self_paths, self.norms, strict=True):
            normed = {name: norm(x) for name, x in state.items()}
            found = layer(normed, edges)
            for name, path in paths.items():
                of_type = name.replace("__", "/")
                update = gelu(path(normed[of_type]) + found[of_type])
                state[of_type] = state[of_type] + dropout(update, self._share, self.training)
        seeds = state[self._entity][: batch[self._entity].batch_size]
        scores: Tensor = self.head(self.last_norm(seeds))
        return scores


def _key(node_type: str) -> str:
    return node_type.replace("/", "__")


def _network(channels: int, share: float) -> nn.Module:
    return nn.Sequential(
        nn.LayerNorm(channels),
        nn.Linear(channels, 2 * channels),
        nn.GELU(),
        nn.Dropout(share),
        nn.Linear(2 * channels, channels),
        nn.Dropout(share),
    )


def step(model: nn.Module, optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    """Move the weights by one loss, as mmgraph does: the gradient's norm is at most 1."""
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
