"""Pairs of nodes that are linked, and graphs without the edges between some of them."""

from __future__ import annotations

import torch
from torch import Tensor

from mmgraph.graph.schema import Triple
from mmgraph.models.graph_batch import GraphBatch


class Pairs:
    """The P pairs of nodes that are linked, whatever the direction among nodes of one type.

    Args:
        links: Sources above targets, int64 [2, L].
        num_target: Number of target nodes.
        same_type: Whether source and target are nodes of the same type.

    Example:
        >>> pairs = Pairs(torch.tensor([[0, 1, 2], [1, 0, 0]]), 3, same_type=True)
        >>> len(pairs)
        2
    """

    def __init__(self, links: Tensor, num_target: int, *, same_type: bool) -> None:
        self._num_target, self._same_type = num_target, same_type
        self._keys = torch.unique(self._key(links))

    def __len__(self) -> int:
        return len(self._keys)

    def among(self, edges: Tensor, chosen: Tensor) -> Tensor:
        """Return which edges are between the nodes of chosen pairs, bool [E].

        Args:
            edges: Sources above targets, int64 [2, E].
            chosen: Which pairs, bool [P].
        """
        keys, wanted = self._keys.to(edges.device), self._key(edges)
        place = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
        found: Tensor = keys[place] == wanted
        return found & chosen.to(edges.device)[place]

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
        reverse = (target, f"rev_{name}", source)
        for known in (triple, reverse):
            if known in edges:
                index = edges[known]
                kept = ~self.among(index.flip(0) if known == reverse else index, chosen)
                edges[known] = index[:, kept]
                for carried in (weights, attributes):
                    if known in carried:
                        carried[known] = carried[known][kept]
        return batch._replace(edge_index_dict=edges, edge_weight_dict=weights, edge_attr_dict=attributes)

    def _key(self, edges: Tensor) -> Tensor:
        source, target = edges
        if self._same_type:
            source, target = torch.minimum(source, target), torch.maximum(source, target)
        key: Tensor = source * self._num_target + target
        return key
