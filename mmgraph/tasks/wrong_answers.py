"""Wrong answers that stand beside the right one of an entity: anybody's, or hard ones, a neighbour's.

Shapes: R entities, K wrong answers of each, E edges.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Ints = NDArray[np.int64]


class Wrong(NamedTuple):
    """Whose answers stand beside the right ones.

    Args:
        whose: Places among the entities, int64 [R, K]; nobody's own.
        hard: Which of them are a neighbour's, bool [R, K].
    """

    whose: Ints
    hard: NDArray[np.bool_]


class Walks:
    """From some entities to others of them: along an edge that ties both, or by a node that both are tied to.

    Args:
        neighbours: Whose neighbour which node is, int64 [2, E], from 0 up to R, and the node's number; see
            :func:`~mmgraph.tasks.objectives.neighbours_of`.
        here: The entities, each once, int64 [R].
        num_entities: How many entities of the type there are; their numbers are the first.

    Example:
        >>> import torch
        >>> tied = torch.tensor([[0, 1, 1, 2], [7, 7, 0, 8]])  # 0 and 1 share 7, and an edge ties them
        >>> walks = Walks(tied, torch.tensor([0, 3, 4]), 5)
        >>> walks.step(np.array([0, 1, 2]), np.random.default_rng(0)).tolist()
        [1, 0, -1]
    """

    def __init__(self, neighbours: Tensor, here: Tensor, num_entities: int) -> None:
        # Each tie once, in the order of the rows; numbers of one sort much faster than pairs.
        tied, number = neighbours.cpu().numpy()
        width = int(number.max(initial=0)) + 1
        row, number = np.divmod(np.unique(tied * width + number), width)
        place = np.full(num_entities + 1, -1, dtype=np.int64)
        place[here.cpu().numpy()] = np.arange(len(here))
        # The row that an edge leads to, or -1 for another node, by which others may be reached.
        direct = place[np.minimum(number, num_entities)]
        _, node, degree = np.unique(number, return_inverse=True, return_counts=True)
        leads = np.where(direct >= 0, direct != row, degree[node] > 1)
        self._row, self._direct, self._node = row[leads], direct[leads], node[leads]
        self._begin = np.searchsorted(self._row, np.arange(len(here) + 1))
        self._members = np.argsort(self._node, kind="stable")
        self._first = np.searchsorted(self._node[self._members], np.arange(len(degree) + 1))
        self._rank = np.empty(len(self._members), dtype=np.int64)
        self._rank[self._members] = np.arange(len(self._members))

    def step(self, rows: Ints, rng: np.random.Generator) -> Ints:
        """Return for each row where a walk from there ends, int64 [R]; -1 where it finds nobody else."""
        found = np.full(len(rows), -1, dtype=np.int64)
        begin, count = self._begin[rows], self._begin[rows + 1] - self._begin[rows]
        some = np.flatnonzero(count)
        edge = begin[some] + _below(count[some], rng)
        first, last = self._first[self._node[edge]], self._first[self._node[edge] + 1]
        # Any other of those that are tied to the node.
        by_node = first + _below(np.maximum(last - first - 1, 1), rng)
        by_node += by_node >= self._rank[edge]
        direct = self._direct[edge]
        found[some] = np.where(direct >= 0, direct, self._row[self._members[np.minimum(by_node, last - 1)]])
        return found


def draw_wrong(
    walks: Walks, count: int, *, num_negatives: int, hard_share: float, rng: np.random.Generator
) -> Wrong:
    """Return wrong answers of some entities: about a share of them a neighbour's, the others anybody's.

    Where a walk finds no neighbour, anybody's is taken.

    Args:
        walks: Lead to neighbours.
        count: How many entities there are, R, at least two.
        num_negatives: How many wrong answers each gets, K.
        hard_share: The share of them that is to be a neighbour's, from 0 to 1.
        rng: Draws them.
    """
    rows = np.repeat(np.arange(count), num_negatives)
    whose = (rows + 1 + rng.integers(0, count - 1, size=len(rows))) % count
    wanted = np.flatnonzero(rng.random(len(rows)) < hard_share)
    found = walks.step(rows[wanted], rng)
    hard = np.zeros(len(rows), dtype=np.bool_)
    hard[wanted] = found >= 0
    whose[hard] = found[found >= 0]
    shape = (count, num_negatives)
    return Wrong(whose.reshape(shape), hard.reshape(shape))


def _below(count: Ints, rng: np.random.Generator) -> Ints:
    """Return a number from 0 up to each count, which is at least 1."""
    number: Ints = (rng.random(len(count)) * count).astype(np.int64)
    return number
