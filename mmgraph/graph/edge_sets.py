"""The edge sets of a graph: each relation with its reverse, and the edges that tie modalities to entities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mmgraph.graph.edges import StoredEdges
from mmgraph.graph.lazy import LazyMapping
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
        self._given: dict[Triple, StoredEdges] = {}

    @property
    def edges(self) -> Mapping[Triple, StoredEdges]:
        """The edges of all relations; reverse ones are derived when they are asked for."""
        edges: LazyMapping[Triple, StoredEdges] = LazyMapping(
            [edge_type.triple for edge_type in self.types],
            lambda triple: self._given[triple] if triple in self._given else edges[backs[triple]].reversed(),
        )
        backs = {t.triple: (t.target, t.reverse_of, t.source) for t in self.types if t.reverse_of}
        return edges

    def add(self, edge_type: EdgeType, edges: StoredEdges) -> None:
        """Add a relation.

        Args:
            edge_type: The relation.
            edges: Its edges.
        """
        self.types.append(edge_type)
        self._given[edge_type.triple] = edges
        if not edge_type.symmetric and not edge_type.one_way:
            back = replace(
                edge_type,
                source=edge_type.target,
                name=f"rev_{edge_type.name}",
                target=edge_type.source,
                reverse_of=edge_type.name,
            )
            self.types.append(back)

    def add_of(self, name: str, entity: str, rows: NDArray[np.int64]) -> None:
        """Add the edges from the nodes of a modality to their entities.

        Args:
            name: The node type of the modality.
            entity: The entity type.
            rows: The entity of each node, int64 [M], ascending.
        """
        index = np.stack([np.arange(len(rows), dtype=np.int64), rows])
        edge_type = EdgeType(name, "of", entity, num_edges=len(rows), kind="of", made_from=(name,))
        self.add(edge_type, StoredEdges(index))
