"""A graph from a networkx graph, one of mmgraph's own or one that was made elsewhere."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmgraph.counted import agreed, counted
from mmgraph.errors import Faults, GraphError, did_you_mean
from mmgraph.graph.exchange.description import Description, read_description
from mmgraph.graph.exchange.entity_table import entity_table
from mmgraph.graph.exchange.networkx_edges import PLACE, EdgeReader
from mmgraph.graph.exchange.parts import Modality, Parts, name_fault
from mmgraph.graph.exchange.ties import untie
from mmgraph.graph.exchange.vectors import vectors
from mmgraph.graph.graph import Graph


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
    them. A node type ``product/image`` is a modality: its features are ``x``, an edge ``of`` leads from each
    node to its entity, and ``position`` numbers the elements of a sequence. ``y`` and ``split`` (``train``,
    ``validation``, ``test``) make a task that is called after the node type: a classification for text and
    whole numbers, a regression for others.

    An edge belongs to its ``relation``, or to that which is the key of a multigraph, if it is text, else to
    ``edge``. Its ``weight``, ``time`` (a whole number) and edge features are read where all edges of the
    relation have them. Edges of an undirected graph hold in both directions; between two node types they lead
    from the one that comes first.

    Edges that a split holds out are no edges of the networkx graph: they are listed in its
    ``graph["held_out"]``, as ``(source, target, attributes)`` with the ``relation``, the ``part``
    (``validation`` or ``test``) and what edges of the relation carry. Of a relation whose edges hold in both
    directions, each pair stands there once.

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
    sizes = {node_type: len(nodes) for node_type, nodes in reader.nodes.items()}
    edges = EdgeReader(network, description, reader.places, sizes, faults)
    relations = edges.relations(edge_attr)
    faults.raise_if_any(GraphError)
    positions = reader.positions()
    tied, kept = untie(features, relations, sizes, positions=positions, place=PLACE, faults=faults)
    faults.raise_if_any(GraphError)
    kept, held_out = edges.parted(kept)
    return Parts(called, tables, own | tied, kept, tasks, description, held_out).graph(PLACE)


class _Reader:
    """Reads the nodes of one networkx graph, and notes their faults."""

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
        self.places: dict[Hashable, tuple[str, int]] = {}
        for node, attributes in network.nodes(data=True):
            node_type = attributes.get("type", "node")
            if not isinstance(node_type, str):
                faults.add(f"node {node!r}", f"got the type {node_type!r}; wanted text", "Mend it.")
                node_type = "node"
            nodes = self.nodes.setdefault(node_type, [])
            self.places[node] = (node_type, len(nodes))
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
                if self._description and nodes and not len(rows):
                    fix = "Export the graph again with its features (without --no-features)."
                    self._faults.add(where, "the features were left out when this was written", fix)
                elif len(rows) < len(nodes):
                    missing = len(nodes) - len(rows)
                    self._faults.add(
                        where,
                        f"{missing} of {counted(len(nodes), 'node')} {agreed(missing, 'has', 'have')} none",
                        "Set it.",
                    )
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

    def positions(self) -> dict[str, NDArray[np.int64]]:
        """Return the positions of the elements of sequences, int64 [M], by modality node type."""
        said = self._description.sequences if self._description else ()
        found = {}
        for node_type, nodes in self.nodes.items():
            cells = self._cells(nodes, "position")
            if "/" not in node_type or (node_type not in said and all(cell is None for cell in cells)):
                continue
            wrong = [cell for cell in cells if not isinstance(cell, (int, np.integer))]
            if wrong:
                where = f"nodes of type {node_type!r}: position"
                self._faults.add(where, f"got {wrong[0]!r}; wanted a whole number for each", "Mend it.")
            found[node_type] = np.array([0] * len(cells) if wrong else cells, dtype=np.int64)
        return found

    def _columns(self, node_type: str, nodes: list[Hashable]) -> dict[str, list[Any]]:
        """Return what entity nodes hold under the names that mean something, and their ids."""
        known = {"title", "time", "training", "y", "split"}
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
