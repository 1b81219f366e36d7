"""The relations of a graph as sparse matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from mmgraph.graph.edges import compress

if TYPE_CHECKING:
    from mmgraph.graph.graph import Graph
    from mmgraph.graph.schema import Triple


def to_scipy(graph: Graph) -> dict[Triple, sp.csc_array]:
    """Return the matrices that :meth:`Graph.to_scipy` describes."""
    matrices = {}
    sizes = {t.name: t.num_nodes for t in graph.schema.node_types}
    for edge_type in graph.schema.edge_types:
        if edge_type.reverse_of is not None:
            continue
        edges = graph.edges[edge_type.triple]
        weight = edges.weight if edges.weight is not None else np.ones(edges.index.shape[1], np.float32)
        indptr, indices = compress(edges.index[0], edges.index[1], sizes[edge_type.target])
        # scipy may write to a matrix; the graph's own arrays must stay as they are.
        matrix = sp.csc_array(
            (np.array(weight, dtype=np.float32), indices, indptr),
            shape=(sizes[edge_type.source], sizes[edge_type.target]),
        )
        if edges.time is not None:
            matrix.sum_duplicates()
        matrices[edge_type.triple] = matrix
    return matrices
