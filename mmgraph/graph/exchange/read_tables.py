"""A graph from the folder of Parquet tables that it was written as."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmgraph.counted import agreed, counted
from mmgraph.errors import Faults, GraphError, MMGraphError
from mmgraph.graph.exchange.description import read_description
from mmgraph.graph.exchange.entity_table import entity_table
from mmgraph.graph.exchange.parts import Modality, Parts
from mmgraph.graph.exchange.vectors import whole_vectors
from mmgraph.graph.exchange.write_tables import TABLES, edges_table_path, held_out_table_path
from mmgraph.graph.graph import Graph
from mmgraph.graph.hold_out import HELD_OUT, HeldOutEdges
from mmgraph.graph.layout import table_path
from mmgraph.graph.read_edges import read_edges
from mmgraph.graph.relation import Edges
from mmgraph.graph.schema import EdgeType, NodeType
from mmgraph.parquet_file import may_start_threads, read_parquet


def read_tables(folder: str | Path) -> Graph:
    """Return the graph that :func:`mmgraph.write_tables` wrote.

    Rows may have been added, changed or removed since: what the tables say counts.

    Args:
        folder: The folder.

    Returns:
        The graph.

    Raises:
        MMGraphError: If a table cannot be used; all faults at once.
    """
    path = Path(folder)
    said = read_description(_json(path / TABLES), where=str(path / TABLES))
    faults = Faults()
    tables: dict[str, pd.DataFrame] = {}
    raw: dict[str, Any] = {}
    for node_type in said.schema.node_types:
        try:
            wanted = _node_columns(node_type, sequence=node_type.name in said.sequences)
            raw[node_type.name] = _read(path / table_path(node_type.name), wanted)
        except MMGraphError as error:
            faults.extend(error)
    faults.raise_if_any(GraphError)
    for node_type in said.schema.node_types:
        if node_type.modality is None:
            where = str(path / table_path(node_type.name))
            columns = raw[node_type.name].to_pandas(use_threads=may_start_threads())
            tables[node_type.name], _ = entity_table(
                columns, node_type.name, said.tasks, where=where, faults=faults
            )
    faults.raise_if_any(GraphError)
    modalities: dict[str, Modality] = {}
    order: dict[str, NDArray[np.int64]] = {}
    for node_type in said.schema.node_types:
        if node_type.modality is not None:
            where = str(path / table_path(node_type.name))
            known = pa.array(tables[node_type.entity]["id"], pa.string())
            try:
                modalities[node_type.name], order[node_type.name] = _modality(
                    raw[node_type.name], known, node_type.channels, where
                )
            except MMGraphError as error:
                faults.extend(error)
    faults.raise_if_any(GraphError)
    relations, held_out = {}, {}
    for triple, edge_type in said.edge_types.items():
        try:
            relations[triple] = _edges(path / edges_table_path(edge_type), edge_type, raw, order)
            aside = path / held_out_table_path(edge_type)
            if edge_type.held_out or aside.is_file():
                held_out[triple] = _held_out(aside, edge_type, raw, order)
        except MMGraphError as error:
            faults.extend(error)
    faults.raise_if_any(GraphError)
    return Parts(said.name, tables, modalities, relations, said.tasks, said, held_out).graph(
        "{source} -> {name} -> {target}"
    )


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise GraphError(
            f"holds no {TABLES}, so it is no folder of tables",
            where=str(path.parent),
            fix="Give a folder that `mmgraph convert` wrote; tables of your own take a dataset.yaml.",
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise GraphError(f"cannot be read: {error}", where=str(path), fix="Export the graph again.") from None


def _node_columns(node_type: NodeType, *, sequence: bool) -> tuple[str, ...]:
    if node_type.modality is None:
        return ("id",)
    return ("id", "position", "features") if sequence else ("id", "features")


def _read(path: Path, wanted: tuple[str, ...]) -> Any:
    """Return an Arrow table that has the columns that it must have."""
    try:
        table = read_parquet(path)
    except FileNotFoundError:
        raise GraphError("there is no such table", where=str(path), fix="Export the graph again.") from None
    except (OSError, pa.ArrowException) as error:
        raise GraphError(f"is no Parquet table: {error}", where=str(path)) from None
    missing = [name for name in wanted if name not in table.column_names]
    if missing:
        raise GraphError(f"has no column {' and no '.join(map(repr, missing))}", where=str(path))
    for name in wanted:
        if table.column(name).null_count:
            empty = table.column(name).null_count
            raise GraphError(
                f"{counted(empty, 'cell')} of {name!r} {agreed(empty, 'is', 'are')} empty",
                where=str(path),
                fix="Fill them.",
            )
    return table


def _modality(table: Any, known: Any, width: int, where: str) -> tuple[Modality, NDArray[np.int64]]:
    """Return the nodes of a modality in the order of their entities, and the new place of each row."""
    rows = _places(table.column("id"), known, "id", where)
    column = table.column("features")
    try:
        # Other tools write lists of any length; a cast refuses those that are not of this one.
        column = column.cast(pa.list_(pa.float32(), width)).combine_chunks()
    except pa.ArrowException:
        raise GraphError(
            f"got features of type {column.type}; wanted {counted(width, 'number')} in each row", where=where
        ) from None
    values = column.flatten().to_numpy(zero_copy_only=False).reshape(len(rows), width)
    faults = Faults()
    there, features = whole_vectors(values, where=where, faults=faults)
    if len(there) < len(rows):
        faults.add(
            where, f"the features of {counted(len(rows) - len(there), 'row')} are NaN", "Leave such rows out."
        )
    faults.raise_if_any(GraphError)
    order = np.argsort(rows, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    preview = None
    if "preview" in table.column_names:
        preview = table.column("preview").to_pandas().iloc[order].reset_index(drop=True)
    position = _position(table, where)
    return Modality(
        rows[order], features[order], preview, None if position is None else position[order]
    ), place


def _position(table: Any, where: str) -> NDArray[np.int64] | None:
    """Return the positions of the elements of a sequence, int64 [M]; nothing for other modalities."""
    if "position" not in table.column_names:
        return None
    column = table.column("position")
    if not pa.types.is_integer(column.type) or column.null_count:
        raise GraphError(f"got {column.type} as 'position'; wanted whole numbers", where=where)
    position: NDArray[np.int64] = column.to_numpy().astype(np.int64)
    return position


def _held_out(
    path: Path, edge_type: EdgeType, raw: Mapping[str, Any], order: Mapping[str, Any]
) -> HeldOutEdges:
    """Return the edges that are held out of a relation, checked."""
    part = _read(path, ("part",)).column("part").to_pandas().to_numpy()
    wrong = part[~np.isin(part, HELD_OUT)]
    if len(wrong):
        wanted = f"wanted {' or '.join(HELD_OUT)}"
        raise GraphError(f"got {wrong[0]!r} as 'part'; {wanted}", where=str(path), fix="Mend the rows.")
    return HeldOutEdges(_edges(path, edge_type, raw, order), part.astype("<U10"))


def _edges(path: Path, edge_type: EdgeType, raw: Mapping[str, Any], order: Mapping[str, Any]) -> Edges:
    """Return the edges of a relation, checked."""
    features = [f"attr:{name}" for name in edge_type.attr_names]
    carried = [*(["weight"] if edge_type.weighted else []), *(["time"] if edge_type.timed else [])]
    table = _read(path, ("source", "target", *carried, *features))
    ends = []
    for side, node_type in (("source", edge_type.source), ("target", edge_type.target)):
        column = table.column(side)
        if pa.types.is_integer(column.type):
            size = raw[node_type].num_rows
            rows = column.to_numpy().astype(np.int64)
            if len(rows) and not 0 <= rows.min() <= rows.max() < size:
                wanted = f"wanted rows of {node_type}, 0 to {size - 1}"
                raise GraphError(f"got a row out of range as {side}; {wanted}", where=str(path))
        else:
            rows = _places(column, raw[node_type].column("id"), side, str(path))
        ends.append(order[node_type][rows] if node_type in order else rows)
    attr = [table.column(name).to_numpy() for name in features]
    given = Edges(
        ends[0],
        ends[1],
        table.column("weight").to_numpy() if edge_type.weighted else None,
        np.stack(attr, axis=1) if attr else None,
        edge_type.attr_names,
        table.column("time").to_numpy() if edge_type.timed else None,
    )
    sizes = (raw[edge_type.source].num_rows, raw[edge_type.target].num_rows)
    return read_edges(given, *sizes, where=str(path))


def _places(ids: Any, known: Any, column: str, where: str) -> NDArray[np.int64]:
    """Return the place of each id among those that are known."""
    if not pa.types.is_string(ids.type) and not pa.types.is_large_string(ids.type):
        raise GraphError(f"got {ids.type} as {column!r}; wanted text", where=where)
    names = known.combine_chunks() if isinstance(known, pa.ChunkedArray) else known
    places = pc.index_in(ids.cast(pa.string()), value_set=names.cast(pa.string()))
    if places.null_count:
        first = ids.filter(pc.is_null(places))[0].as_py()
        raise GraphError(
            f"{counted(places.null_count, 'cell')} of {column!r} {agreed(places.null_count, 'is', 'are')} "
            f"no node's id, first {first!r}",
            where=where,
            fix="Mend the rows, or add the nodes to their table.",
        )
    rows: NDArray[np.int64] = places.to_numpy().astype(np.int64)
    return rows
