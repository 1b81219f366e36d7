"""From a construction file of GraphStorm to a dataset folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from mmgraph.atomic import atomic_folder
from mmgraph.config import parse
from mmgraph.data.graphstorm.construct import Construct, EdgeBlock, read_construct
from mmgraph.data.graphstorm.names import plain_name
from mmgraph.data.graphstorm.nodes import NodeTable, read_nodes
from mmgraph.data.graphstorm.tables import expand, id_texts, read_files
from mmgraph.data.spec import DatasetSpec
from mmgraph.errors import DataError, Faults, MMGraphError, UserError
from mmgraph.hashing import Hasher
from mmgraph.paths import home
from mmgraph.progress import Progress
from mmgraph.yaml_text import dump_yaml

MARKER = "dataset.yaml"


def prepare_graphstorm(
    file: Path, *, out: Path | None = None, overwrite: bool = False, progress: Progress | None = None
) -> Path:
    """Make a dataset folder of what a construction file of GraphStorm describes, and return it.

    Node types become entity types, features modalities, edges relations, and labels tasks. Of a node type,
    ``numbers`` (``ranks`` for ``rank_gauss``) and ``categories`` hold its single columns, and each vector and
    each text is a modality of its own. mmgraph's encoders, fitted on training entities, stand for
    GraphStorm's transforms.

    Args:
        file: The JSON file. The files that it names are relative to its folder, and inside it.
        out: Where the dataset goes; by default to the user's cache, anew when a file has changed.
        overwrite: Replace an earlier dataset.
        progress: Told what is going on.

    Raises:
        MMGraphError: If the file or what it names cannot be used.
    """
    progress = progress or Progress(quiet=True)
    construct = read_construct(file)
    if out is not None:
        _write(file, construct, out, overwrite, progress)
        return out
    kept = home() / "graphstorm" / f"{plain_name(file.stem)}-{_stamp(file, construct)}"
    try:
        if not (kept / MARKER).is_file():
            _write(file, construct, kept, False, progress)
    except UserError:
        # Another process may have prepared it in the meantime.
        if not (kept / MARKER).is_file():
            raise
    return kept


def _write(file: Path, construct: Construct, out: Path, overwrite: bool, progress: Progress) -> None:
    """Write the dataset folder, whole or not at all."""
    progress.say(f"Prepare a dataset of {file} in {out}")
    nodes = _all_nodes(file, construct)
    with atomic_folder(out, marker=MARKER, overwrite=overwrite) as new:
        (new / "edges").mkdir()
        relations = _relations(file, construct, nodes, new)
        content: dict[str, Any] = {
            "name": plain_name(file.stem),
            "source": file.name,
            "entities": {},
            "relations": relations,
            "splits": {},
            "tasks": {},
        }
        for table in nodes.values():
            table.write(new, content)
        parse(DatasetSpec, content, where=str(file))
        text = dump_yaml(content)
        (new / MARKER).write_text(text, encoding="utf-8")
    for table in nodes.values():
        for note in table.notes:
            progress.say(f"note: {note}")


def _all_nodes(file: Path, construct: Construct) -> dict[str, NodeTable]:
    """Return the tables of all node types, also of those that edges alone name."""
    faults = Faults()
    types = dict.fromkeys(block.node_type for block in construct.nodes)
    ends = dict.fromkeys(end for block in construct.edges for end in (block.relation[0], block.relation[2]))
    tables = {}
    for node_type in types:
        blocks = [(n, block) for n, block in enumerate(construct.nodes) if block.node_type == node_type]
        try:
            tables[node_type] = read_nodes(node_type, blocks, file)
        except MMGraphError as error:
            faults.extend(error)
    faults.raise_if_any(DataError)
    for node_type in ends:
        if node_type not in tables:
            tables[node_type] = NodeTable(plain_name(node_type), _ids_in_edges(file, construct, node_type))
    names = [table.name for table in tables.values()]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            faults.add(f"{file}: nodes", f"two node types would be called {name!r}", "Rename one.")
    faults.raise_if_any(DataError)
    return tables


def _ids_in_edges(file: Path, construct: Construct, node_type: str) -> list[str]:
    """Return the ids that edges give to nodes of a type without a table, sorted."""
    found: set[str] = set()
    for number, block in enumerate(construct.edges):
        source, target = _ends(file, number, block)
        for end, ids in ((block.relation[0], source), (block.relation[2], target)):
            if end == node_type:
                found |= set(ids)
    return sorted(found)


def _ends(file: Path, number: int, block: EdgeBlock) -> tuple[list[str], list[str]]:
    table, first = _edge_table(file, number, block)
    where = f"{file}: edges[{number}]"
    return (
        id_texts(table, block.source_id_col, first, where=f"{where}.source_id_col"),
        id_texts(table, block.dest_id_col, first, where=f"{where}.dest_id_col"),
    )


def _edge_table(file: Path, number: int, block: EdgeBlock) -> tuple[pd.DataFrame, Path]:
    where = f"{file}: edges[{number}].files"
    files = expand(file.parent, block.files, where=where)
    return read_files(files, block.format.name, where=where), files[0]


def _relations(
    file: Path, construct: Construct, nodes: dict[str, NodeTable], folder: Path
) -> dict[str, dict[str, Any]]:
    """Write the tables of edges, and return the relations as ``dataset.yaml`` holds them."""
    faults = Faults()
    names = [plain_name(block.relation[1]) for block in construct.edges]
    relations: dict[str, dict[str, Any]] = {}
    for number, (block, name) in enumerate(zip(construct.edges, names, strict=True)):
        source, _, target = block.relation
        if names.count(name) > 1:
            # dataset.yaml calls every relation by a name of its own.
            name = "_".join((nodes[source].name, name, nodes[target].name))
        if name in relations:
            faults.add(f"{file}: edges[{number}].relation", "stands twice", "Put its files into one block.")
            continue
        try:
            table, _ = _edge_table(file, number, block)
            ends = _ends(file, number, block)
        except MMGraphError as error:
            faults.extend(error)
            continue
        columns: dict[str, Any] = {"source": ends[0], "target": ends[1]}
        features = [column for feature in block.features for column in feature.feature_col]
        for column in features:
            if column not in table:
                faults.add(f"{file}: edges[{number}].features", f"there is no column {column!r}")
                continue
            columns[_feature(column)] = table[column]
        _write_parquet(pd.DataFrame(columns), folder / "edges" / f"{name}.parquet")
        relations[name] = {
            "builder": "table",
            "source": nodes[source].name,
            "target": nodes[target].name,
            "table": f"edges/{name}.parquet",
            # GraphStorm skips them as well.
            "unknown": "skip",
            **({"feature_columns": [_feature(column) for column in features]} if features else {}),
        }
    faults.raise_if_any(DataError)
    return relations


def _feature(column: str) -> str:
    """Return what an edge feature is called beside the two columns of ids."""
    return f"{column}_" if column in ("source", "target") else column


def _write_parquet(table: pd.DataFrame, path: Path) -> None:
    # pandas' own metadata names its version, which is no part of the content.
    content = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    pyarrow.parquet.write_table(content, path)


def _stamp(file: Path, construct: Construct) -> str:
    """Return a hash that changes with the construction file and the files that it names."""
    hasher = Hasher().text(str(file.resolve())).file(file)
    blocks: Iterable[tuple[str, Any]] = [
        *((f"nodes[{n}]", block) for n, block in enumerate(construct.nodes)),
        *((f"edges[{n}]", block) for n, block in enumerate(construct.edges)),
    ]
    for where, block in blocks:
        named = [(block.files, "files")]
        for label in getattr(block, "labels", ()):
            if label.custom_split_filenames:
                named += [(getattr(label.custom_split_filenames, k), k) for k in ("train", "valid", "test")]
        for names, key in named:
            for path in expand(file.parent, names, where=f"{file}: {where}.{key}"):
                about = path.stat()
                hasher.json([str(path), about.st_size, about.st_mtime_ns])
    return hasher.hexdigest()[:12]
