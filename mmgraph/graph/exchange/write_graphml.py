"""A graph as GraphML, for Gephi, Cytoscape, yEd, igraph and the like."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from xml.sax.saxutils import escape, quoteattr

from mmgraph.atomic import atomic_file
from mmgraph.errors import GraphError, UserError
from mmgraph.graph.exchange.to_networkx import Node, to_networkx

if TYPE_CHECKING:
    from mmgraph.graph.graph import Graph

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
"""
_TYPES = {bool: "boolean", int: "long", float: "double", str: "string"}
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_graphml(graph: Graph, file: str | Path, *, features: bool = True, overwrite: bool = False) -> None:
    """Write a graph as a GraphML file, whole or not at all; :func:`mmgraph.read_graphml` reads it back.

    Nodes and edges have the attributes that they have in :meth:`Graph.to_networkx`; the features of a
    modality node are numbers with spaces between, and edges that a split holds out are text of the graph
    itself, as JSON, so that no tool takes them for edges.

    Args:
        graph: The graph.
        file: Where it shall be.
        features: Write the features of modalities as well. Without them the file serves for looking at, and
            cannot become a graph again.
        overwrite: Replace an earlier file.

    Raises:
        GraphError: If an id or another text holds a character that XML cannot.
        UserError: If the file is there already and must not be replaced, or cannot be written.
    """
    path = Path(file)
    if path.is_dir():
        raise UserError("is a folder; wanted a file", where=str(path), fix="Give a name in it.")
    if path.exists() and not overwrite:
        raise UserError("is there already", where=str(path), fix="Choose another place, or overwrite it.")
    with atomic_file(path) as out:
        _Writer(graph, out, features=features).write()


class _Writer:
    """Writes one graph, line by line."""

    def __init__(self, graph: Graph, out: BinaryIO, *, features: bool) -> None:
        self._network = to_networkx(graph)
        self._out = out
        self._features = features
        self._keys: dict[tuple[str, str], str] = {}

    def write(self) -> None:
        """Write the whole file."""
        network = self._network
        description = json.dumps(network.graph["mmgraph"], ensure_ascii=True, allow_nan=False)
        self._line(_HEAD.rstrip())
        self._key("graph", "mmgraph", "string")
        if "held_out" in network.graph:
            self._key("graph", "held_out", "string")
        for scope, attributes in (("node", network.nodes(data=True)), ("edge", network.edges(data=True))):
            for name, kind in _kinds(one[-1] for one in attributes).items():
                if name != "x" or self._features:
                    self._key(scope, name, kind)
        self._line(f'<graph id={_quoted(network.graph["name"])} edgedefault="directed">')
        self._data("graph", {"mmgraph": description})
        numbers: dict[Node, int] = {}
        for number, (node, attributes) in enumerate(network.nodes(data=True)):
            # A GraphML id has few characters to choose from, an entity's id has all.
            numbers[node] = number
            self._line(f'<node id="n{number}">')
            self._data("node", self._written(attributes))
            self._line("</node>")
        for source, target, attributes in network.edges(data=True):
            self._line(f'<edge source="n{numbers[source]}" target="n{numbers[target]}">')
            self._data("edge", attributes)
            self._line("</edge>")
        if "held_out" in network.graph:
            held_out = [
                [f"n{numbers[s]}", f"n{numbers[t]}", known] for s, t, known in network.graph["held_out"]
            ]
            self._data("graph", {"held_out": json.dumps(held_out, ensure_ascii=True, allow_nan=False)})
        self._line("</graph>\n</graphml>")

    def _written(self, attributes: dict[str, Any]) -> dict[str, Any]:
        """Return the attributes of a node with the features as text."""
        known = {name: value for name, value in attributes.items() if name != "x"}
        if "x" in attributes and self._features:
            # Nine digits are enough for any float32 to read back as the same number.
            known["x"] = " ".join([f"{number:.9g}" for number in attributes["x"].tolist()])
        return known

    def _key(self, scope: str, name: str, kind: str) -> None:
        key = self._keys[scope, name] = f"d{len(self._keys)}"
        self._line(f'<key id="{key}" for="{scope}" attr.name={_quoted(name)} attr.type="{kind}"/>')

    def _data(self, scope: str, attributes: dict[str, Any]) -> None:
        for name, value in attributes.items():
            self._line(f'<data key="{self._keys[scope, name]}">{_text(value, name)}</data>')

    def _line(self, text: str) -> None:
        self._out.write(text.encode() + b"\n")


def _kinds(attributes: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Return the type of every attribute."""
    kinds: dict[str, str] = {}
    for one in attributes:
        for name, value in one.items():
            if name not in kinds:
                # Features are the only values that are none of these.
                kinds[name] = _TYPES.get(type(value), "string")
    return kinds


def _text(value: Any, name: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    # A parser makes a line feed of a carriage return, unless it is written like this.
    return escape(_allowed(value, name), {"\r": "&#13;"})


def _quoted(text: str) -> str:
    return quoteattr(_allowed(text, "name"))


def _allowed(text: str, name: str) -> str:
    found = _FORBIDDEN.search(text)
    if found:
        raise GraphError(
            f"the {name} {text!r} holds the character U+{ord(found.group()):04X}, which XML cannot",
            where="GraphML",
            fix="Mend it, or write Parquet tables.",
        )
    return text
