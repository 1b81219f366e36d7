"""Modalities that go missing in training, so that a model learns to do without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mmgraph.layers.layer import Triple, check_edges
from mmgraph.layers.options import require_fraction
from mmgraph.ops import plan_edges

Edges = tuple[Mapping[Triple, Tensor], Mapping[Triple, Tensor]]


class ModalityDropout(nn.Module):
    """Takes each modality away from a share of the entities, anew in every training step.

    A modality goes by its edges: those to its entity and those of every other relation of its node, as if it
    were missing. Modalities go independently of one another, so that an entity may lose all of them. After
    `Neverova et al. 2016 <https://arxiv.org/abs/1501.00102>`_ (ModDrop).

    Args:
        modalities: The node types of modalities.
        p: Share of the nodes of each that is taken away.

    Raises:
        ConfigError: If ``p`` is no number from 0 to below 1.

    Example:
        >>> import torch
        >>> edges = {("a/text", "of", "a"): torch.tensor([[0, 1], [0, 1]])}
        >>> dropout = ModalityDropout(["a/text"], 0.5)
        >>> dropout.eval()({"a/text": torch.randn(2, 5)}, edges, {})[0] is edges
        True
    """

    def __init__(self, modalities: Sequence[str], p: float) -> None:
        super().__init__()
        self.modalities = list(modalities)
        self.p = require_fraction("model", "modality_dropout", p)

    def forward(
        self,
        x_dict: Mapping[str, Tensor],
        edge_index_dict: Mapping[Triple, Tensor],
        edge_weight_dict: Mapping[Triple, Tensor],
    ) -> Edges:
        """Return the edges that are left, int64 [2, E] by edge type, and their weights [E].

        Raises:
            GraphError: If an edge names a node that is not there, or weights do not fit their edges.
        """
        if not self.training or self.p == 0:
            return edge_index_dict, edge_weight_dict
        check_edges("model", list(edge_index_dict), edge_index_dict, edge_weight_dict)
        kept = {
            name: torch.rand(x_dict[name].shape[0], device=x_dict[name].device) >= self.p
            for name in self.modalities
            if name in x_dict
        }
        index, weight = dict(edge_index_dict), dict(edge_weight_dict)
        for edge_type, edge_index in edge_index_dict.items():
            source, _, target = edge_type
            if kept.keys().isdisjoint((source, target)):
                continue
            if source in x_dict and target in x_dict:
                # The plan is made for the check alone; it stays with the edges, for evaluation to use.
                plan_edges(edge_index, len(x_dict[source]), len(x_dict[target]), where=str(edge_type))
            ends = zip((source, target), edge_index, strict=True)
            mask = torch.stack([kept[name][nodes] for name, nodes in ends if name in kept]).all(0)
            index[edge_type] = edge_index[:, mask]
            if edge_type in weight:
                weight[edge_type] = weight[edge_type][mask]
        return index, weight
