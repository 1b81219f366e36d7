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
    """As hetero_gat: modalities into one space, their mean into the entity, graph attention twice.

    The fusion is the mean alone, where mmgraph's has a network for each modality. Each convolution has the
    relations that hetero_gat's layer at its place reads.

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
            {
                name.replace("/", "__"): nn.Linear(width, channels)
                for name, width in schema.channels.items()
                if width
            }
        )
        self.fuse = HeteroConv({triple: SimpleConv(aggr="mean") for triple in fused}, aggr="mean")
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
        self.head = nn.Linear(channels, num_classes)
        self._entity, self._channels, self._share = entity, channels, share

    def forward(self, batch: HeteroData) -> Tensor:
        """Return the scores of the seeds, [B, classes]."""
        edges: Mapping[Triple, Tensor] = batch.edge_index_dict
        state = {
            name: self.project[name.replace("/", "__")](dropout(x, self._share, self.training))
            for name, x in batch.x_dict.items()
            if x.shape[1]
        }
        state[self._entity] = torch.zeros(batch[self._entity].num_nodes, self._channels)
        state |= self.fuse(state, edges)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            found = layer({name: norm(x) for name, x in state.items()}, edges)
            state = {
                name: x + dropout(gelu(found[name]), self._share, self.training) if name in found else x
                for name, x in state.items()
            }
        scores: Tensor = self.head(state[self._entity][: batch[self._entity].batch_size])
        return scores


def step(model: nn.Module, optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    """Move the weights by one loss, as mmgraph does: the gradient's norm is at most 1."""
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
