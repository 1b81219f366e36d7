"""Graph folders at addresses, such as ``s3://bucket/graph``: copied once, since only files can be mapped."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

from filelock import FileLock

from mmgraph.atomic import atomic_folder
from mmgraph.errors import GraphError, MissingDependencyError
from mmgraph.graph.layout import MANIFEST
from mmgraph.paths import home


def is_address(place: str | Path) -> bool:
    """Return whether a place is an address, and no path.

    Example:
        >>> is_address("s3://bucket/graph"), is_address("graphs/a"), is_address(Path("s3://bucket/graph"))
        (True, False, False)
    """
    return isinstance(place, str) and "://" in place


def fetched(address: str) -> Path:
    """Return the copy of a graph folder on this machine; it is made if there is none yet.

    The copy is found by the manifest, which has the hash of every file: a graph that was built again is
    copied again, and one that was moved is not. It may be deleted at any time that nobody uses it.

    Args:
        address: What fsspec understands, e.g. ``s3://bucket/graph``.

    Raises:
        GraphError: If there is no graph, or it cannot be read or copied.
        MissingDependencyError: If the library for such addresses is not installed.
    """
    from fsspec.core import url_to_fs

    try:
        files, root = url_to_fs(address)
    except ImportError as error:
        raise MissingDependencyError(
            f"such an address needs a library that is not installed: {error}",
            where=address,
            fix="Install it, e.g. with `pip install s3fs` for s3:// or `pip install gcsfs` for gs://.",
        ) from None
    except ValueError as error:
        raise GraphError(
            f"is no address that can be used: {error}", where=address, fix="Check the address of the graph."
        ) from None
    manifest = _read(files, f"{root}/{MANIFEST}", address)
    copies = home() / "graphs"
    copies.mkdir(parents=True, exist_ok=True)
    copy = copies / hashlib.blake2b(manifest, digest_size=16).hexdigest()
    # Several workers of a machine come at once.
    with FileLock(copies / f".{copy.name}.lock"):
        if not (copy / MANIFEST).is_file():
            _copy(files, root, copy, address)
    return copy


def _read(files: Any, path: str, address: str) -> bytes:
    try:
        content: bytes = files.cat_file(path)
    except FileNotFoundError:
        raise GraphError(
            f"is no graph: there is no {MANIFEST}",
            where=address,
            fix="Check the address, or build a graph and copy its folder there.",
        ) from None
    except OSError as error:
        raise _unreadable(address, error) from None
    return content


def _copy(files: Any, root: str, copy: Path, address: str) -> None:
    try:
        needed = files.du(root)
        if needed > (free := shutil.disk_usage(copy.parent).free):
            raise GraphError(
                f"has {needed / 1e6:,.1f} MB, and {free / 1e6:,.1f} are free in {copy.parent}",
                where=address,
                fix="Free some space, or name another folder by the variable MMGRAPH_HOME.",
            )
        with atomic_folder(copy, marker=MANIFEST) as new:
            files.get(f"{root}/", f"{new}{os.sep}", recursive=True)
    except OSError as error:
        raise _unreadable(address, error) from None


def _unreadable(address: str, error: OSError) -> GraphError:
    return GraphError(
        f"cannot be read: {error}", where=address, fix="Check the address and what it takes to read from it."
    )
