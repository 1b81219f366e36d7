"""The degrees of nodes as they were at a time, for models that tell nodes without features apart by them.

Shapes: N nodes, R relations of a node type, B seeds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmgraph.graph.schema import Triple
from mmgraph.graph.transpose import transpose
from mmgraph.models.featureless import FeaturelessNodes
from mmgraph.sampling.adjacency import Adjacency
from mmgraph.sampling.rows import end_at, row_bounds
from mmgraph.sampling.times import Limits, Times


@dataclass(frozen=True, eq=False)
class _End:
    """The edges at one end of a relation, node after node, earlier ones first where they have times."""

    indptr: NDArray[Any]
    time: Times | None

    def degrees(self, nodes: NDArray[np.int64], tree: NDArray[np.int64], limits: Limits) -> NDArray[np.int64]:
        begin, end = row_bounds(self.indptr, nodes)
        if self.time is not None:
            end_at(begin, end, self.time.ordered, limits.of(self.time)[tree])
        degrees: NDArray[np.int64] = end - begin
        return degrees


class TimedDegrees:
    """Counts the edges that were there at the time of a seed.

    Args:
        featureless: What a model adds to nodes without features.
        adjacency: By edge type, the edges as a sampler that keeps to times reads them.
    """

    def __init__(self, featureless: FeaturelessNodes, adjacency: Mapping[Triple, Adjacency]) -> None:
        self._ends = {
            name: [_end(adjacency[triple], at_target=bool(end)) for triple, end in featureless.ends[name]]
            for name in featureless.degree
        }

    def at(
        self, limits: Limits, nodes: Mapping[str, Tensor], trees: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return the degrees of sampled nodes, int64 [N, R] by node type without features.

        Args:
            limits: The latest time that each seed may see, [B].
            nodes: By node type, the sampled nodes, int64 [N].
            trees: By node type, the seed that each of them hangs on, int64 [N].
        """
        return {
            name: torch.from_numpy(
                np.stack(
                    [end.degrees(nodes[name].numpy(), trees[name].numpy(), limits) for end in ends], axis=1
                )
            )
            for name, ends in self._ends.items()
        }


def _end(adjacency: Adjacency, *, at_target: bool) -> _End:
    if at_target:
        return _End(adjacency.indptr, adjacency.time)
    timed = adjacency.time is not None
    indptr, _, position = transpose(
        adjacency.indptr, adjacency.indices, adjacency.num_source, positions=timed
    )
    if adjacency.time is None or position is None:
        return _End(indptr, None)
    time = adjacency.time[position]
    node = np.repeat(np.arange(adjacency.num_source), np.diff(indptr))
    return _End(indptr, time[np.lexsort((time.ordered, node))])
