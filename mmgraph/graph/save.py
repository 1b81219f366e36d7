"""Writes a graph into a folder: the same graph gives the same bytes."""

from __future__ import annotations

import json
from collections.abc import Container
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from mmgraph.atomic import atomic_folder
from mmgraph.encoders import save_encoder
from mmgraph.encoders.storage import as_kept
from mmgraph.errors import GraphError
from mmgraph.graph.edge_files import write_array, write_edges
from mmgraph.graph.fingerprint import fingerprint, part_digests
from mmgraph.graph.layout import (
    MANIFEST,
    encoder_path,
    features_path,
    fitted_path,
    held_out_files,
    held_out_path,
    inputs_path,
    relation_encoder_path,
    table_path,
)
from mmgraph.hashing import Hasher

if TYPE_CHECKING:
    from mmgraph.graph.graph import Graph


@dataclass(frozen=True)
class Taken:
    """What a new folder has from another graph.

    Args:
        files: Its files there, as :func:`describe_file` describes them.
        digests: The hashes of its parts, as :func:`mmgraph.graph.fingerprint.part_digests` returns them.
    """

    files: dict[str, Any] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)


def save_graph(graph: Graph, folder: Path, *, overwrite: bool) -> None:
    """Write a graph into a folder, whole or not at all.

    Args:
        graph: The graph.
        folder: Where it shall be.
        overwrite: Replace an earlier graph.

    Raises:
        UserError: If the folder is there already and must not be replaced.
        GraphError: If entities have been attached to the graph.
    """
    if any("attached" in change for change in graph.manifest.get("changes", [])):
        raise GraphError(
            "entities have been attached to the graph, which hear from it and are not heard",
            where=f"graph {graph.name}",
            fix="Add them to the dataset and build the graph again, to have them as entities like others.",
        )
    with atomic_folder(folder, marker=MANIFEST, overwrite=overwrite) as new:
        write_graph(graph, new)


def write_graph(
    graph: Graph, folder: Path, *, written: Container[str] = (), taken: Taken | None = None
) -> None:
    """Write a graph into a folder that nobody reads yet; the manifest comes last.

    Args:
        graph: The graph.
        folder: The folder.
        written: The names of relations whose edges are there already.
        taken: What is there already and was taken over from another graph.
    """
    taken = taken or Taken()
    _write_nodes(graph, folder, taken.files)
    sizes = {t.name: t.num_nodes for t in graph.schema.node_types}
    for edge_type in graph.schema.edge_types:
        if edge_type.reverse_of is not None:
            continue
        if edge_type.name not in written:
            write_edges(folder, edge_type, graph.edges[edge_type.triple], sizes)
        for name in held_out_files(edge_type):
            array = getattr(graph.held_out[edge_type.name], name)
            write_array(array, folder / held_out_path(edge_type.name) / f"{name}.npy")
    for name, encoder in graph.encoders.items():
        save_encoder(encoder, folder / encoder_path(name))
    for (relation, name), encoder in graph.relation_encoders.items():
        save_encoder(encoder, folder / relation_encoder_path(relation, name))
    for relation, arrays in graph.fitted.items():
        for key, array in arrays.items():
            write_array(array, folder / fitted_path(relation) / f"{key}.npy")
    known = dict(taken.files)
    with ThreadPoolExecutor() as threads:
        digests = threads.submit(part_digests, graph, taken.digests)
        names = [name for name in files_below(folder) if name not in known]
        known.update(zip(names, threads.map(describe_file, (folder / name for name in names)), strict=True))
        manifest = graph.manifest | {
            "fingerprint": graph.stored_fingerprint or fingerprint(graph, digests.result()),
            "digests": digests.result(),
            "schema": graph.schema.to_json(),
            "tasks": {name: task.model_dump(mode="json") for name, task in graph.tasks.items()},
            "files": dict(sorted(known.items())),
        }
    text = json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def files_below(folder: Path) -> list[str]:
    """Return the paths of all files below a folder, relative to it, sorted."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def describe_file(path: Path) -> dict[str, Any]:
    """Return the size and the hash of a file, as the manifest holds them."""
    return {"bytes": path.stat().st_size, "blake2b": Hasher().file(path).hexdigest()}


def _write_nodes(graph: Graph, folder: Path, written: Container[str]) -> None:
    for node_type in graph.schema.node_types:
        if table_path(node_type.name) not in written:
            _write_table(graph.nodes[node_type.name], folder / table_path(node_type.name))
        if node_type.modality is not None:
            features = as_kept(graph.features[node_type.name], node_type.storage)
            write_array(features, folder / features_path(node_type.name))
        if node_type.name in graph.inputs:
            write_array(graph.inputs[node_type.name], folder / inputs_path(node_type.name))


def _write_table(table: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # pandas' own metadata names its version, which is no part of the content.
    content = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    # Ids and titles hardly ever stand twice: a dictionary of them is given up after a megabyte.
    repeated = [name for name in content.column_names if name not in ("id", "title")]
    pyarrow.parquet.write_table(content, path, use_dictionary=repeated)
