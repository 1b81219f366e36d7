"""A graph as Parquet tables that any tool can join: one for each node type and one for each relation.

::

    tables.json                                    what the tables do not tell
    nodes/<type>.parquet                           id, title, training, target:<task>, split:<task>
    nodes/<entity>.<modality>.parquet              id (of the entity), preview, position (in a
                                                   sequence), features (a list of float32)
    edges/<source>--<name>--<target>.parquet       source, target, weight, time, attr:<name>
    held_out/<name>.parquet                        edges that a split holds out: the same, and part

``source`` and ``target`` are ids. Where an entity has several nodes of a type, as in a sequence, they are
rows of its table, counted from 0. Edges ``of`` and reverse relations are not written: the ids tell the ones,
and the others follow.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from mmgraph.atomic import atomic_folder
from mmgraph.graph.exchange.description import describe
from mmgraph.graph.layout import edges_path, held_out_path, table_path

if TYPE_CHECKING:
    from mmgraph.graph.graph import Graph
    from mmgraph.graph.relation import Edges
    from mmgraph.graph.schema import EdgeType

TABLES = "tables.json"
"""The file that every folder of tables holds."""

_ROWS = 1 << 20
"""Rows that are turned into Arrow's form at a time."""


def write_tables(graph: Graph, folder: str | Path, *, overwrite: bool = False) -> None:
    """Write a graph as a folder of Parquet tables, whole or not at all.

    Args:
        graph: The graph.
        folder: Where it shall be.
        overwrite: Replace an earlier folder of tables.

    Raises:
        UserError: If the folder is there already and must not be replaced.
    """
    with atomic_folder(Path(folder), marker=TABLES, overwrite=overwrite) as new:
        for part in ("nodes", "edges", *(["held_out"] if graph.schema.held_out else [])):
            (new / part).mkdir()
        for node_type in graph.schema.node_types:
            _write_nodes(graph, node_type.name, new / table_path(node_type.name))
        ends = {t.name: _Ends(graph.nodes[t.name]) for t in graph.schema.node_types}
        for edge_type in graph.schema.edge_types:
            if edge_type.reverse_of is None and edge_type.kind != "of":
                edges = graph.edges[edge_type.triple].edges(edge_type.attr_names)
                _write_edges(edges, edge_type, ends, new / edges_table_path(edge_type))
                if edge_type.held_out:
                    aside, path = graph.held_out[edge_type.name], held_out_table_path(edge_type)
                    _write_edges(aside.edges, edge_type, ends, new / path, part=aside.part)
        text = json.dumps(describe(graph), indent=1, ensure_ascii=False, allow_nan=False)
        (new / TABLES).write_text(text + "\n", encoding="utf-8")


def edges_table_path(edge_type: EdgeType) -> str:
    """Return the path of the table of a relation."""
    return f"{edges_path(edge_type.triple)}.parquet"


def held_out_table_path(edge_type: EdgeType) -> str:
    """Return the path of the table of the edges that are held out of a relation."""
    return f"{held_out_path(edge_type.name)}.parquet"


class _Ends:
    """Names the nodes of one type: by the entity's id, or by the row where ids do not tell nodes apart."""

    def __init__(self, table: pd.DataFrame) -> None:
        self._ids = pa.array(table["id"], pa.string()) if table["id"].is_unique else None
        self.type = pa.int64() if self._ids is None else pa.string()

    def named(self, rows: NDArray[np.int64]) -> Any:
        return pa.array(rows, pa.int64()) if self._ids is None else self._ids.take(pa.array(rows))


def _write_nodes(graph: Graph, name: str, path: Path) -> None:
    table = graph.nodes[name].drop(columns="entity_index", errors="ignore")
    # pandas' own metadata names its version, which is no part of the content.
    content = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    if name not in graph.features:
        pyarrow.parquet.write_table(content, path)
        return
    features = graph.features[name]
    width = features.shape[1]
    schema = content.schema.append(pa.field("features", pa.list_(pa.float32(), width)))
    step = max(1, (_ROWS << 4) // max(width, 1))
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for start in range(0, max(len(features), 1), step):
            values = pa.array(np.ascontiguousarray(features[start : start + step]).reshape(-1))
            rows = len(features[start : start + step])
            column = pa.FixedSizeListArray.from_arrays(values, type=schema.field("features").type)
            writer.write_table(content.slice(start, rows).append_column(schema.field("features"), column))


def _write_edges(
    edges: Edges,
    edge_type: EdgeType,
    ends: dict[str, _Ends],
    path: Path,
    *,
    part: NDArray[np.str_] | None = None,
) -> None:
    """Write edges; those that are held out with their part, text [E]."""
    source, target = ends[edge_type.source], ends[edge_type.target]
    columns: dict[str, NDArray[Any]] = {}
    if part is not None:
        columns["part"] = part
    if edges.weight is not None:
        columns["weight"] = edges.weight
    if edges.time is not None:
        columns["time"] = edges.time
    if edges.attr is not None:
        columns |= {f"attr:{name}": edges.attr[:, n] for n, name in enumerate(edges.attr_names)}
    carried = [(name, pa.array(column[:0]).type) for name, column in columns.items()]
    schema = pa.schema([("source", source.type), ("target", target.type), *carried])
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for start in range(0, max(len(edges), 1), _ROWS):
            rows = slice(start, start + _ROWS)
            cells = [np.ascontiguousarray(column[rows]) for column in columns.values()]
            named = [source.named(edges.source[rows]), target.named(edges.target[rows])]
            writer.write_table(pa.Table.from_arrays([*named, *map(pa.array, cells)], schema=schema))
