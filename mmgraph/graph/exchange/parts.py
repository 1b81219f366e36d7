"""A graph in plain parts, as other forms hold it, and how parts become a graph."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmgraph.config_faults import NAME_PATTERN
from mmgraph.data.task_spec import AnyTaskSpec
from mmgraph.encoders.storage import holds
from mmgraph.errors import Faults, GraphError
from mmgraph.graph.edge_sets import EdgeSets
from mmgraph.graph.edges import StoredEdges, attr_scale, merge
from mmgraph.graph.exchange.description import Description, origin
from mmgraph.graph.exchange.held_out import check_apart, check_relations, put_in_order
from mmgraph.graph.graph import Graph
from mmgraph.graph.hold_out import HeldOutEdges
from mmgraph.graph.layout import FORMAT
from mmgraph.graph.relation import Edges
from mmgraph.graph.schema import EdgeType, GraphSchema, NodeType, Triple


@dataclass(frozen=True, eq=False)
class Modality:
    """The nodes of one modality.

    Args:
        rows: The row of each node's entity, int64 [M], ascending.
        features: float32 [M, D].
        preview: What a person sees of each node, or nothing.
        position: The position of each element of a sequence, int64 [M], or nothing.
    """

    rows: NDArray[np.int64]
    features: NDArray[np.float32]
    preview: pd.Series | None = None
    position: NDArray[np.int64] | None = None


@dataclass(frozen=True, eq=False)
class Parts:
    """A graph in plain parts, in the order in which the graph shall have them.

    Args:
        name: The name of the graph.
        entities: By entity type, its table: ``id``, ``title`` and what tasks need.
        modalities: By modality node type (``product/image``), its nodes.
        relations: By source, name and target, edges that are checked; not those of ``of``. A relation
            ``rev_x`` beside an ``x`` the other way round is the reverse of that.
        tasks: The tasks, by name.
        description: What a graph of mmgraph's said about itself when it took this form; else nothing.
        held_out: By relation of which a split holds edges out, those edges, which are not among its own.
    """

    name: str
    entities: Mapping[str, pd.DataFrame]
    modalities: Mapping[str, Modality]
    relations: Mapping[Triple, Edges]
    tasks: Mapping[str, AnyTaskSpec] = field(default_factory=dict)
    description: Description | None = None
    held_out: Mapping[Triple, HeldOutEdges] = field(default_factory=dict)

    def graph(self, place: str) -> Graph:
        """Return the graph.

        Args:
            place: How messages call a relation, with ``{source!r}``, ``{name!r}`` and ``{target!r}``.

        Raises:
            GraphError: If a reverse relation is not the reverse of the other one, or edges cannot be held
                out; all of them at once.
        """
        edges = EdgeSets()
        for name, modality in self.modalities.items():
            edges.add_of(name, name.partition("/")[0], modality.rows)
        held_out = self._add_relations(edges, place)
        schema = GraphSchema(tuple(self._node_types()), tuple(edges.types))
        modal = [t.name for t in schema.node_types if t.modality is not None]
        return Graph(
            schema=schema,
            manifest={"format": FORMAT, "name": self.name, "mmgraph": version("mmgraph")}
            | origin(self.description, schema),
            tasks=dict(self.tasks),
            nodes={t.name: self._table(t) for t in schema.node_types},
            features={name: self.modalities[name].features for name in modal},
            edges=edges.edges,
            held_out=held_out,
        )

    def _node_types(self) -> Iterator[NodeType]:
        """Yield every entity type, each followed by its modalities."""
        known = self.description.modalities if self.description else {}
        for entity, table in self.entities.items():
            yield NodeType(entity, len(table), 0, entity)
            for name, modality in self.modalities.items():
                of, _, short = name.partition("/")
                if of == entity:
                    count, width = modality.features.shape
                    said = known.get(name) or NodeType(name, count, width, entity, short, "features")
                    # What was changed elsewhere need not fit into half precision any more.
                    fits = said.storage == "float32" or holds(modality.features)
                    yield replace(
                        said, num_nodes=count, channels=width, storage=said.storage if fits else "float32"
                    )

    def _table(self, node_type: NodeType) -> pd.DataFrame:
        table = self.entities[node_type.entity]
        if node_type.modality is None:
            return table
        modality = self.modalities[node_type.name]
        ids = table["id"].iloc[modality.rows].reset_index(drop=True)
        columns = {"id": ids, "entity_index": modality.rows, "preview": modality.preview}
        # Only the elements of a sequence have positions: the column says that they are such.
        return pd.DataFrame(
            columns if modality.position is None else columns | {"position": modality.position}
        )

    def _add_relations(self, edges: EdgeSets, place: str) -> dict[str, HeldOutEdges]:
        """Add all relations, those that only reverse another one with that; return what is held out."""
        sizes = {name: len(table) for name, table in self.entities.items()}
        sizes |= {name: len(modality.rows) for name, modality in self.modalities.items()}
        stored = {
            (source, name, target): StoredEdges.of(
                merge(one, sizes[source], where=place.format(source=source, name=name, target=target))
            )
            for (source, name, target), one in self.relations.items()
        }
        faults = Faults()
        held_out = {}
        for triple, one in stored.items():
            source, name, target = triple
            forward = stored.get((target, name.removeprefix("rev_"), source))
            if name.startswith("rev_") and forward is not None:
                # Whoever made the parts has made it, and it will be made again.
                if not _same(forward.reversed(), one):
                    faults.add(
                        place.format(source=source, name=name, target=target),
                        f"its edges are not those of {name.removeprefix('rev_')!r} the other way round",
                        "Rename it.",
                    )
                continue
            edge_type = self._edge_type(triple, one)
            edges.add(edge_type, one)
            if edge_type.held_out:
                where, aside = place.format(source=source, name=name, target=target), self.held_out[triple]
                check_apart(aside, one.edges(), homogeneous=source == target, where=where, faults=faults)
                held_out[name] = put_in_order(
                    aside,
                    symmetric=edge_type.symmetric,
                    num_sources=sizes[source],
                    where=where,
                    faults=faults,
                )
        check_relations(self.held_out, edges.types, place=place, faults=faults)
        faults.raise_if_any(GraphError)
        return held_out

    def _edge_type(self, triple: Triple, edges: StoredEdges) -> EdgeType:
        """Return the type of a relation: what its edges show, and what only a description can tell."""
        source, name, target = triple
        said = self.description.edge_types.get(triple) if self.description else None
        # An edge that was taken away since may have broken the symmetry.
        symmetric = source == target and (said.symmetric if said else edges.index.size > 0)
        return EdgeType(
            source,
            name,
            target,
            edges.index.shape[1],
            kind=said.kind if said else "given",
            weighted=edges.weight is not None,
            symmetric=symmetric and _same(edges.reversed(), edges),
            made_from=said.made_from if said else (),
            made_of=said.made_of if said else (),
            attr_names=self.relations[triple].attr_names,
            attr_scale=attr_scale(edges.attr),
            timed=edges.time is not None,
            one_way=said.one_way if said else False,
            held_out=len(self.held_out.get(triple, ())),
        )


def name_fault(name: object, where: str, faults: Faults) -> None:
    """Note a name of an entity type, modality or relation that a graph cannot have."""
    if not isinstance(name, str) or not re.fullmatch(NAME_PATTERN, name):
        faults.add(
            where,
            f"got the name {name!r}; wanted letters, digits and '_', beginning with a letter",
            "Rename it.",
        )


def _same(one: StoredEdges, other: StoredEdges) -> bool:
    return np.array_equal(one.index, other.index) and all(
        _alike(getattr(one, name), getattr(other, name)) for name in ("weight", "attr", "time")
    )


def _alike(one: NDArray[Any] | None, other: NDArray[Any] | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.shape == other.shape and bool(np.allclose(one, other))
