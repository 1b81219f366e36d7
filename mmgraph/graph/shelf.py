"""Where the edges of finished relations are kept while a graph is built: in memory, or in its folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mmgraph.graph.edge_files import open_edges, write_edges
from mmgraph.graph.edges import StoredEdges
from mmgraph.graph.schema import EdgeType


class EdgeShelf:
    """Keeps the edges of relations.

    Args:
        folder: The folder of the graph to be: edges go there as soon as they are built, and are mapped into
            memory when they are asked for. Nothing to keep them in memory.
        sizes: The number of nodes of each type.
    """

    def __init__(self, folder: Path | None, sizes: Mapping[str, int]) -> None:
        self.folder = folder
        self._sizes = sizes
        self._kept: dict[str, StoredEdges] = {}

    def keep(self, edge_type: EdgeType, edges: StoredEdges) -> None:
        """Keep the edges of a relation."""
        if self.folder is None:
            self._kept[edge_type.name] = edges
        else:
            write_edges(self.folder, edge_type, edges, self._sizes)

    def edges(self, edge_type: EdgeType) -> StoredEdges:
        """Return the edges of a relation."""
        if self.folder is None:
            return self._kept[edge_type.name]
        return open_edges(self.folder, edge_type, self._sizes)
