"""What tells nodes without features apart in the whole graph, for a model that sees a part of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmgraph.graph.graph import Graph
from mmgraph.models.featureless import FeaturelessNodes

# So many edges are counted at a time, as counting makes int64 of them.
_AT_A_TIME = 1 << 22


def known_nodes(featureless: FeaturelessNodes, graph: Graph) -> dict[str, Tensor]:
    """Return what :class:`~mmgraph.models.featureless.FeaturelessNodes` takes as ``known``.

    Args:
        featureless: What a model adds to such nodes.
        graph: The graph.

    Returns:
        By node type the degrees of each node, int64 [N, R], or its number, int64 [N], for learned vectors.
    """
    sizes = {t.name: t.num_nodes for t in graph.schema.node_types}
    found = {name: torch.arange(sizes[name]) for name in featureless.embedding}
    for name in featureless.degree:
        columns = []
        for triple, end in featureless.ends[name]:
            indptr, indices = graph.edges[triple].compressed(sizes[triple[2]])
            columns.append(np.diff(indptr).astype(np.int64) if end else _counts(indices, sizes[name]))
        found[name] = torch.from_numpy(np.stack(columns, axis=1))
    return found


def _counts(nodes: NDArray[Any], size: int) -> NDArray[np.int64]:
    counts = np.zeros(size, np.int64)
    step = max(_AT_A_TIME, size)
    for first in range(0, len(nodes), step):
        counts += np.bincount(nodes[first : first + step], minlength=size)
    return counts
