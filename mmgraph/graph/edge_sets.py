"""The edge sets of a graph: each relation with its reverse, and the edges that tie modalities to entities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mmgraph.graph.edges import Merged, reverse
from mmgraph.graph.schema import EdgeType, Triple


class EdgeSets:
    """Collects relations, each followed by its reverse unless it is symmetric.

    Example:
        >>> edges = EdgeSets()
        >>> edges.add_of("glyph/sans", "glyph", np.array([0, 2]))
        >>> [edge_type.triple for edge_type in edges.types]
        [('glyph/sans', 'of', 'glyph'), ('glyph', 'rev_of', 'glyph/sans')]
    """

    def __init__(self) -> None:
        self.types: list[EdgeType] = []
        self.index: dict[Triple, NDArray[np.int64]] = {}
        self.weight: dict[Triple, NDArray[np.float32]] = {}

    def add(self, edge_type: EdgeType, merged: Merged) -> None:
        """Add a relation.

        Args:
            edge_type: The relation.
            merged: Its edges.
        """
        self._add(edge_type, merged.edge_index, merged.edge_weight)
        if not edge_type.symmetric:
            back = replace(
                edge_type,
                source=edge_type.target,
                name=f"rev_{edge_type.name}",
                target=edge_type.source,
                reverse_of=edge_type.name,
            )
            self._add(back, *reverse(merged.edge_index, merged.edge_weight))

    def add_of(self, name: str, entity: str, rows: NDArray[np.int64]) -> None:
        """Add the edges from the nodes of a modality to their entities.

        Args:
            name: The node type of the modality.
            entity: The entity type.
            rows: The entity of each node, int64 [M], ascending.
        """
        index = np.stack([np.arange(len(rows), dtype=np.int64), rows])
        edge_type = EdgeType(name, "of", entity, num_edges=len(rows), kind="of", made_from=(name,))
        self.add(edge_type, Merged(index, None, duplicates=0, self_loops=0))

    def _add(self, edge_type: EdgeType, index: NDArray[np.int64], weight: NDArray[np.float32] | None) -> None:
        self.types.append(edge_type)
        self.index[edge_type.triple] = index
        if weight is not None:
            self.weight[edge_type.triple] = weight
