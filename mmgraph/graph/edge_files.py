"""The files of a relation's edges: written in compressed form, read as they lie on disk."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmgraph.errors import GraphError
from mmgraph.graph.edges import StoredEdges
from mmgraph.graph.layout import carried, edges_path, turned
from mmgraph.graph.schema import EdgeType
from mmgraph.graph.transpose import BySource

REBUILD = "Build the graph again with `mmgraph build-graph`."


def write_edges(folder: Path, edge_type: EdgeType, edges: StoredEdges, sizes: Mapping[str, int]) -> None:
    """Write the edges of a relation into the folder of its graph.

    Args:
        folder: The graph's folder.
        edge_type: The relation.
        edges: Its edges.
        sizes: The number of nodes of each type.
    """
    num_sources, num_targets = sizes[edge_type.source], sizes[edge_type.target]
    into = folder / edges_path(edge_type.triple)
    indptr, indices = edges.compressed(num_targets)
    write_array(indptr, into / "indptr.npy")
    write_array(indices, into / "indices.npy")
    for name in carried(edge_type):
        write_array(getattr(edges, name), into / f"{name}.npy")
    if parts := turned(edge_type):
        by_source = edges.by_source(num_sources, num_targets, positions="position" in parts)
        for name in parts:
            write_array(getattr(by_source, name), into / f"by_source_{name}.npy")


def open_edges(folder: Path, edge_type: EdgeType, sizes: Mapping[str, int]) -> StoredEdges:
    """Return the edges of a relation, mapped into memory and checked.

    Args:
        folder: The graph's folder.
        edge_type: The relation; none that reverses another.
        sizes: The number of nodes of each type.

    Raises:
        GraphError: If a file is damaged.
    """
    path = edges_path(edge_type.triple)
    indptr = open_array(folder, f"{path}/indptr.npy", (sizes[edge_type.target] + 1,), "i4", "i8")
    indices = open_array(folder, f"{path}/indices.npy", (edge_type.num_edges,), "i4", "i8")
    _check_pointers(indptr, len(indices), folder / path / "indptr.npy")
    _check_range(indices, sizes[edge_type.source], folder / path / "indices.npy")
    there = open_carried(folder, path, edge_type, edge_type.num_edges)
    by_source = partial(_open_by_source, folder, edge_type, sizes)
    # Folders of earlier versions have none.
    known = (folder / path / "by_source_indptr.npy").is_file()
    return StoredEdges(None, **there, compressed=(indptr, indices), by_source=by_source if known else None)


def _open_by_source(folder: Path, edge_type: EdgeType, sizes: Mapping[str, int]) -> BySource:
    """Return the edges of a relation by source, mapped into memory and checked."""
    num_sources, num_targets, size = sizes[edge_type.source], sizes[edge_type.target], edge_type.num_edges
    start = f"{edges_path(edge_type.triple)}/by_source_"
    shapes = {"indptr": num_sources + 1, "indices": size, "position": size}
    found = {
        name: open_array(folder, f"{start}{name}.npy", (shapes[name],), "i4", "i8")
        for name in turned(edge_type)
    }
    position = found.get("position")
    _check_pointers(found["indptr"], size, folder / f"{start}indptr.npy")
    _check_range(found["indices"], num_targets, folder / f"{start}indices.npy")
    if position is not None:
        _check_range(position, size, folder / f"{start}position.npy", what="edges")
    return BySource(found["indptr"], found["indices"], position)


def _check_pointers(indptr: NDArray[Any], size: int, path: Path) -> None:
    if not (indptr[0] == 0 and indptr[-1] == size and bool((indptr[1:] >= indptr[:-1]).all())):
        raise damaged(path, "its numbers do not rise from 0 to the end")


def _check_range(numbers: NDArray[Any], size: int, path: Path, *, what: str = "nodes") -> None:
    # As unsigned numbers, negative ones are larger than any: one pass over the file in place of two.
    if len(numbers) and int(numbers.view(f"u{numbers.itemsize}").max()) >= size:
        raise damaged(path, f"it names {what} that are not there")


def open_carried(folder: Path, path: str, edge_type: EdgeType, size: int) -> dict[str, Any]:
    """Return what edges carry, of ``weight``, ``attr`` and ``time`` those that there are.

    Args:
        folder: The graph's folder.
        path: The folder of the edges in it.
        edge_type: The type of the edges.
        size: The number of the edges.

    Raises:
        GraphError: If a file is damaged.
    """
    shapes: dict[str, tuple[tuple[int, ...], str]] = {
        "weight": ((size,), "f4"),
        "attr": ((size, len(edge_type.attr_names)), "f4"),
        "time": ((size,), "i8"),
    }
    return {name: open_array(folder, f"{path}/{name}.npy", *shapes[name]) for name in carried(edge_type)}


def write_array(array: NDArray[Any], path: Path) -> None:
    """Write an array."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not ascontiguousarray, which gives a number an axis.
    np.save(path, np.asarray(array, order="C"), allow_pickle=False)


def load_array(folder: Path, name: str, *, read_only: bool = False) -> NDArray[Any]:
    """Return an array of a graph's folder, mapped into memory.

    Args:
        folder: The folder.
        name: The file.
        read_only: Map it for reading alone. Other maps count against the limit of what the process may write
            to (`ulimit -d`), though they take no memory.

    Raises:
        GraphError: If the file is damaged, or the process has no room for it.
    """
    path = folder / name
    try:
        # Copy on write: torch wants arrays that it could write to, and the file must stay as it is.
        array: NDArray[Any] = np.load(path, mmap_mode="r" if read_only else "c", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise unreadable(path, error) from None
    return array


def open_array(
    folder: Path, name: str, shape: tuple[int, ...], *dtypes: str, read_only: bool = False
) -> NDArray[Any]:
    """Return an array as :func:`load_array` does, if it has this shape and one of these types."""
    array = load_array(folder, name, read_only=read_only)
    if array.shape != shape or array.dtype not in [np.dtype(d) for d in dtypes]:
        wanted = f"{'/'.join(dtypes)} {shape}"
        raise damaged(folder / name, f"it holds {array.dtype} {array.shape}; wanted {wanted}")
    return array


def unreadable(path: Path, error: Exception) -> GraphError:
    """Return the error for a file of a graph's folder that cannot be read: damaged, or there is no room."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return GraphError(
            f"has {path.stat().st_size / 1e6:,.1f} MB, and the process may not have so much more memory",
            where=str(path),
            fix="Raise the limit of the process's memory (`ulimit -v unlimited`), or end others.",
        )
    return damaged(path, str(error))


def damaged(path: Path, problem: str) -> GraphError:
    """Return the error for a file of a graph's folder that cannot be used."""
    return GraphError(f"is damaged: {problem}", where=str(path), fix=REBUILD)
