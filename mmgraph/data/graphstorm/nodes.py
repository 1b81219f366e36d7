"""A node type of a construction file: its table, its features as modalities, its labels as tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from mmgraph.data.graphstorm.construct import Feature, Label, NodeBlock
from mmgraph.data.graphstorm.names import plain_name
from mmgraph.data.graphstorm.tables import expand, id_texts, read_files, split_column, stacked
from mmgraph.errors import DataError, Faults

_TEXTS = ("tokenize_hf", "bert_hf")


@dataclass
class NodeTable:
    """The nodes of one type.

    Args:
        name: The entity type.
        ids: The ids, unique.
        columns: Further columns of its table.
        modalities: By name, what ``dataset.yaml`` says about a modality.
        vectors: By modality, float32 [N, D].
        labels: By task, its label and what ``dataset.yaml`` says about its split.
        notes: Sentences worth telling.
    """

    name: str
    ids: list[str]
    columns: dict[str, pd.Series[Any]] = field(default_factory=dict)
    modalities: dict[str, dict[str, Any]] = field(default_factory=dict)
    vectors: dict[str, np.ndarray[Any, np.dtype[np.float32]]] = field(default_factory=dict)
    labels: dict[str, tuple[Label, dict[str, Any]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def write(self, folder: Path, content: dict[str, Any]) -> None:
        """Write the tables into a dataset folder, and add to the content of its ``dataset.yaml``."""
        ids = pa.array(self.ids, pa.string())
        table = pa.Table.from_pandas(pd.DataFrame(self.columns), preserve_index=False)
        table = table.replace_schema_metadata(None).add_column(0, "id", ids) if self.columns else None
        (folder / "nodes").mkdir(exist_ok=True)
        own = table if table is not None else pa.table({"id": ids})
        pyarrow.parquet.write_table(own, folder / f"nodes/{self.name}.parquet")
        for modality, values in self.vectors.items():
            lists = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])
            vectors = pa.table({"id": ids, "vector": lists})
            pyarrow.parquet.write_table(vectors, folder / f"nodes/{self.name}.{modality}.parquet")
        content["entities"][self.name] = {
            "table": f"nodes/{self.name}.parquet",
            "id": "id",
            "modalities": self.modalities,
        }
        for task, (label, split) in self.labels.items():
            name = task if task not in content["tasks"] else f"{self.name}_{task}"
            content["splits"][name] = split
            content["tasks"][name] = {
                "entity": self.name,
                "kind": label.task_type,
                "target": _column(label.label_col),
                "split": name,
            }


def read_nodes(node_type: str, blocks: Sequence[tuple[int, NodeBlock]], file: Path) -> NodeTable:
    """Return the nodes of one type.

    Args:
        node_type: The type.
        blocks: Its blocks, each with its number in the file. Those without ids have the rows of the others.
        file: The construction file.

    Raises:
        DataError: If a file, a column or a label cannot be used; all faults at once.
    """
    faults = Faults()
    read = []
    for number, block in blocks:
        where = f"{file}: nodes[{number}]"
        files = expand(file.parent, block.files, where=f"{where}.files")
        frame = read_files(files, block.format.name, where=f"{where}.files")
        ids = None
        if block.node_id_col is not None:
            ids = id_texts(frame, block.node_id_col, files[0], where=f"{where}.node_id_col")
        read.append((where, block, files[0], frame, ids))
    known = next((ids for *_, ids in read if ids is not None), None)
    # Without a column of ids GraphStorm calls nodes by their rows.
    table = NodeTable(plain_name(node_type), known or [str(row) for row in range(len(read[0][3]))])
    if len(set(table.ids)) < len(table.ids):
        first = pd.Series(table.ids)[pd.Series(table.ids).duplicated()].iloc[0]
        raise DataError(f"the id {first!r} of {node_type} stands more than once", where=str(file))
    for where, block, first_file, frame, ids in read:
        if len(frame) != len(table.ids) or (ids is not None and set(ids) != set(table.ids)):
            faults.add(where, f"has other nodes than the first block of {node_type}", "Give all the same.")
            continue
        if ids is not None and ids != table.ids:
            frame = frame.iloc[pd.Index(ids).get_indexer(pd.Index(table.ids))].reset_index(drop=True)
        for position, feature in enumerate(block.features):
            _add_feature(table, feature, frame, first_file, f"{where}.features[{position}]", faults)
        for position, label in enumerate(block.labels):
            _add_label(table, label, frame, file, f"{where}.labels[{position}]", faults)
    faults.raise_if_any(DataError)
    return table


def _add_feature(
    table: NodeTable, feature: Feature, frame: pd.DataFrame, file: Path, where: str, faults: Faults
) -> None:
    transform = feature.transform
    for column in feature.feature_col:
        if column not in frame:
            faults.add(f"{where}.feature_col", f"there is no column {column!r} in {file}")
            continue
        name = feature.name if len(feature.feature_col) == 1 else f"{feature.name}_{column}"
        if transform.name in _TEXTS:
            _add_modality(table, plain_name(name), {"kind": "text", "column": _column(column)}, where, faults)
            model = f" with {transform.bert_model}" if transform.bert_model else ""
            known = f"{table.name}/{plain_name(name)}"
            table.notes.append(f"{known}: mmgraph's encoder of texts stands for {transform.name}{model}")
        elif transform.name == "no-op":
            try:
                vectors = stacked(frame[column], file, transform.separator, transform.truncate_dim)
            except DataError as error:
                faults.extend(error)
                continue
            if vectors is not None:
                modality = plain_name(name)
                said = {"kind": "features", "file": f"nodes/{table.name}.{modality}.parquet", "key": "vector"}
                _add_modality(table, modality, said, where, faults)
                table.vectors[modality] = vectors
                continue
            _add_column(table, "numbers", column, "numeric", "standard")
        elif transform.name == "to_categorical":
            _add_column(table, "categories", column, "categorical", None)
        elif transform.name == "rank_gauss":
            _add_column(table, "ranks", column, "numeric", "quantile")
        else:
            _add_column(table, "numbers", column, "numeric", "standard")
        table.columns[_column(column)] = frame[column]


def _add_modality(table: NodeTable, name: str, said: dict[str, Any], where: str, faults: Faults) -> None:
    if name in table.modalities:
        faults.add(where, f"a second feature would be called {name!r}", "Set another feature_name.")
    table.modalities[name] = said


def _add_column(table: NodeTable, modality: str, column: str, kind: str, scale: str | None) -> None:
    """Add a column to the modality of its kind."""
    said: dict[str, Any] = {"kind": "tabular", "columns": {}}
    if scale:
        said["encoder"] = {"name": "columns", "numeric": scale}
    table.modalities.setdefault(modality, said)["columns"][_column(column)] = kind


def _add_label(
    table: NodeTable, label: Label, frame: pd.DataFrame, file: Path, where: str, faults: Faults
) -> None:
    if label.label_col not in frame:
        faults.add(f"{where}.label_col", f"there is no column {label.label_col!r}")
        return
    task = plain_name(label.label_col)
    table.columns[_column(label.label_col)] = frame[label.label_col]
    if label.custom_split_filenames:
        column = f"split_{task}"
        try:
            parts = split_column(
                label.custom_split_filenames,
                table.ids,
                file.parent,
                where=f"{where}.custom_split_filenames",
            )
        except DataError as error:
            faults.extend(error)
            return
        table.columns[column] = pd.Series(parts, dtype="str")
        split: dict[str, Any] = {"kind": "column", "entity": table.name, "column": column}
    elif min(label.split_pct) <= 0 or abs(sum(label.split_pct) - 1) > 1e-6:
        problem = f"got {list(label.split_pct)}; wanted three shares above 0 that add up to 1"
        faults.add(f"{where}.split_pct", problem, "A model is chosen on the second part.")
        return
    else:
        shares = dict(zip(("train", "validation", "test"), label.split_pct, strict=True))
        split = {"kind": "random", "entity": table.name, "fractions": shares}
    table.labels[task] = (label, split)


def _column(name: str) -> str:
    """Return what a column is called: not ``id``, which the ids are."""
    return f"{name}_" if name == "id" else name
