"""From a graph folder to other forms and back, each known by its place: its name or a file in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmgraph.errors import GraphError, UserError
from mmgraph.graph.exchange.write_tables import TABLES
from mmgraph.graph.graph import Graph
from mmgraph.graph.layout import MANIFEST
from mmgraph.graph.store import load_graph

GRAPHML = ".graphml"
_FILES = (".csv", ".parquet", ".json", ".xml", ".gexf", ".gml", ".zip", ".npz", ".pt")
"""Endings of files that people may want: no folder is called like that by intent."""


@dataclass(frozen=True)
class Converted:
    """What was written.

    Args:
        format: ``graph``, ``tables`` or ``graphml``.
        counts: The number of ``nodes``, of ``edges``, without those of reverse relations, and of
            ``held_out`` ones.
    """

    format: str
    counts: dict[str, int]


def convert(source: Path, out: Path, *, features: bool = True, overwrite: bool = False) -> Converted:
    """Write a graph in another form, or another form as a graph.

    Args:
        source: A graph folder, a folder of tables, or a GraphML file.
        out: Of a graph, a GraphML file where it ends in ``.graphml``, else a folder of tables; of another
            form, a graph folder.
        features: Write the features of modalities to GraphML as well.
        overwrite: Replace what was written there earlier.

    Raises:
        UserError: If either is nothing of the kind.
    """
    if source.is_dir() and (source / MANIFEST).is_file():
        return _export(load_graph(source), out, features=features, overwrite=overwrite)
    if not features:
        raise UserError(
            "--no-features is for GraphML that is written", where=str(source), fix="Leave it out."
        )
    graph = _imported(source)
    if out.suffix.lower() in (GRAPHML, *_FILES):
        raise UserError(
            f"got {out.name!r}, but {source} becomes a graph, which is a folder",
            where="--out",
            fix="Give a name without an ending; from the graph any form can be made.",
        )
    graph.save(out, overwrite=overwrite)
    return Converted("graph", _counts(graph))


def _export(graph: Graph, out: Path, *, features: bool, overwrite: bool) -> Converted:
    if out.suffix.lower() == GRAPHML:
        from mmgraph.graph.exchange.write_graphml import write_graphml

        write_graphml(graph, out, features=features, overwrite=overwrite)
        return Converted("graphml", _counts(graph))
    if out.suffix.lower() in _FILES:
        raise UserError(
            f"got {out.name!r}; wanted a name that ends in {GRAPHML}, or a folder for Parquet tables",
            where="--out",
            fix="networkx writes many more forms of what Graph.to_networkx returns.",
        )
    if not features:
        raise UserError("--no-features is for GraphML alone", where="--out", fix=f"End it in {GRAPHML}.")
    from mmgraph.graph.exchange.write_tables import write_tables

    write_tables(graph, out, overwrite=overwrite)
    return Converted("tables", _counts(graph))


def _imported(source: Path) -> Graph:
    if source.is_dir():
        if not (source / TABLES).is_file():
            raise GraphError(
                f"holds neither {MANIFEST} nor {TABLES}: it is no graph and no folder of tables",
                where=str(source),
                fix="Give a folder that mmgraph wrote.",
            )
        from mmgraph.graph.exchange.read_tables import read_tables

        return read_tables(source)
    if source.suffix.lower() == GRAPHML:
        from mmgraph.graph.exchange.read_graphml import read_graphml

        return read_graphml(source)
    raise GraphError(
        "there is no such file or folder" if not source.exists() else f"does not end in {GRAPHML}",
        where=str(source),
        fix=f"Give a graph folder, a folder of tables, or a {GRAPHML} file.",
    )


def _counts(graph: Graph) -> dict[str, int]:
    forward = [t for t in graph.schema.edge_types if t.reverse_of is None]
    return {
        "nodes": sum(t.num_nodes for t in graph.schema.node_types),
        "edges": sum(t.num_edges for t in forward),
        "held_out": sum(t.held_out for t in forward),
    }
