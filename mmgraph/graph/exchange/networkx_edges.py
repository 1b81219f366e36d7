"""The edges of a networkx graph: those of every relation, and those that a split holds out of it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from mmgraph.counted import agreed, counted
from mmgraph.errors import Faults, GraphError, MMGraphError, did_you_mean
from mmgraph.graph.exchange.description import Description
from mmgraph.graph.hold_out import HELD_OUT, HeldOutEdges
from mmgraph.graph.read_edges import read_edges
from mmgraph.graph.relation import Edges
from mmgraph.graph.schema import Triple

PLACE = "edges ({source!r}, {name!r}, {target!r})"
_HELD_OUT = 'graph["held_out"]'
_Attributes = dict[str, Any]
_Row = tuple[int, int, _Attributes]


class EdgeReader:
    """Reads the edges of one networkx graph, and notes their faults.

    Args:
        network: The networkx graph.
        description: What a graph of mmgraph's said about itself; else nothing.
        places: The node type of each node, and its row there.
        sizes: The number of nodes of every node type, in the order of the types.
        faults: Told about edges that cannot be used.
    """

    def __init__(
        self,
        network: nx.Graph,
        description: Description | None,
        places: Mapping[Hashable, tuple[str, int]],
        sizes: Mapping[str, int],
        faults: Faults,
    ) -> None:
        self._network, self._places, self._sizes, self._faults = network, places, sizes, faults
        self._said = description.edge_types if description else {}
        self._order = {node_type: position for position, node_type in enumerate(sizes)}
        self._parts: dict[Triple, NDArray[np.str_]] = {}

    def relations(self, edge_attr: Sequence[str]) -> dict[Triple, Edges]:
        """Return the edges of every relation, checked; at the end of each those that are held out of it.

        Together, so that both carry the same. :meth:`parted` takes them apart.

        Args:
            edge_attr: The attributes that are edge features, beside those called ``attr:<name>``.
        """
        found: dict[Triple, list[_Row]] = {triple: [] for triple in self._said}
        for source, target, relation, attributes in self._edges():
            self._add(source, target, relation, attributes, found)
        parts: dict[Triple, list[str]] = {}
        known = sorted({name for _, name, _ in found})
        for source, target, attributes in self._held_out():
            name = attributes.get("relation", "edge")
            if name not in known:
                got = f"got {name!r} as the relation of the edge from {source!r} to {target!r}"
                self._faults.add(_HELD_OUT, f"{got}, which has no edges", did_you_mean(str(name), known))
                break
            triple = self._add(source, target, str(attributes.get("relation", "edge")), attributes, found)
            parts.setdefault(triple, []).append(str(attributes["part"]))
        relations = {}
        for triple, rows in found.items():
            there = {key for _, _, attributes in rows for key in attributes}
            wanted = [(name, name) for name in edge_attr if name in there]
            own = self._said[triple].attr_names if triple in self._said else _attr_names(rows)
            wanted += [(f"attr:{name}", name) for name in own]
            try:
                relations[triple] = self._checked(triple, rows, wanted)
            except MMGraphError as error:
                self._faults.extend(error)
        for triple, names in parts.items():
            if triple[1] in ("of", "rev_of"):
                self._faults.add(_HELD_OUT, f"edges {triple[1]!r} cannot be held out", "Take them out.")
            self._parts[triple] = np.array([""] * (len(found[triple]) - len(names)) + names, dtype="<U10")
        return relations

    def parted(
        self, relations: Mapping[Triple, Edges]
    ) -> tuple[dict[Triple, Edges], dict[Triple, HeldOutEdges]]:
        """Return the edges that belong to the graph, and those that are held out.

        Args:
            relations: What :meth:`relations` returned, each with as many edges in the same order.
        """
        left, held_out = dict(relations), {}
        for triple, part in self._parts.items():
            aside = part != ""
            left[triple] = relations[triple].take(~aside)
            held_out[triple] = HeldOutEdges(relations[triple].take(aside), part[aside])
        return left, held_out

    def _add(
        self,
        source: Hashable,
        target: Hashable,
        relation: str,
        attributes: _Attributes,
        found: dict[Triple, list[_Row]],
    ) -> Triple:
        """Add an edge to those of its relation."""
        (source_type, s), (target_type, t) = self._places[source], self._places[target]
        triple = (source_type, relation, target_type)
        found.setdefault(triple, []).append((s, t, attributes))
        return triple

    def _checked(self, triple: Triple, rows: list[_Row], wanted: list[tuple[str, str]]) -> Edges:
        source, name, target = triple
        where = PLACE.format(source=source, name=name, target=target)
        said = self._said.get(triple)
        weight = _column(rows, "weight", where, expected=said.weighted if said else None)
        time = _column(rows, "time", where, expected=said.timed if said else None)
        features = [_column(rows, key, where, expected=True) for key, _ in wanted]
        attr = np.stack([column for column in features if column is not None], axis=1) if wanted else None
        ends = np.array([(s, t) for s, t, _ in rows], dtype=np.int64).reshape(-1, 2)
        given = Edges(ends[:, 0], ends[:, 1], weight, attr, tuple(short for _, short in wanted), time)
        return read_edges(given, self._sizes[source], self._sizes[target], where=where)

    def _edges(self) -> Iterator[tuple[Hashable, Hashable, str, _Attributes]]:
        """Yield source, target, relation and attributes of every edge of the graph."""
        network = self._network
        several = network.is_multigraph()
        for edge in network.edges(keys=True, data=True) if several else network.edges(data=True):
            source, target, attributes = edge[0], edge[1], edge[-1]
            key = edge[2] if several and isinstance(edge[2], str) else "edge"
            relation = str(attributes.get("relation", key))
            source, target = self._directed(source, target)
            yield source, target, relation, attributes
            if not network.is_directed() and self._type(source) == self._type(target) and source != target:
                yield target, source, relation, attributes

    def _held_out(self) -> Iterator[tuple[Hashable, Hashable, _Attributes]]:
        """Yield source, target and attributes of every edge that is held out and can be read."""
        edges = self._network.graph.get("held_out", [])
        if not isinstance(edges, list) or not all(_is_edge(edge) for edge in edges):
            self._faults.add(
                _HELD_OUT,
                "holds something else than edges (source, target, attributes)",
                "Give a list of such edges, each with a 'relation' and a 'part'.",
            )
            return
        lost = [edge for edge in edges if not all(_known(end, self._places) for end in edge[:2])]
        if lost:
            self._faults.add(
                _HELD_OUT,
                f"{len(lost)} of {counted(len(edges), 'edge')} {agreed(len(lost), 'is', 'are')} at nodes "
                f"that are not there, first {lost[0][:2]!r}",
                "Take them out as well, or name the nodes as the graph does.",
            )
            return
        for source, target, attributes in edges:
            if attributes.get("part") not in HELD_OUT:
                got = f"got the part {attributes.get('part')!r} of the edge from {source!r} to {target!r}"
                self._faults.add(_HELD_OUT, f"{got}; wanted {' or '.join(HELD_OUT)}", "Mend it.")
                return
            yield *self._directed(source, target), attributes

    def _directed(self, source: Hashable, target: Hashable) -> tuple[Hashable, Hashable]:
        """Return the ends of an edge; in an undirected graph from the node type that comes first."""
        if self._network.is_directed() or self._order[self._type(source)] <= self._order[self._type(target)]:
            return source, target
        return target, source

    def _type(self, node: Hashable) -> str:
        return self._places[node][0]


def _is_edge(edge: Any) -> bool:
    return isinstance(edge, (list, tuple)) and len(edge) == 3 and isinstance(edge[2], dict)


def _known(node: Any, places: Mapping[Hashable, Any]) -> bool:
    return isinstance(node, Hashable) and node in places


def _attr_names(rows: list[_Row]) -> list[str]:
    names = {str(key): None for _, _, attributes in rows for key in attributes}
    return [name.removeprefix("attr:") for name in names if name.startswith("attr:")]


def _column(rows: list[_Row], key: str, where: str, *, expected: bool | None) -> NDArray[Any] | None:
    """Return one attribute of all edges as an array; nothing where no edge has it."""
    values = [attributes.get(key) for _, _, attributes in rows]
    missing = sum(value is None for value in values)
    if not values:
        return np.empty(0, dtype=np.int64 if key == "time" else np.float32) if expected else None
    if missing == len(values) and not expected:
        return None
    if missing:
        raise GraphError(
            f"{missing} of {counted(len(values), 'edge')} {agreed(missing, 'has', 'have')} no {key!r}, "
            "which the others have",
            where=where,
            fix="Set it for all edges of the relation, or for none.",
        )
    return np.asarray(values)
