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

    def places(self, edges: Tensor) -> Tensor:
        """Return which pairs some edges are between, int64, each once.

        Args:
            edges: Sources above targets, int64 [2, E]; each between a pair.
        """
        places: Tensor = torch.unique(torch.searchsorted(self._keys, self._key(edges)))
        return places

    def draw(
        self, share: float, *, among: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return a share of the pairs, at least one of them, bool [P].

        Args:
            share: The share, from 0 to 1.
            among: Which pairs it is a share of, at least one; by default all.
            generator: Draws them; torch's own by default.
        """
        chosen = torch.zeros(len(self), dtype=torch.bool)
        total = len(self) if among is None else len(among)
        drawn = torch.randperm(total, generator=generator)[: max(round(share * total), 1)]
        chosen[drawn if among is None else among[drawn]] = True
        return chosen

    def hide(self, batch: GraphBatch, triple: Triple, chosen: Tensor) -> GraphBatch:
        """Return a graph without the edges of a relation, and of its reverse, between chosen pairs.

        Args:
            batch: The whole graph, or a sample of it.
            triple: The relation's edge type.
            chosen: Which pairs, bool [P].
        """
        source, name, target = triple
        reverse, kept = (target, f"rev_{name}", source), {}
        for known in (triple, reverse):
            if known in batch.edge_index_dict:
                numbers = _numbers_in(batch, known)
                kept[known] = ~self.among(numbers.flip(0) if known == reverse else numbers, chosen)
        return batch.keeping(kept)

    def _key(self, edges: Tensor) -> Tensor:
        source, target = edges
        if self._same_type:
            source, target = torch.minimum(source, target), torch.maximum(source, target)
        key: Tensor = source * self._num_target + target
        return key


def _numbers_in(batch: GraphBatch, triple: Triple) -> Tensor:
    """Return edges between entities by the numbers that their ends have in the whole graph, int64 [2, E]."""
    index = batch.edge_index_dict[triple]
    if batch.sample is None:
        return index
    source, target = (batch.sample.numbers[end] for end in (triple[0], triple[2]))
    return torch.stack([source[index[0]], target[index[1]]])
