"""Opens a graph folder: only the manifest is read, arrays are mapped into memory when they are asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from mmgraph.config import parse
from mmgraph.data.spec import TaskSpec
from mmgraph.encoders import Encoder, load_encoder
from mmgraph.errors import Faults, GraphError, MMGraphError
from mmgraph.graph.edges import decompress, reverse
from mmgraph.graph.graph import Graph
from mmgraph.graph.layout import (
    FORMAT,
    MANIFEST,
    edges_path,
    encoder_path,
    features_path,
    required_files,
    table_path,
)
from mmgraph.graph.lazy import LazyMapping
from mmgraph.graph.save import describe_file
from mmgraph.graph.schema import GraphSchema, Triple
from mmgraph.paths import inside

_REBUILD = "Build the graph again with `mmgraph build-graph`."
_OTHERS = {"dataset.yaml": "a dataset", "run.json": "a run"}


def load_graph(folder: str | Path, *, verify: bool = False) -> Graph:
    """Open a graph folder.

    Opening reads the manifest and looks at the sizes of the files; it takes milliseconds whatever the size of
    the graph. Arrays are mapped into memory, so that processes share them.

    Args:
        folder: The folder that :meth:`Graph.save` wrote.
        verify: Also compare the content of every file with its hash.

    Returns:
        The graph.

    Raises:
        GraphError: If the folder is no graph, is damaged, or has another format version.
    """
    path = Path(folder)
    manifest = _read_manifest(path)
    where = f"{path / MANIFEST}"
    schema = GraphSchema.from_json(_mapping(manifest, "schema", where), where=f"{where}: schema")
    tasks = {
        name: parse(TaskSpec, task, where=f"{where}: tasks.{name}")
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
        manifest={k: v for k, v in manifest.items() if k not in ("fingerprint", "schema", "tasks", "files")},
        tasks=tasks,
        nodes=LazyMapping(schema.metadata[0], reader.table),
        features=LazyMapping(modal, reader.features),
        edge_index=LazyMapping(schema.metadata[1], lambda triple: reader.edges[triple][0]),
        edge_weight=LazyMapping(schema.weighted, reader.weight),
        compressed=reader.compressed,
        encoders=LazyMapping(encoded, reader.encoder),
        stored_fingerprint=str(manifest["fingerprint"]),
        folder=path.absolute(),
    )


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
        raise GraphError(f"is damaged: {error}", where=str(path), fix=_REBUILD) from None
    if not isinstance(manifest, dict) or not isinstance(version := manifest.get("format"), int):
        raise GraphError("is not the manifest of a graph: it has no format", where=str(path), fix=_REBUILD)
    if version != FORMAT:
        newer = f"Update mmgraph, or b{_REBUILD[1:]}" if version > FORMAT else _REBUILD
        raise GraphError(
            f"has format {version}; this version reads format {FORMAT}", where=str(path), fix=newer
        )
    if not isinstance(manifest.get("name"), str) or not isinstance(manifest.get("fingerprint"), str):
        raise GraphError("is damaged: name or fingerprint is missing", where=str(path), fix=_REBUILD)
    return manifest


def _mapping(manifest: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    value = manifest.get(key)
    if not isinstance(value, dict):
        raise GraphError(f"is damaged: {key} is no mapping", where=where, fix=_REBUILD)
    return value


def _check_files(folder: Path, files: Mapping[str, Any], schema: GraphSchema, *, verify: bool) -> None:
    """Raise an error that names every file that is missing, has another size or, if asked, other content."""
    faults = Faults()
    for name in sorted({*required_files(schema), *files}):
        problem = _file_problem(folder, name, files.get(name), verify=verify)
        if problem:
            faults.add(str(folder / name), problem, _REBUILD)
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
        stored = [t.triple for t in schema.edge_types if t.reverse_of is None]
        self.compressed = LazyMapping(stored, self._read_compressed)

    def table(self, node_type: str) -> pd.DataFrame:
        path = self._folder / table_path(node_type)
        try:
            table: pd.DataFrame = pyarrow.parquet.read_table(path).to_pandas()
        except (OSError, pa.ArrowException) as error:
            raise _damaged(path, str(error)) from None
        if len(table) != self._sizes[node_type]:
            raise _damaged(path, f"it has {len(table)} rows; wanted {self._sizes[node_type]}")
        return table

    def features(self, node_type: str) -> NDArray[np.float32]:
        size = (self._sizes[node_type], self._schema.channels[node_type])
        return self._array(features_path(node_type), size, "f4")

    def weight(self, triple: Triple) -> NDArray[np.float32]:
        edge_type = self._schema.edge_type(triple)
        weight = self._stored_weight(triple) if edge_type.reverse_of is None else self.edges[triple][1]
        assert weight is not None
        return weight

    def encoder(self, node_type: str) -> Encoder[Any, Any]:
        return load_encoder(self._folder / encoder_path(node_type))

    def _read_edges(self, triple: Triple) -> tuple[NDArray[np.int64], NDArray[np.float32] | None]:
        edge_type = self._schema.edge_type(triple)
        if edge_type.reverse_of is not None:
            return reverse(*self.edges[edge_type.target, edge_type.reverse_of, edge_type.source])
        return decompress(*self.compressed[triple]), self._stored_weight(triple)

    def _stored_weight(self, triple: Triple) -> NDArray[np.float32] | None:
        edge_type = self._schema.edge_type(triple)
        name = f"{edges_path(triple)}/weight.npy"
        return self._array(name, (edge_type.num_edges,), "f4") if edge_type.weighted else None

    def _read_compressed(self, triple: Triple) -> tuple[NDArray[Any], NDArray[Any]]:
        edge_type, folder = self._schema.edge_type(triple), edges_path(triple)
        indptr = self._array(f"{folder}/indptr.npy", (self._sizes[edge_type.target] + 1,), "i4", "i8")
        indices = self._array(f"{folder}/indices.npy", (edge_type.num_edges,), "i4", "i8")
        whole = indptr[0] == 0 and indptr[-1] == len(indices) and bool((np.diff(indptr) >= 0).all())
        if not whole:
            raise _damaged(self._folder / folder / "indptr.npy", "its numbers do not rise from 0 to the end")
        if len(indices) and not 0 <= indices.min() <= indices.max() < self._sizes[edge_type.source]:
            raise _damaged(self._folder / folder / "indices.npy", "it names nodes that are not there")
        return indptr, indices

    def _array(self, name: str, shape: tuple[int, ...], *dtypes: str) -> NDArray[Any]:
        path = self._folder / name
        try:
            # Copy on write: torch wants arrays that it could write to, and the file must stay as it is.
            array: NDArray[Any] = np.load(path, mmap_mode="c", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise _damaged(path, str(error)) from None
        if array.shape != shape or array.dtype not in [np.dtype(d) for d in dtypes]:
            raise _damaged(path, f"it holds {array.dtype} {array.shape}; wanted {'/'.join(dtypes)} {shape}")
        return array


def _damaged(path: Path, problem: str) -> GraphError:
    return GraphError(f"is damaged: {problem}", where=str(path), fix=_REBUILD)
