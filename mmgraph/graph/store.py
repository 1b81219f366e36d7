"""Opens a graph folder: only the manifest is read, arrays are mapped into memory when they are asked for."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from mmgraph.config import parse
from mmgraph.counted import counted
from mmgraph.data.task_spec import task_model
from mmgraph.encoders import Encoder, load_encoder
from mmgraph.errors import Faults, GraphError, MMGraphError
from mmgraph.graph.edge_files import (
    REBUILD,
    damaged,
    load_array,
    open_array,
    open_carried,
    open_edges,
    unreadable,
)
from mmgraph.graph.edges import StoredEdges
from mmgraph.graph.fetched import fetched, is_address
from mmgraph.graph.graph import Graph
from mmgraph.graph.hold_out import HELD_OUT, HeldOutEdges
from mmgraph.graph.layout import (
    FORMAT,
    MANIFEST,
    encoder_path,
    features_path,
    fitted_path,
    held_out_path,
    inputs_path,
    relation_encoder_path,
    required_files,
    table_path,
)
from mmgraph.graph.lazy import LazyMapping, LazyTables
from mmgraph.graph.relation import Edges
from mmgraph.graph.save import describe_file
from mmgraph.graph.schema import GraphSchema, Triple
from mmgraph.parquet_file import may_start_threads, read_parquet
from mmgraph.paths import inside

_OTHERS = {"dataset.yaml": "a dataset", "run.json": "a run"}

_READ_APART = ("fingerprint", "schema", "tasks", "files", "digests")
"""What the manifest of a folder says beside that of the graph."""


def load_graph(folder: str | Path, *, verify: bool = False) -> Graph:
    """Open a graph folder, or the copy of one at an address.

    Opening reads the manifest and looks at the sizes of the files; it takes milliseconds whatever the size of
    the graph. Arrays are mapped into memory, so that processes share them.

    Args:
        folder: The folder that :meth:`Graph.save` wrote; or where such a folder is, as fsspec has it, e.g.
            ``s3://bucket/graph``: it is copied to this machine once.
        verify: Also compare the content of every file with its hash.

    Returns:
        The graph.

    Raises:
        GraphError: If the folder is no graph, is damaged, or has another format version.
        MissingDependencyError: If the library for such addresses is not installed.
    """
    address = str(folder) if is_address(folder) else None
    path = Path(folder) if address is None else fetched(address)
    manifest = _read_manifest(path)
    where = f"{path / MANIFEST}"
    schema = GraphSchema.from_json(_mapping(manifest, "schema", where), where=f"{where}: schema")
    tasks = {
        name: parse(task_model(task), task, where=f"{where}: tasks.{name}")
        for name, task in _mapping(manifest, "tasks", where).items()
    }
    files = _mapping(manifest, "files", where)
    _check_files(path, files, schema, verify=verify)
    # Parts are read later, when the working directory may be another one.
    reader = _Reader(path.absolute(), schema)
    modal = [t.name for t in schema.node_types if t.modality is not None]
    encoded = [name for name in modal if any(file.startswith(f"{encoder_path(name)}/") for file in files)]
    return Graph(
        schema=schema,
        manifest={k: v for k, v in manifest.items() if k not in _READ_APART},
        tasks=tasks,
        nodes=LazyTables(schema.metadata[0], reader.table),
        features=LazyMapping(modal, reader.features),
        stored_features=LazyMapping(modal, functools.partial(reader.features, read_only=True)),
        inputs=LazyMapping([name for name in modal if inputs_path(name) in files], reader.inputs),
        edges=reader.edges,
        held_out=reader.held_out,
        encoders=LazyMapping(encoded, reader.encoder),
        fitted=LazyMapping(_below("relations/", "/fitted/", files), lambda name: reader.fitted(name, files)),
        relation_encoders=LazyMapping(_relation_encoders(schema, files), reader.relation_encoder),
        stored_fingerprint=str(manifest["fingerprint"]),
        folder=path.absolute(),
        address=address,
    )


def _below(start: str, end: str, files: Mapping[str, Any]) -> list[str]:
    """Return the names between two parts of paths, each once."""
    return sorted({f.removeprefix(start).split(end)[0] for f in files if f.startswith(start) and end in f})


def _relation_encoders(schema: GraphSchema, files: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the relations and node types for which there is an encoder of their own."""
    return [
        (relation, name)
        for relation in _below("relations/", "/encoders/", files)
        for name in (t.name for t in schema.node_types if t.modality is not None)
        if any(file.startswith(f"{relation_encoder_path(relation, name)}/") for file in files)
    ]


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not folder.is_dir():
        raise GraphError("there is no such folder", where=str(folder), fix="Check the path of the graph.")
    if not path.is_file():
        kind = next((kind for name, kind in _OTHERS.items() if (folder / name).is_file()), None)
        raise GraphError(
            f"is {kind}, not a graph" if kind else f"is no graph: it holds no {MANIFEST}",
            where=str(folder),
            fix="Build a graph with `mmgraph build-graph` and give its folder.",
        )
    try:
        manifest: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise GraphError(f"is damaged: {error}", where=str(path), fix=REBUILD) from None
    if not isinstance(manifest, dict) or not isinstance(version := manifest.get("format"), int):
        raise GraphError("is not the manifest of a graph: it has no format", where=str(path), fix=REBUILD)
    if version != FORMAT:
        newer = f"Update mmgraph, or b{REBUILD[1:]}" if version > FORMAT else REBUILD
        raise GraphError(
            f"has format {version}; this version reads format {FORMAT}", where=str(path), fix=newer
        )
    if not isinstance(manifest.get("name"), str) or not isinstance(manifest.get("fingerprint"), str):
        raise GraphError("is damaged: name or fingerprint is missing", where=str(path), fix=REBUILD)
    return manifest


