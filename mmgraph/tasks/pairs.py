"""Pairs of nodes that are linked, and graphs without the edges between some of them."""

from __future__ import annotations

import torch
from torch import Tensor

from mmgraph.graph.schema import Triple
from mmgraph.models.graph_batch import GraphBatch


class Pairs:
    """The P pairs of nodes that are linked, whatever the direction among nodes of one type.

    Args:
        source: The source of each link, int64 [L].
        target: The target of each, int64 [L].
        num_target: Number of target nodes.
        same_type: Whether source and target are nodes of the same type.

    Example:
        >>> pairs = Pairs(torch.tensor([0, 1, 2]), torch.tensor([1, 0, 0]), 3, same_type=True)
        >>> len(pairs)
        2
    """

    def __init__(self, source: Tensor, target: Tensor, num_target: int, *, same_type: bool) -> None:
        self._num_target, self._same_type = num_target, same_type
        self._keys = self._key(source, target).unique()

    def __len__(self) -> int:
        return len(self._keys)

    def among(self, source: Tensor, target: Tensor, chosen: Tensor) -> Tensor:
        """Return which edges are between the nodes of chosen pairs, bool [E].

        Args:
            source: int64 [E].
            target: int64 [E].
            chosen: Which pairs, bool [P].
        """
        keys, wanted = self._keys.to(source.device), self._key(source, target)
        place = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
        return (keys[place] == wanted) & chosen.to(source.device)[place]

    def hide(self, batch: GraphBatch, triple: Triple, chosen: Tensor) -> GraphBatch:
        """Return a graph without the edges of a relation, and of its reverse, between chosen pairs.

        Args:
            batch: The whole graph.
            triple: The relation's edge type.
            chosen: Which pairs, bool [P].
        """
        source, name, target = triple
        edges, weights, attributes = (
            dict(part) for part in (batch.edge_index_dict, batch.edge_weight_dict, batch.edge_attr_dict)
        )
        for known, ends in ((triple, (0, 1)), ((target, f"rev_{name}", source), (1, 0))):
            if known in edges:
                index = edges[known]
                kept = ~self.among(index[ends[0]], index[ends[1]], chosen)
                edges[known] = index[:, kept]
                for carried in (weights, attributes):
                    if known in carried:
                        carried[known] = carried[known][kept]
        return batch._replace(edge_index_dict=edges, edge_weight_dict=weights, edge_attr_dict=attributes)

    def _key(self, source: Tensor, target: Tensor) -> Tensor:
        if self._same_type:
            source, target = torch.minimum(source, target), torch.maximum(source, target)
        return source * self._num_target + target
