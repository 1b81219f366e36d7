"""A graph from a networkx graph, one of mmgraph's own or one that was made elsewhere."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmgraph.errors import Faults, GraphError, MMGraphError, did_you_mean
from mmgraph.graph.edges import read_edges
from mmgraph.graph.exchange.description import Description, read_description
from mmgraph.graph.exchange.entity_table import entity_table
from mmgraph.graph.exchange.parts import Modality, Parts, name_fault
from mmgraph.graph.exchange.ties import untie
from mmgraph.graph.exchange.vectors import vectors
from mmgraph.graph.graph import Graph
from mmgraph.graph.relation import Edges
from mmgraph.graph.schema import Triple

_PLACE = "edges ({source!r}, {name!r}, {target!r})"
_Attributes = dict[str, Any]


def from_networkx(
    network: nx.Graph,
    *,
    modalities: Mapping[str, Sequence[str]] | None = None,
    edge_attr: Sequence[str] = (),
    name: str | None = None,
) -> Graph:
    """Return a graph that can be trained on from a networkx graph.

    It reads what :meth:`Graph.to_networkx` made, and any other graph whose nodes say of which type they are.

    A node is an entity of its ``type`` (``node`` where there is none), called by ``id`` or else by the node
    itself, with ``title``. Attributes that hold vectors become modalities, missing for nodes that do not have
    them. A node type ``product/image`` is a modality: its features are ``x``, and an edge ``of`` leads from
    each node to its entity. ``y`` and ``split`` (``train``, ``validation``, ``test``) make a task that is
    called after the node type: a classification for text and whole numbers, a regression for others.

    An edge belongs to its ``relation``, or to that which is the key of a multigraph, if it is text, else to
    ``edge``. Its ``weight``, ``time`` (a whole number) and edge features are read where all edges of the
    relation have them. Edges of an undirected graph hold in both directions; between two node types they lead
    from the one that comes first.

    Args:
        network: The networkx graph, which stays as it is.
        modalities: By node type, the attributes that hold vectors. For a node type that is not named, ``x``
            if there is one.
        edge_attr: The attributes of edges that are edge features, beside those that are called
            ``attr:<name>``.
        name: The name of the graph; by default the networkx graph's own.

    Returns:
        The graph.

    Raises:
        MMGraphError: If something cannot be used; all faults at once.

    Example:
        >>> network = nx.Graph(name="shop")
        >>> network.add_node("cup", type="product", x=[1.0, 2.0])
        >>> network.add_node("pot", type="product")
        >>> network.add_node("acme", type="maker")
        >>> network.add_edge("cup", "acme", relation="made_by")
        >>> from_networkx(network).schema.metadata[1][2:]
        [('product', 'made_by', 'maker'), ('maker', 'rev_made_by', 'product')]
    """
    if not isinstance(network, nx.Graph):
        raise GraphError(f"got a {type(network).__name__}; wanted a networkx graph", where="from_networkx")
    said = network.graph.get("mmgraph")
    description = None if said is None else read_description(said, where='graph["mmgraph"]')
    called = name or (description.name if description else str(network.graph.get("name") or "networkx"))
    faults = Faults()
    reader = _Reader(network, description, dict(modalities or {}), faults)
    tables, tasks = reader.entities()
    own, features = reader.modalities(tables)
    faults.raise_if_any(GraphError)
    relations = reader.relations(edge_attr)
    faults.raise_if_any(GraphError)
    sizes = {node_type: len(nodes) for node_type, nodes in reader.nodes.items()}
    tied, kept = untie(features, relations, sizes, place=_PLACE, faults=faults)
    faults.raise_if_any(GraphError)
    return Parts(called, tables, own | tied, kept, tasks, description).graph(_PLACE)


class _Reader:
    """Reads one networkx graph, and notes its faults."""

    def __init__(
        self,
        network: nx.Graph,
        description: Description | None,
        chosen: dict[str, Sequence[str]],
        faults: Faults,
    ) -> None:
        self._network = network
        self._description = description
        self._chosen = chosen
        self._faults = faults
        schema = description.schema if description else None
        self.nodes: dict[str, list[Hashable]] = {name: [] for name in (schema.channels if schema else ())}
        self._position: dict[Hashable, tuple[str, int]] = {}
        for node, attributes in network.nodes(data=True):
            node_type = attributes.get("type", "node")
            if not isinstance(node_type, str):
                faults.add(f"node {node!r}", f"got the type {node_type!r}; wanted text", "Mend it.")
                node_type = "node"
            nodes = self.nodes.setdefault(node_type, [])
            self._position[node] = (node_type, len(nodes))
            nodes.append(node)
        for node_type in self.nodes:
            name_fault(node_type.partition("/")[0], f"nodes of type {node_type!r}", faults)

    def entities(self) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
        """Return the tables of entity types, and the tasks."""
        tasks = dict(self._description.tasks) if self._description else {}
        tables = {}
        for node_type, nodes in self.nodes.items():
            if "/" not in node_type:
                where = f"nodes of type {node_type!r}"
                columns = pd.DataFrame(self._columns(node_type, nodes), dtype=object)
                tables[node_type], own = entity_table(
                    columns, node_type, tasks, where=where, faults=self._faults
                )
                if own:
                    tasks[node_type] = own
        return tables, tasks

    def modalities(
        self, tables: Mapping[str, pd.DataFrame]
    ) -> tuple[dict[str, Modality], dict[str, NDArray[np.float32]]]:
        """Return the modalities that entities hold, and the features of those that are nodes themselves."""
        own: dict[str, Modality] = {}
        features: dict[str, NDArray[np.float32]] = {}
        for unknown in self._chosen.keys() - tables.keys():
            self._faults.add(
                f"modalities[{unknown!r}]", "there is no such node type", did_you_mean(unknown, tables)
            )
        for node_type, names in self._chosen.items():
            if isinstance(names, str):
                where = f"modalities[{node_type!r}]"
                self._faults.add(where, f"got {names!r}; wanted a list of names", f"Write [{names!r}].")
                return own, features
        for node_type, nodes in self.nodes.items():
            if "/" in node_type:
                width = self._width(node_type)
                where = f"nodes of type {node_type!r}: x"
                rows, values = vectors(self._cells(nodes, "x"), where=where, faults=self._faults, width=width)
                if len(rows) < len(nodes):
                    missing = len(nodes) - len(rows)
                    self._faults.add(where, f"{missing} of {len(nodes)} nodes have none", "Set it.")
                features[node_type] = values
                continue
            for attribute in self._chosen.get(node_type, ("x",)):
                where = f"nodes of type {node_type!r}: {attribute}"
                rows, values = vectors(self._cells(nodes, attribute), where=where, faults=self._faults)
                if len(rows):
                    name_fault(attribute, where, self._faults)
                    own[f"{node_type}/{attribute}"] = Modality(rows, values)
                elif node_type in self._chosen:
                    self._faults.add(where, "no node has it", "Leave it out of modalities.")
        return own, features

    def relations(self, edge_attr: Sequence[str]) -> dict[Triple, Edges]:
        """Return the edges of every relation, checked."""
        said = self._description.edge_types if self._description else {}
        found: dict[Triple, list[tuple[int, int, _Attributes]]] = {triple: [] for triple in said}
        for source, target, relation, attributes in self._edges():
            (source_type, s), (target_type, t) = self._position[source], self._position[target]
            found.setdefault((source_type, relation, target_type), []).append((s, t, attributes))
        relations = {}
        for triple, rows in found.items():
            there = {key for _, _, attributes in rows for key in attributes}
            wanted = [(name, name) for name in edge_attr if name in there]
            own = said[triple].attr_names if triple in said else _attr_names(rows)
            wanted += [(f"attr:{name}", name) for name in own]
            try:
                timed = said[triple].timed if triple in said else None
                weighted = said[triple].weighted if triple in said else None
                relations[triple] = self._checked(triple, rows, wanted, weighted, timed)
            except MMGraphError as error:
                self._faults.extend(error)
        return relations

    def _checked(
        self,
        triple: Triple,
        rows: list[tuple[int, int, _Attributes]],
        wanted: list[tuple[str, str]],
        weighted: bool | None,
        timed: bool | None,
    ) -> Edges:
        source, name, target = triple
        where = _PLACE.format(source=source, name=name, target=target)
        carried: dict[str, NDArray[Any] | None] = {}
        for key, expected in (("weight", weighted), ("time", timed)):
            carried[key] = _column(rows, key, where, expected=expected)
        features = [_column(rows, key, where, expected=True) for key, _ in wanted]
        attr = np.stack([column for column in features if column is not None], axis=1) if wanted else None
        names = tuple(short for _, short in wanted)
        ends = np.array([(s, t) for s, t, _ in rows], dtype=np.int64).reshape(-1, 2)
        given = Edges(ends[:, 0], ends[:, 1], carried["weight"], attr, names, carried["time"])
        return read_edges(given, len(self.nodes[source]), len(self.nodes[target]), where=where)

    def _edges(self) -> Iterator[tuple[Hashable, Hashable, str, _Attributes]]:
        """Yield source, target, relation and attributes of every edge."""
        network = self._network
        order = {node_type: position for position, node_type in enumerate(self.nodes)}
        several = network.is_multigraph()
        for edge in network.edges(keys=True, data=True) if several else network.edges(data=True):
            source, target, attributes = edge[0], edge[1], edge[-1]
            key = edge[2] if several and isinstance(edge[2], str) else "edge"
            relation = str(attributes.get("relation", key))
            if network.is_directed():
                yield source, target, relation, attributes
                continue
            ends = [self._position[node][0] for node in (source, target)]
            if order[ends[0]] > order[ends[1]]:
                source, target = target, source
            yield source, target, relation, attributes
            if ends[0] == ends[1] and source != target:
                yield target, source, relation, attributes

    def _columns(self, node_type: str, nodes: list[Hashable]) -> dict[str, list[Any]]:
        """Return what entity nodes hold under the names that mean something, and their ids."""
        known = {"title", "training", "y", "split"}
        names = {
            str(key): None
            for node in nodes
            for key in self._network.nodes[node]
            if key in known or str(key).startswith(("target:", "split:"))
        }
        columns = {name: self._cells(nodes, name) for name in names}
        return {"id": [_id(self._network.nodes[node], node, node_type) for node in nodes]} | columns

    def _cells(self, nodes: list[Hashable], attribute: str) -> list[Any]:
        return [self._network.nodes[node].get(attribute) for node in nodes]

    def _width(self, node_type: str) -> int | None:
        if self._description and node_type in self._description.schema.channels:
            return self._description.schema.channels[node_type]
        return None


def _id(attributes: Mapping[str, Any], node: Hashable, node_type: str) -> str:
    if "id" in attributes:
        return str(attributes["id"])
    own = isinstance(node, tuple) and len(node) == 2 and node[0] == node_type
    return str(node[1]) if own and isinstance(node, tuple) else str(node)


def _attr_names(rows: list[tuple[int, int, _Attributes]]) -> list[str]:
    names = {str(key): None for _, _, attributes in rows for key in attributes}
    return [name.removeprefix("attr:") for name in names if name.startswith("attr:")]


def _column(
    rows: list[tuple[int, int, _Attributes]], key: str, where: str, *, expected: bool | None
) -> NDArray[Any] | None:
    """Return one attribute of all edges as an array; nothing where no edge has it."""
    values = [attributes.get(key) for _, _, attributes in rows]
    missing = sum(value is None for value in values)
    if not values:
        return np.empty(0, dtype=np.int64 if key == "time" else np.float32) if expected else None
    if missing == len(values) and not expected:
        return None
    if missing:
        raise GraphError(
            f"{missing} of {len(values)} edges have no {key!r}, which the others have",
            where=where,
            fix="Set it for all edges of the relation, or for none.",
        )
    return np.asarray(values)