def _mapping(manifest: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    value = manifest.get(key)
    if not isinstance(value, dict):
        raise GraphError(f"is damaged: {key} is no mapping", where=where, fix=REBUILD)
    return value


def _check_files(folder: Path, files: Mapping[str, Any], schema: GraphSchema, *, verify: bool) -> None:
    """Raise an error that names every file that is missing, has another size or, if asked, other content."""
    faults = Faults()
    for name in sorted({*required_files(schema), *files}):
        problem = _file_problem(folder, name, files.get(name), verify=verify)
        if problem:
            faults.add(str(folder / name), problem, REBUILD)
    faults.raise_if_any(GraphError)


def _file_problem(folder: Path, name: str, known: Any, *, verify: bool) -> str:
    try:
        path = inside(folder, name, where=MANIFEST)
    except MMGraphError:
        return "leads out of the folder of the graph"
    if not path.is_file():
        return "is missing"
    if not isinstance(known, dict):
        return f"is not described in {MANIFEST}"
    size = path.stat().st_size
    if size != known.get("bytes"):
        return f"is damaged: it has {size:,} bytes, but was written with {known.get('bytes')}"
    if verify and describe_file(path) != known:
        return "is damaged: its content has changed"
    return ""


class _Reader:
    """Reads the parts of a graph folder, and checks each against the schema."""

    def __init__(self, folder: Path, schema: GraphSchema) -> None:
        self._folder = folder
        self._schema = schema
        self._sizes = {t.name: t.num_nodes for t in schema.node_types}
        self.edges = LazyMapping(schema.metadata[1], self._read_edges)
        self.held_out = LazyMapping(schema.held_out, self._read_held_out)

    def table(self, node_type: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        path = self._folder / table_path(node_type)
        try:
            table: pd.DataFrame = read_parquet(path, columns).to_pandas(use_threads=may_start_threads())
        except (OSError, pa.ArrowException) as error:
            raise unreadable(path, error) from None
        if len(table) != self._sizes[node_type]:
            raise damaged(path, f"it has {counted(len(table), 'row')}; wanted {self._sizes[node_type]}")
        return table

    def features(self, node_type: str, *, read_only: bool = False) -> NDArray[Any]:
        """Return features as float32, or for reading alone as they are kept."""
        size = (self._sizes[node_type], self._schema.channels[node_type])
        kept = {"float32": "f4", "float16": "f2"}[self._schema.node_type(node_type).storage]
        found = open_array(self._folder, features_path(node_type), size, kept, read_only=read_only)
        return found if read_only or kept == "f4" else found.astype(np.float32)

    def inputs(self, node_type: str) -> NDArray[Any]:
        name, wanted = inputs_path(node_type), self._sizes[node_type]
        array = load_array(self._folder, name, read_only=True)
        if array.ndim < 2 or len(array) != wanted or array.dtype not in (np.int32, np.uint8):
            raise damaged(
                self._folder / name, f"it holds {array.dtype} {array.shape}; wanted {wanted:,} rows"
            )
        return array

    def encoder(self, node_type: str) -> Encoder[Any, Any]:
        return load_encoder(self._folder / encoder_path(node_type))

    def relation_encoder(self, key: tuple[str, str]) -> Encoder[Any, Any]:
        return load_encoder(self._folder / relation_encoder_path(*key))

    def fitted(self, relation: str, files: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        folder = f"{fitted_path(relation)}/"
        names = [file for file in files if file.startswith(folder)]
        return {
            name.removeprefix(folder).removesuffix(".npy"): load_array(self._folder, name) for name in names
        }

    def _read_edges(self, triple: Triple) -> StoredEdges:
        edge_type = self._schema.edge_type(triple)
        if edge_type.reverse_of is not None:
            return self.edges[edge_type.target, edge_type.reverse_of, edge_type.source].reversed()
        return open_edges(self._folder, edge_type, self._sizes)

    def _read_held_out(self, relation: str) -> HeldOutEdges:
        edge_type = next(t for t in self._schema.edge_types if t.name == relation)
        folder, path, size = self._folder, held_out_path(relation), edge_type.held_out
        ends = {}
        for name, node_type in (("source", edge_type.source), ("target", edge_type.target)):
            ends[name] = open_array(folder, f"{path}/{name}.npy", (size,), "i8")
            if not 0 <= ends[name].min() <= ends[name].max() < self._sizes[node_type]:
                raise damaged(folder / path / f"{name}.npy", "it names nodes that are not there")
        part = load_array(folder, f"{path}/part.npy")
        if part.shape != (size,) or not np.isin(part, HELD_OUT).all():
            raise damaged(folder / path / "part.npy", f"it does not hold {counted(size, 'name')} of parts")
        carries = open_carried(folder, path, edge_type, size)
        return HeldOutEdges(Edges(**ends, **carries, attr_names=edge_type.attr_names), part)
