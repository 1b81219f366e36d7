"""The raw content of a modality: which entities have it, and what they have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, assert_never

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmgraph.data.arrays import array_features, read_array, table_features
from mmgraph.data.columns import Column
from mmgraph.data.entity_table import EntityTable
from mmgraph.data.files import file_inside, raw_file_faults
from mmgraph.data.modality_spec import (
    AudioModality,
    ColumnKind,
    FeaturesModality,
    FileModality,
    ImageModality,
    OrdinalColumn,
    RegionsModality,
    TabularModality,
    TextModality,
    VideoModality,
    places_in,
)
from mmgraph.data.raw_content import content_problem
from mmgraph.data.sequences import array_sequences, table_sequences
from mmgraph.errors import DataError, Fault, Faults

ReadModality = (
    TextModality
    | ImageModality
    | AudioModality
    | VideoModality
    | RegionsModality
    | TabularModality
    | FeaturesModality
)
"""What is read from columns and files; a pair is put together from others, and boxes are put into images."""

_SHOWN = 5
_DEGREES = {"latitude": (-90.0, 90.0), "longitude": (-180.0, 360.0)}


@dataclass(frozen=True, eq=False)
class RawModality:
    """What the entities that have a modality have, before any encoder.

    Args:
        kind: ``text``, ``image``, ``audio``, ``video``, ``regions``, ``tabular``, ``features`` or ``pair``.
        index: Rows of the entity table that have the modality, ascending, [M]; of a sequence the row of each
            element's entity.
        values: Text; paths of images, audio or video; a table whose numeric columns are float64 (NaN where a
            cell is empty), date columns datetime64 (``NaT``), ordinal columns ordered categories, and
            categorical and text columns text (``None``); or
            features, float32 [M, D]; or :class:`mmgraph.data.regions.Regions` or
            :class:`mmgraph.data.pairs.Pair`.
        columns: For ``tabular``, how each column was read.
        position: For a sequence, the position of each element in it, int64 [M], ascending for each entity.
        skipped: Why a file was skipped, by the row of its entity.
    """

    kind: str
    index: npt.NDArray[np.int64]
    values: list[str] | list[Path] | list[Any] | pd.DataFrame | npt.NDArray[np.float32]
    columns: dict[str, str] = field(default_factory=dict)
    position: npt.NDArray[np.int64] | None = None
    skipped: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.index)

    def take(self, rows: npt.NDArray[np.int64]) -> RawModality:
        """Return some of the items, in the order of ``rows``, int64 [B]."""
        values = self.values
        if isinstance(values, pd.DataFrame):
            some: Any = values.iloc[rows].reset_index(drop=True)
        else:
            some = values[rows] if isinstance(values, np.ndarray) else [values[row] for row in rows]
        position = None if self.position is None else self.position[rows]
        return replace(self, index=self.index[rows], values=some, position=position, skipped={})

    def without(self, broken: Mapping[int, str]) -> RawModality:
        """Return the items without those of some entities.

        Args:
            broken: Why they are left out, by the rows of the entities.
        """
        rows = np.fromiter(broken, dtype=np.int64, count=len(broken))
        left = self.take(np.flatnonzero(~np.isin(self.index, rows)))
        return replace(left, skipped={**self.skipped, **broken})


def read_modality(
    spec: ReadModality, table: EntityTable, folder: Path, *, where: str, may_be_empty: bool = False
) -> RawModality:
    """Return the raw content of a modality.

    Args:
        spec: The modality.
        table: The table of its entity type.
        folder: The folder of the dataset.
        where: The place of ``spec``, e.g. ``dataset.yaml: entities.glyph.modalities.sans``.
        may_be_empty: Accept that no entity has the modality.

    Raises:
        DataError: If a column, a cell, a file or an array cannot be used, or no entity has the modality.
    """
    match spec:
        case TextModality():
            raw = _text(table.column(spec.column, where=f"{where}.column"))
        case FileModality():
            kind = "image" if isinstance(spec, RegionsModality) else spec.kind
            raw = _files(kind, table.column(spec.column, where=f"{where}.column"), folder)
        case TabularModality():
            raw = _tabular(spec, table, where)
        case FeaturesModality():
            raw = _features(spec, table, folder, where)
        case _:
            assert_never(spec)
    if not len(raw) and not may_be_empty:
        raise DataError(
            f"no entity of {table.file} has this modality",
            where=where,
            fix="Fill the column or the file, or remove the modality.",
        )
    return raw


def _text(column: Column) -> RawModality:
    cells = column.bounded_text()
    blank = pd.Series(cells, dtype=object).fillna("").str.strip() == ""
    index = np.flatnonzero(~blank.to_numpy(bool))
    return RawModality("text", index, list(cells[index]))


def _files(kind: str, column: Column, folder: Path) -> RawModality:
    cells = column.text()
    index = np.flatnonzero(~column.missing)
    names = list(cells[index])
    faults = raw_file_faults(folder, names)
    if column.rows is not None:
        in_file = column.rows
        faults = sorted(faults, key=lambda fault: in_file[int(index[fault[0]])])
    if faults:
        raise DataError.of(_file_faults(faults, names, index, column))
    return RawModality(kind, index, [folder / name for name in names])


def broken_files(raw: RawModality) -> dict[int, str]:
    """Return why files cannot be read, by the rows of their entities."""
    problems = [content_problem(raw.kind, Path(str(path))) for path in raw.values]
    return {int(row): problem for row, problem in zip(raw.index, problems, strict=True) if problem}


def _file_faults(
    faults: Sequence[tuple[int, str]], names: Sequence[str], index: npt.NDArray[np.int64], column: Column
) -> list[Fault]:
    """Return one fault for each kind of problem, with the first few files that have it."""
    found = []
    for problem in dict.fromkeys(problem for _, problem in faults):
        positions = [position for position, other in faults if other == problem]
        shown = ", ".join(repr(names[position]) for position in positions[1:_SHOWN])
        more = len(positions) - 1
        also = f" (the same for {more} more: {shown}{', ...' if more >= _SHOWN else ''})" if more else ""
        found.append(
            Fault(
                column.place(int(index[positions[0]])),
                f"got {names[positions[0]]!r}; {problem}{also}",
                "Give paths of files inside the dataset folder, relative to it; leave the cell empty if the "
                "entity has none.",
            )
        )
    return found


def _tabular(spec: TabularModality, table: EntityTable, where: str) -> RawModality:
    faults, columns = Faults(), {}
    for name, kind in spec.columns.items():
        try:
            columns[name] = _tabular_column(table.column(name, where=f"{where}.columns.{name}"), kind)
        except DataError as error:
            faults.extend(error)
    faults.raise_if_any(DataError)
    frame = pd.DataFrame(columns)
    for names in places_in(spec.kinds):
        _whole_places(table, frame, names, where)
    index = np.flatnonzero(frame.notna().any(axis=1).to_numpy(bool))
    present = frame.iloc[index].reset_index(drop=True)
    return RawModality("tabular", index, present, spec.kinds)


def _whole_places(table: EntityTable, frame: pd.DataFrame, names: tuple[str, str], where: str) -> None:
    """Refuse a latitude without a longitude, and the other way round."""
    empty = frame[list(names)].isna().to_numpy(bool)
    halves = np.flatnonzero(empty[:, 0] != empty[:, 1])
    if len(halves):
        lacking = names[0] if empty[halves[0], 0] else names[1]
        column = table.column(lacking, where=f"{where}.columns.{lacking}")
        raise DataError(
            f"got an empty cell beside a filled one of {names[lacking == names[0]]!r}; wanted both or none"
            f"{column.also(halves)}",
            where=column.place(int(halves[0])),
            fix="Fill the cell, or empty the other one.",
        )


def _tabular_column(column: Column, kind: ColumnKind | OrdinalColumn) -> pd.Series[Any]:
    if isinstance(kind, OrdinalColumn):
        return column.ordered([str(name) for name in kind.order])
    if kind == "numeric":
        return pd.Series(column.numbers())
    if kind in _DEGREES:
        return pd.Series(column.numbers_between(*_DEGREES[kind]))
    if kind == "date":
        return column.dates()
    return pd.Series(column.bounded_text() if kind == "text" else column.text(), dtype=object)


def _features(spec: FeaturesModality, table: EntityTable, folder: Path, where: str) -> RawModality:
    path = file_inside(folder, spec.file, where=f"{where}.file")
    if spec.sequence:
        return _sequences(spec, table, path, where)
    if path.suffix.lower() == ".parquet":
        if spec.present is not None:
            raise DataError(
                f"got {spec.present!r}, but in a Parquet file the ids say which entities are present",
                where=f"{where}.present",
                fix="Remove it.",
            )
        index, values = table_features(path, id_column=spec.id, key=spec.key, ids=table.ids, where=where)
        return RawModality("features", index, values)
    array = read_array(path, key=spec.key, where=where)
    if spec.present is None:
        index = np.arange(len(table))
    else:
        index = np.flatnonzero(table.column(spec.present, where=f"{where}.present").flags())
    features = array_features(array, index, file=str(path), ids=table.ids, rows=table.rows)
    return RawModality("features", index, features)


def _sequences(spec: FeaturesModality, table: EntityTable, path: Path, where: str) -> RawModality:
    if spec.present is not None:
        raise DataError(
            f"got {spec.present!r}, but an entity without elements of its sequence lacks the modality",
            where=f"{where}.present",
            fix="Remove it.",
        )
    if path.suffix.lower() == ".parquet":
        found = table_sequences(
            path, id_column=spec.id, position_column=spec.position, key=spec.key, ids=table.ids, where=where
        )
    elif spec.key is not None:
        raise DataError(
            f"got {spec.key!r}, but the arrays of sequences are always called values and offsets",
            where=f"{where}.key",
            fix="Remove it.",
        )
    else:
        found = array_sequences(path, ids=table.ids, rows=table.rows, where=where)
    return RawModality("features", found.index, found.values, position=found.position)
