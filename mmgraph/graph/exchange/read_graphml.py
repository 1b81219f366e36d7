"""A graph from a GraphML file, one of mmgraph's own or one from elsewhere."""

from __future__ import annotations

import json
import xml.parsers.expat
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import networkx as nx
import numpy as np

from mmgraph.errors import GraphError, UserError
from mmgraph.graph.exchange.from_networkx import from_networkx
from mmgraph.graph.graph import Graph


def read_graphml(file: str | Path) -> Graph:
    """Return a graph that can be trained on from a GraphML file.

    It reads what :func:`mmgraph.write_graphml` wrote, and any other GraphML file as
    :func:`mmgraph.from_networkx` reads its nodes and edges: a node is an entity of its ``type``, an edge
    belongs to its ``relation``, and ``x`` is a vector, numbers with spaces between.

    Args:
        file: The file. One with a document type is refused: those can make a parser read other files, or
            grow without end.

    Returns:
        The graph.

    Raises:
        MMGraphError: If it is no such file; all faults at once.
    """
    path = Path(file)
    if not path.is_file():
        raise UserError("there is no such file", where=str(path), fix="Check the path.")
    _refuse_document_type(path)
    try:
        network = nx.read_graphml(path, force_multigraph=True)
    except (nx.NetworkXError, ParseError, ValueError, KeyError, AttributeError, StopIteration) as error:
        raise GraphError(f"is no GraphML: {error}", where=str(path), fix="Export it again.") from None
    for key in ("mmgraph", "held_out"):
        if key in network.graph:
            network.graph[key] = _json(network.graph[key], key, path)
    for node, attributes in network.nodes(data=True):
        if isinstance(attributes.get("x"), str):
            attributes["x"] = _vector(attributes["x"], f"{path}: node {node}")
    return from_networkx(network, name=None if "mmgraph" in network.graph else path.stem)


def _refuse_document_type(path: Path) -> None:
    """Raise an error if there is a document type; it can stand before the first element only."""
    parser = xml.parsers.expat.ParserCreate()
    found: list[str] = []
    begun: list[str] = []
    parser.StartDoctypeDeclHandler = lambda *_: found.append("doctype")
    parser.StartElementHandler = lambda name, _: begun.append(name)
    try:
        with path.open("rb") as file:
            while not found and not begun and (block := file.read(4096)):
                parser.Parse(block)
    except xml.parsers.expat.ExpatError as error:
        # Entities that the document type declares may have run away already.
        if not found:
            raise GraphError(f"is no XML: {error}", where=str(path), fix="Export it again.") from None
    if found:
        raise GraphError(
            "has a document type, which is refused", where=str(path), fix="Remove its <!DOCTYPE ...>."
        )


def _json(text: Any, key: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise GraphError(
            f"the data of the key {key} is damaged: {error}",
            where=str(path),
            fix="Remove it, or export the graph again.",
        ) from None


def _vector(text: str, where: str) -> np.ndarray[Any, Any]:
    try:
        return np.array([float(number) for number in text.split()], dtype=np.float32)
    except ValueError:
        raise GraphError(
            f"got {text[:40]!r} as x; wanted numbers with spaces between", where=where, fix="Mend it."
        ) from None
