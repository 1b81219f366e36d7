"""The graph: node tables, features and edges, with views for tasks and controls for comparisons."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmgraph.data.spec import TaskSpec
from mmgraph.encoders import Encoder
from mmgraph.errors import GraphError, did_you_mean
from mmgraph.graph.fingerprint import fingerprint
from mmgraph.graph.lazy import LazyMapping
from mmgraph.graph.restrict import restricted_schema
from mmgraph.graph.save import save_graph
from mmgraph.graph.schema import GraphSchema, Triple
from mmgraph.graph.shuffle import shuffled_edges

if TYPE_CHECKING:
    import networkx as nx
    from torch_geometric.data import HeteroData


@dataclass(frozen=True, eq=False)
class Graph:
    """A heterogeneous graph of entities and their modalities.

    A graph does not change: views and controls are new graphs that share its arrays. Those of a graph that
    was opened from a folder are read when they are asked for.

    Args:
        schema: Node types and edge types.
        manifest: JSON values that say what the graph was built from and how: ``format``, ``name``,
            ``dataset`` (spec and fingerprint), ``relations`` (builder, parameters, counts and warnings of
            each), ``encoders`` and ``changes`` (what views and controls did).
        tasks: The tasks, by name.
        nodes: By node type, a table. Entities: ``id``, ``title``, ``target:<task>``, ``split:<task>``.
            Modalities: ``id`` (of the entity), ``entity_index``, ``preview``.
        features: By modality node type, float32 [M, D].
        edge_index: By edge type, int64 [2, E], sorted by (target, source).
        edge_weight: By edge type that has weights, float32 [E].
        compressed: By edge type that a folder holds, the same edges as its files have them: where each
            target's edges begin and end [N + 1], and the source of each edge [E].
        encoders: By modality node type, the fitted encoder, so that new entities can be encoded alike.
        stored_fingerprint: The fingerprint, where it is known from the folder.
        folder: The folder that it was opened from; nothing for a graph that no folder holds as it is.
    """

    schema: GraphSchema
    manifest: dict[str, Any]
    tasks: dict[str, TaskSpec]
    nodes: Mapping[str, pd.DataFrame]
    features: Mapping[str, NDArray[np.float32]]
    edge_index: Mapping[Triple, NDArray[np.int64]]
    edge_weight: Mapping[Triple, NDArray[np.float32]]
    compressed: Mapping[Triple, tuple[NDArray[Any], NDArray[Any]]] = field(default_factory=dict)
    encoders: Mapping[str, Encoder[Any, Any]] = field(default_factory=dict)
    stored_fingerprint: str | None = None
    folder: Path | None = None

    @property
    def name(self) -> str:
        """The name of the dataset that the graph was built from."""
        return str(self.manifest["name"])

    @functools.cached_property
    def data(self) -> HeteroData:
        """The graph as PyG's ``HeteroData``.

        Every node type has ``x`` (entities: float32 [N, 0]), modalities also ``entity_index``; every edge
        type has ``edge_index``, those with weights also ``edge_weight``. Features share the graph's memory.
        """
        # PyG takes seconds to import, and neither building nor inspecting a graph needs it.
        from mmgraph.graph.interop import to_hetero_data

        return to_hetero_data(self)

    def to_networkx(self, *, reverse: bool = False) -> nx.MultiDiGraph:
        """Return the graph as a networkx multigraph.

        Args:
            reverse: Also add the edges of reverse relations.

        Returns:
            Nodes ``(node type, id)`` with ``type`` and the columns of the node table but the previews; edges
            with the relation's name as key, and ``weight`` where there is one.
        """
        from mmgraph.graph.interop import to_networkx

        return to_networkx(self, reverse=reverse)

    def view(self, task: str) -> Graph:
        """Return the graph as a task sees it: without the modalities and relations that it must not see.

        Relations that were made from such a modality, e.g. nearest neighbours by it, are left out as well.

        Raises:
            GraphError: If there is no such task.
        """
        if task not in self.tasks:
            raise GraphError(
                f"there is no task {task!r}", where=f"graph {self.name}", fix=did_you_mean(task, self.tasks)
            )
        hidden = self.tasks[task].without
        # Not every modality and relation of the dataset need have been built into this graph.
        modalities = {t.modality for t in self.schema.node_types}
        return self.without(
            modalities=[m for m in hidden.modalities if m in modalities],
            relations=[r for r in hidden.relations if r in self.schema.relations],
        )

    def without(self, *, modalities: Iterable[str] = (), relations: Iterable[str] = ()) -> Graph:
        """Return the graph without some modalities and relations.

        Relations at nodes of such a modality, or made from it, are left out as well.

        Args:
            modalities: Names of modalities (``sans``), or of their node types (``glyph/sans``).
            relations: Names of relations; their reverse ones go with them.

        Raises:
            GraphError: If a name is not there; all such names at once.
        """
        hidden, removed = list(modalities), list(relations)
        if not hidden and not removed:
            return self
        schema = restricted_schema(self.schema, modalities=hidden, relations=removed)
        return self._with(schema, {"without": {"modalities": hidden, "relations": removed}})

    def without_relations(self) -> Graph:
        """Return the control that has no edges but ``of`` and its reverse."""
        return self.without(relations=self.schema.relations)

    def shuffled(self, seed: int) -> Graph:
        """Return the control whose relations lead to random nodes.

        In every relation but ``of`` the targets are dealt out anew among the edges. Every node keeps its
        degree, a symmetric relation stays symmetric, and a reverse one stays the reverse.

        Args:
            seed: The seed of the shuffle.
        """
        index, weight = shuffled_edges(self.schema, self.edge_index, self.edge_weight, seed=seed)
        same = self._with(self.schema, {"shuffled": {"seed": seed}})
        return replace(same, edge_index=index, edge_weight=weight, compressed={})

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write the graph into a folder, whole or not at all.

        Args:
            folder: Where it shall be.
            overwrite: Replace an earlier graph.

        Raises:
            UserError: If the folder is there already and must not be replaced.
        """
        save_graph(self, Path(folder), overwrite=overwrite)

    def fingerprint(self) -> str:
        """Return a hash of what a model can learn from: tasks, ids, targets, splits, features, edges."""
        return self.stored_fingerprint or self._computed_fingerprint

    @functools.cached_property
    def _computed_fingerprint(self) -> str:
        return fingerprint(self)

    def _with(self, schema: GraphSchema, change: Mapping[str, Any]) -> Graph:
        """Return the part of this graph that a smaller schema names, with a note of what was done."""
        names, triples = schema.metadata
        weighted = schema.weighted
        modal = [t.name for t in schema.node_types if t.modality is not None]
        kept = {edge_type.relation for edge_type in schema.edge_types}
        return Graph(
            schema=schema,
            manifest=self.manifest
            | {
                "changes": [*self.manifest.get("changes", []), change],
                "relations": {n: r for n, r in self.manifest.get("relations", {}).items() if n in kept},
                "encoders": {n: e for n, e in self.manifest.get("encoders", {}).items() if n in modal},
            },
            tasks=self.tasks,
            nodes=LazyMapping(names, self.nodes.__getitem__),
            features=LazyMapping(modal, self.features.__getitem__),
            edge_index=LazyMapping(triples, self.edge_index.__getitem__),
            edge_weight=LazyMapping(weighted, self.edge_weight.__getitem__),
            compressed=LazyMapping([t for t in triples if t in self.compressed], self.compressed.__getitem__),
            encoders=LazyMapping([n for n in modal if n in self.encoders], self.encoders.__getitem__),
        )

    def __repr__(self) -> str:
        nodes = sum(t.num_nodes for t in self.schema.node_types)
        edges = sum(t.num_edges for t in self.schema.edge_types)
        return (
            f"Graph({self.name!r}, {nodes:,} nodes of {len(self.schema.node_types)} types, "
            f"{edges:,} edges of {len(self.schema.edge_types)} types)"
        )
