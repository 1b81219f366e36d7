"""What a contrastive loss is told of a few pairs out of all, and the logits of all of them, tile by tile.

Shapes: R pairs, D width, S pairs of which something is said, T rows of a tile.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

_ENTRIES = 1 << 20
"""How many logits a tile has at the most: few enough to stay in the cache of a processor."""
_ENTRIES_ON_GPU = 1 << 25


class SparsePairs(NamedTuple):
    """How right some pairs of a query and an answer are, and how much they count.

    All others are wrong answers that count once, so that a graph, which ties few of all pairs, costs little.

    Args:
        places: Queries above answers, each pair once, in the order of the queries, int64 [2, S].
        target: How right each is, from 0 to 1, [S].
        weight: How much each counts, not negative, [S].
    """

    places: Tensor
    target: Tensor
    weight: Tensor

    @classmethod
    def own(cls, vectors: Tensor) -> SparsePairs:
        """Return that each goes with its own alone.

        Args:
            vectors: Those of queries, [R, D].
        """
        rows = torch.arange(len(vectors), device=vectors.device)
        ones = vectors.new_ones(len(vectors))
        return cls(torch.stack([rows, rows]), ones, ones)

    @classmethod
    def of(cls, *said: SparsePairs) -> SparsePairs:
        """Return all that is said of different pairs, in the order of the queries."""
        places, target, weight = (torch.cat(parts, dim=-1) for parts in zip(*said, strict=True))
        order = torch.argsort(places[0], stable=True)
        return cls(places[:, order], target[order], weight[order])


class Tile(NamedTuple):
    """Some queries and all answers.

    Args:
        rows: The queries.
        said: What is said of pairs of them.
        place: Where these pairs are in the tile.
        logits: How well each goes with each, [T, R].
    """

    rows: slice
    said: slice
    place: tuple[Tensor, Tensor]
    logits: Tensor


def tiles(query: Tensor, answer: Tensor, places: Tensor) -> Iterator[Tile]:
    """Return how well queries go with answers, some rows at a time, so that the square is never there.

    Args:
        query: [R, D].
        answer: [R, D].
        places: Of which pairs something is said, in the order of the queries, int64 [2, S].
    """
    entries = _ENTRIES_ON_GPU if query.is_cuda else _ENTRIES
    step = max(entries // max(len(answer), 1), 1)
    begins = torch.arange(0, len(query) + step, step, device=query.device)
    ends = torch.searchsorted(places[0].contiguous(), begins).tolist()
    for number, begin in enumerate(range(0, len(query), step)):
        rows, said = slice(begin, begin + step), slice(ends[number], ends[number + 1])
        place = (places[0, said] - begin, places[1, said])
        yield Tile(rows, said, place, query[rows] @ answer.T)
