"""The graph: node tables, features and edges, with views for tasks and controls for comparisons."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmgraph.counted import counted
from mmgraph.data.task_spec import AnyTaskSpec, LinkTaskSpec, MultiTaskSpec, TaskSpec
from mmgraph.encoders import Encoder
from mmgraph.errors import GraphError
from mmgraph.graph.edges import StoredEdges
from mmgraph.graph.fingerprint import fingerprint
from mmgraph.graph.hold_out import HeldOutEdges
from mmgraph.graph.lazy import LazyMapping, LazyTables
from mmgraph.graph.noise import noise_features
from mmgraph.graph.restrict import restricted_schema
from mmgraph.graph.save import save_graph
from mmgraph.graph.schema import GraphSchema, Triple
from mmgraph.graph.shuffle import shuffled_edges
from mmgraph.graph.unprepared import no_such_task, unprepared_task
from mmgraph.graph.without_links import without_links

if TYPE_CHECKING:
    import networkx as nx
    import scipy.sparse as sp
    from torch_geometric.data import HeteroData


@dataclass(frozen=True, eq=False)
class Graph:
    """A heterogeneous graph of entities and their modalities.

    A graph does not change: views and controls are new graphs that share its arrays. Those of a graph that
    was opened from a folder are read when they are asked for.

    Args:
        schema: Node types and edge types.
        manifest: JSON values that say what the graph was built from and how: ``format``, ``name``,
            ``dataset`` (its spec), ``relations`` (builder, parameters, counts and warnings of
            each), ``encoders`` and ``changes`` (what views and controls did).
        tasks: The tasks, by name.
        nodes: By node type, a table. Entities: ``id``, ``title``, where they have times ``time``,
            ``training``, ``target:<task>``, ``split:<task>``. Modalities: ``id`` (of the entity),
            ``entity_index``, ``preview``, and ``position`` of the elements of a sequence.
        features: By modality node type, float32 [M, D].
        edges: By edge type, its edges, sorted by (target, source).
        inputs: By modality node type whose encoder is trainable, what its model reads, [M, ...].
        held_out: By relation whose edges are split, the edges that the graph does not have.
        fitted: By relation, the arrays that it learnt, for edges of new entities.
        relation_encoders: By relation and modality node type, an encoder that serves the relation alone.
        encoders: By modality node type, the fitted encoder, so that new entities can be encoded alike.
        stored_features: By modality node type, its features as a folder keeps them, float32 or float16,
            mapped for reading alone: they do not count as memory that the process may write to.
        stored_fingerprint: The fingerprint, where it is known from the folder.
        folder: The folder that it was opened from; nothing for a graph that no folder holds as it is.
        address: Where that folder was copied from, if it was.
    """

    schema: GraphSchema
    manifest: dict[str, Any]
    tasks: dict[str, AnyTaskSpec]
    nodes: Mapping[str, pd.DataFrame]
    features: Mapping[str, NDArray[np.float32]]
    edges: Mapping[Triple, StoredEdges]
    encoders: Mapping[str, Encoder[Any, Any]] = field(default_factory=dict)
    inputs: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    held_out: Mapping[str, HeldOutEdges] = field(default_factory=dict)
    fitted: Mapping[str, Mapping[str, NDArray[Any]]] = field(default_factory=dict)
    relation_encoders: Mapping[tuple[str, str], Encoder[Any, Any]] = field(default_factory=dict)
    stored_features: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    stored_fingerprint: str | None = None
    folder: Path | None = None
    address: str | None = None

    @property
    def place(self) -> str | Path | None:
        """Where other processes open it: its address, else its folder; nothing if there is neither."""
        return self.folder if self.folder is None or self.address is None else self.address

    @property
    def name(self) -> str:
        """The name of the dataset that the graph was built from."""
        return str(self.manifest["name"])

    @property
    def entity_tasks(self) -> dict[str, TaskSpec]:
        """The tasks that ask for a target of each entity."""
        return {name: task for name, task in self.tasks.items() if isinstance(task, TaskSpec)}

    def columns(self, node_type: str, names: Sequence[str]) -> pd.DataFrame:
        """Return some columns of a table of ``nodes``; of a graph in a folder the others need not be read.

        Args:
            node_type: The node type.
            names: The columns.
        """
        nodes = self.nodes
        if isinstance(nodes, LazyTables):
            return nodes.columns(node_type, names)
        return nodes[node_type][list(names)]

    def task(self, name: str) -> AnyTaskSpec:
        """Return a task by its name, or what stands for one, e.g. ``link:RELATION``.

        Raises:
            GraphError: If there is no such task, or the graph cannot tell what it is about.
        """
        found = self.tasks.get(name) or unprepared_task(self, name)
        if found is None:
            raise GraphError(
                f"there is no task {name!r}", where=f"graph {self.name}", fix=no_such_task(self, name)
            )
        return found

    @functools.cached_property
    def kept(self) -> dict[str, Any]:
        """By relation, what it has worked out of the known nodes for new entities, to be used again.

        A view or a copy of the graph begins with nothing.
        """
        return {}

    def features_of(self, node_type: str, nodes: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the features of some nodes of a modality, float32 [B, D]; of a folder, only these are read.

        Args:
            node_type: The modality's node type.
            nodes: Which, int64 [B].
        """
        kept = self.stored_features if node_type in self.stored_features else self.features
        return np.asarray(kept[node_type][nodes], dtype=np.float32)

    @functools.cached_property
    def edge_index(self) -> Mapping[Triple, NDArray[np.int64]]:
        """By edge type, int64 [2, E], sorted by (target, source)."""
        return LazyMapping(self.schema.metadata[1], lambda triple: self.edges[triple].index)

    @functools.cached_property
    def edge_weight(self) -> Mapping[Triple, NDArray[np.float32]]:
        """By edge type that has weights, float32 [E]."""
        return self._carried(self.schema.weighted, "weight")

    @functools.cached_property
    def edge_attr(self) -> Mapping[Triple, NDArray[np.float32]]:
        """By edge type that has edge features, float32 [E, F]."""
        return self._carried([t.triple for t in self.schema.edge_types if t.attr_names], "attr")

    @functools.cached_property
    def edge_time(self) -> Mapping[Triple, NDArray[np.int64]]:
        """By edge type whose edges have times, int64 [E]."""
        return self._carried([t.triple for t in self.schema.edge_types if t.timed], "time")

    def _carried(self, triples: Iterable[Triple], what: str) -> LazyMapping[Triple, NDArray[Any]]:
        return LazyMapping(triples, lambda triple: getattr(self.edges[triple], what))

    @functools.cached_property
    def data(self) -> HeteroData:
        """The graph as PyG's ``HeteroData``.

        Every node type has ``x`` (entities: float32 [N, 0]), modalities also ``entity_index``, and those that
        are sequences ``position``; every edge type has ``edge_index``, and ``edge_weight``, ``edge_attr`` and
        ``time`` where it has them. Features share the graph's memory. Edges that a split holds out are not in
        it; they stay in :attr:`held_out`.
        """
        # PyG takes seconds to import, and neither building nor inspecting a graph needs it.
        from mmgraph.graph.exchange.to_hetero_data import to_hetero_data

        return to_hetero_data(self)

    def to_networkx(self, *, reverse: bool = False) -> nx.MultiDiGraph:
        """Return the graph as a networkx multigraph, which :func:`mmgraph.from_networkx` reads back.

        Args:
            reverse: Also add the edges of reverse relations.

        Returns:
            Nodes ``(node type, id)`` (of a sequence also the number of the element) with ``type``, ``id``,
            the columns of the node table but the previews where they have a value, and of a modality ``x``,
            float32 [D]. Edges with the relation's name as key (name and time where edges have times) and
            ``relation``, and where there are such ``weight``, ``time`` and one ``attr:<name>`` for each edge
            feature. Edges that a split holds out are not among them: where there are any, they are listed in
            ``graph["held_out"]`` as ``(source, target, attributes)``, with the ``part`` beside the others.
        """
        from mmgraph.graph.exchange.to_networkx import to_networkx

        return to_networkx(self, reverse=reverse)

    def to_scipy(self) -> dict[Triple, sp.csc_array]:
        """Return one sparse matrix for each relation, ``of`` among them, but not reverse ones.

        Rows are sources and columns are targets, as in ``scipy.sparse.csgraph`` and in PyG's
        ``to_scipy_sparse_matrix``: ``A[s, t]`` is the edge from s to t, ``A.T @ x`` sums over the edges of
        each target, and a reverse relation is the transpose.

        Returns:
            By source, name and target, float32 [S, T]: the weights, or 1 where there are none. Weights of
            edges between the same nodes at different times are added up. Edges that a split holds out are not
            in it; they stay in :attr:`held_out`.
        """
        from mmgraph.graph.exchange.to_scipy import to_scipy

        return to_scipy(self)

    def view(self, task: str) -> Graph:
        """Return the graph as a task sees it: without the modalities and relations that it must not see.

        Relations that were made from such a modality, e.g. nearest neighbours by it, are left out as well.
        Several tasks at once do not see what any of them must not. A
        task that asks for edges does not see those that are held out, nor relations that were made of them;
        what is held out is in :attr:`held_out`.

        Raises:
            GraphError: If there is no such task, or it asks for edges that cannot be split.
        """
        spec = self.task(task)
        hidden = [spec.without]
        if isinstance(spec, MultiTaskSpec):
            hidden += [self.task(member).without for member in spec.tasks]
        # Not every modality and relation of the dataset need have been built into this graph.
        modalities = {t.modality for t in self.schema.node_types}
        relations = self.schema.relations
        view = self.without(
            modalities=list(dict.fromkeys(m for each in hidden for m in each.modalities if m in modalities)),
            relations=list(dict.fromkeys(r for each in hidden for r in each.relations if r in relations)),
        )
        return without_links(view, spec, where=f"tasks.{task}") if isinstance(spec, LinkTaskSpec) else view

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
        return self.restricted(schema, {"without": {"modalities": hidden, "relations": removed}})

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
        same = self.restricted(self.schema, {"shuffled": {"seed": seed}})
        return replace(same, edges=shuffled_edges(self.schema, self.edges, seed=seed))

    def with_features(self, features: Mapping[str, NDArray[Any]]) -> Graph:
        """Return the graph with other features of some modalities, or what a model takes in their place.

        Args:
            features: By modality node type, [M, ...].
        """
        return replace(
            self,
            features=LazyMapping(
                self.features, lambda name: (features if name in features else self.features)[name]
            ),
            stored_features=LazyMapping(
                [n for n in self.stored_features if n not in features], self.stored_features.__getitem__
            ),
            stored_fingerprint=None,
            folder=None,
        )

    def with_noise(self, seed: int) -> Graph:
        """Return the control whose features are noise; nodes and edges stay. Trainable encoders read nothing.

        Args:
            seed: The seed of the noise.
        """
        same = self.restricted(self.schema, {"noise": {"seed": seed}})
        return replace(same, features=noise_features(self.schema, seed=seed), stored_features={}, inputs={})

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

    def restricted(self, schema: GraphSchema, change: Mapping[str, Any]) -> Graph:
        """Return the part of this graph that a smaller schema names.

        Args:
            schema: The schema.
            change: What was done, as JSON, for the manifest.
        """
        names, triples = schema.metadata
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
            stored_features=LazyMapping(
                [n for n in modal if n in self.stored_features], self.stored_features.__getitem__
            ),
            inputs=LazyMapping([n for n in modal if n in self.inputs], self.inputs.__getitem__),
            edges=LazyMapping(triples, self.edges.__getitem__),
            encoders=LazyMapping([n for n in modal if n in self.encoders], self.encoders.__getitem__),
            held_out=LazyMapping(schema.held_out, self.held_out.__getitem__),
            fitted=LazyMapping([n for n in self.fitted if n in kept], self.fitted.__getitem__),
            relation_encoders=LazyMapping(
                [key for key in self.relation_encoders if key[0] in kept], self.relation_encoders.__getitem__
            ),
        )

    def __repr__(self) -> str:
        nodes = sum(t.num_nodes for t in self.schema.node_types)
        edges = sum(t.num_edges for t in self.schema.edge_types)
        return (
            f"Graph({self.name!r}, {counted(nodes, 'node')} of "
            f"{counted(len(self.schema.node_types), 'type')}, "
            f"{counted(edges, 'edge')} of {counted(len(self.schema.edge_types), 'type')})"
        )
