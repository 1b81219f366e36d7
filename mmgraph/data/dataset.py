"""A dataset: a folder with a ``dataset.yaml``, its tables, arrays and raw files, read when asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from mmgraph.counted import counted
from mmgraph.data.choice import Choice
from mmgraph.data.entity_table import EntityTable, read_entity_table, value_table
from mmgraph.data.files import file_inside, raw_file_faults
from mmgraph.data.id_index import IdIndex
from mmgraph.data.modalities import RawModality, broken_files, read_modality
from mmgraph.data.modality_spec import FeaturesModality, FileModality, PairModality, RegionsModality
from mmgraph.data.pairs import paired
from mmgraph.data.regions import regions_of
from mmgraph.data.spec import DatasetSpec, EntitySpec, RelationSpec, ValuesOf
from mmgraph.data.splits import assign
from mmgraph.data.tables import read_table
from mmgraph.errors import ConfigError, DataError, did_you_mean
from mmgraph.hashing import Hasher

__all__ = ["Dataset", "RawModality"]


class Dataset:
    """A dataset on disk. Tables and splits are read once, at the first question about them.

    Args:
        spec: The content of its ``dataset.yaml``.
        folder: The folder that the paths in ``spec`` are relative to.
        file: The path of ``dataset.yaml``, for messages.
        additional: Its entities join those of another dataset: an entity type whose table is not there has
            none, nor has one that consists of values, and no entity need have a modality.
        tables: By entity type, tables that have been read already, for additional entities: there are those
            alone, whatever tables the folder holds.
    """

    def __init__(
        self,
        spec: DatasetSpec,
        folder: Path,
        *,
        file: Path | None = None,
        additional: bool = False,
        tables: Mapping[str, EntityTable] | None = None,
    ) -> None:
        assert tables is None or additional, "whole datasets are read from their folders"
        self.spec = spec
        self.additional = additional
        self.folder = folder
        self.file = file or folder / "dataset.yaml"
        self._given = tables
        self._entities: dict[str, EntityTable] = dict(tables or {})
        self._known_ids: dict[str, pa.LargeStringArray] = {}
        self._indices: dict[str, IdIndex] = {}
        self._splits: dict[str, npt.NDArray[np.str_]] = {}
        self._tables: dict[str, pd.DataFrame] = {}
        self._broken: dict[tuple[str, str], dict[int, str]] = {}

    def __repr__(self) -> str:
        return f"Dataset({self.spec.name!r}, entities: {', '.join(self.spec.entities)})"

    def entity_ids(self, entity: str) -> list[str]:
        """Return the ids of an entity type, in the order of its nodes: short ones first, then as text sorts.

        Raises:
            ConfigError: If there is no such entity type.
            DataError: If its table cannot be used.
        """
        known = self._known_ids.get(entity)
        if known is None or entity in self._entities:
            return self.entity_table(entity).ids
        ids: list[str] = known.to_pylist()
        return ids

    def id_text(self, entity: str) -> pa.LargeStringArray:
        """Return the same ids as Arrow holds text.

        Raises:
            ConfigError: If there is no such entity type.
            DataError: If its table cannot be used.
        """
        known = self._known_ids.get(entity)
        return self.entity_table(entity).text if known is None else known

    def know_ids(self, entity: str, text: pa.LargeStringArray) -> None:
        """Let the ids of an entity type, in their order, be known without its table being read."""
        self._known_ids[entity] = text

    def num_entities(self, entity: str) -> int:
        """Return the number of entities of a type.

        Raises:
            ConfigError: If there is no such entity type.
            DataError: If its table cannot be used.
        """
        return len(self.id_text(entity))

    def id_index(self, entity: str) -> IdIndex:
        """Return what finds the entities of a type by their ids.

        Raises:
            ConfigError: If there is no such entity type.
            DataError: If its table cannot be used.
        """
        if entity not in self._indices:
            self._indices[entity] = IdIndex(self.id_text(entity))
        return self._indices[entity]

    def frame(self, entity: str) -> pd.DataFrame:
        """Return the table of an entity type in the order of its nodes, its ids as text, else as in its file.

        Raises:
            ConfigError: If there is no such entity type.
            DataError: If its table cannot be used.
        """
        return self.entity_table(entity).frame

    def entity_table(self, entity: str) -> EntityTable:
        """Return the checked table of an entity type, with what messages about it need.

        Raises:
            ConfigError: If there is no such entity type.
            DataError: If its table cannot be used.
        """
        spec = self._entity(entity)
        if entity not in self._entities:
            where = f"{self.file}: entities.{entity}"
            absent = spec.table is None or self._given is not None or not (self.folder / spec.table).is_file()
            if self.additional and absent:
                nothing = pd.DataFrame({spec.id: pd.Series(dtype=object)})
                self._entities[entity] = EntityTable(
                    nothing, pa.array([], pa.large_string()), str(self.folder / (spec.table or ""))
                )
            elif spec.values_of is not None:
                self._entities[entity] = self._values(spec.values_of, where=f"{where}.values_of")
            else:
                self._entities[entity] = read_entity_table(spec, self.folder, where=where)
        return self._entities[entity]

    def _values(self, values_of: ValuesOf, *, where: str) -> EntityTable:
        if self._entity(values_of.entity).table is None:
            tables = [name for name, spec in self.spec.entities.items() if spec.table is not None]
            raise ConfigError(
                f"there is no entity type with a table {values_of.entity!r}",
                where=f"{where}.entity",
                fix=did_you_mean(values_of.entity, tables),
            )
        for name, task in self.spec.entity_tasks.items():
            if (task.entity, task.target) == (values_of.entity, values_of.column):
                raise DataError(
                    f"got {values_of.column!r}, which the task {name!r} predicts: nodes of its values would "
                    "give the label away",
                    where=f"{where}.column",
                    fix="Choose another column, or remove the task.",
                )
        return value_table(values_of, self.entity_table(values_of.entity), where=where)

    def titles(self, entity: str) -> list[str]:
        """Return what people call the entities, in the table's order; their ids where they have no title.

        Raises:
            ConfigError: If there is no such entity type.
            DataError: If its table or the title's column cannot be used.
        """
        table, title = self.entity_table(entity), self._entity(entity).title
        if title is None or not len(table):
            return list(table.ids)
        cells = table.column(title, where=f"{self.file}: entities.{entity}.title").text()
        return [cell or name for cell, name in zip(cells, table.ids, strict=True)]

    def times(self, entity: str) -> npt.NDArray[np.float64] | None:
        """Return when each entity comes into being, float64 [N]; dates as seconds since 1970.

        Returns:
            Nothing for an entity type that has no times.

        Raises:
            ConfigError: If there is no such entity type.
            DataError: If its table or the column of times cannot be used.
        """
        table, column = self.entity_table(entity), self.spec.time_column(entity)
        if column is None:
            return None
        return table.column(column, where=f"{self.file}: entities.{entity}.time").times()

    def modality(self, entity: str, name: str) -> RawModality:
        """Return the raw content of a modality; with ``on_error: skip`` without files that cannot be read.

        Raises:
            ConfigError: If there is no such entity type or modality.
            DataError: If a column, a cell, a file or an array cannot be used.
        """
        raw = self._content(entity, name)
        if not self.may_skip(entity, name):
            return raw
        return raw.without(self._broken.get((entity, name), {}))

    def may_skip(self, entity: str, name: str) -> bool:
        """Return whether a modality may be missing where its file cannot be read; a pair, where one of its
        own may be."""
        spec = self._entity(entity).modalities[name]
        if isinstance(spec, PairModality):
            return any(self.may_skip(entity, part) for part in spec.inputs)
        return isinstance(spec, FileModality) and spec.on_error == "skip"

    def leave_out(self, entity: str, name: str, broken: Mapping[int, str]) -> None:
        """Take what an encoder cannot read for missing, from now on.

        Args:
            entity: The entity type.
            name: A modality that may be missing where its file cannot be read.
            broken: Why, by the rows of the entities.
        """
        assert self.may_skip(entity, name)
        self._broken[entity, name] = {**self._broken.get((entity, name), {}), **broken}

    def _content(self, entity: str, name: str) -> RawModality:
        """Return the raw content of a modality, with files that cannot be read; which they are is noted."""
        modalities = self._entity(entity).modalities
        if name not in modalities:
            raise ConfigError(
                f"the entity type {entity!r} has no modality {name!r}",
                where=str(self.file),
                fix=did_you_mean(name, modalities),
            )
        table, spec = self.entity_table(entity), modalities[name]
        where = f"{self.file}: entities.{entity}.modalities.{name}"
        if isinstance(spec, PairModality):
            first, second = (self.modality(entity, part) for part in spec.inputs)
            return paired(first, second, where=where, may_be_empty=self.additional or not len(table))
        without_file = isinstance(spec, FeaturesModality) and not (self.folder / spec.file).is_file()
        if not len(table) or (self.additional and without_file):
            return RawModality(spec.kind, np.empty(0, dtype=np.int64), [])
        raw = read_modality(spec, table, self.folder, where=where, may_be_empty=self.additional)
        if self.may_skip(entity, name):
            self._note_broken(entity, name, raw, where)
        if isinstance(spec, RegionsModality):
            boxes = table.column(spec.boxes, where=f"{where}.boxes")
            return regions_of(raw, boxes, sequence=spec.sequence, where=where, may_be_empty=self.additional)
        return raw

    def _note_broken(self, entity: str, name: str, raw: RawModality, where: str) -> None:
        """Find out which files cannot be read, if that is not known; all of them are an error."""
        if (entity, name) not in self._broken:
            self._broken[entity, name] = broken_files(raw)
        if len(raw) and len(raw) == len(self._broken[entity, name]) and not self.additional:
            raise DataError(
                f"none of {counted(len(raw), 'file')} can be read",
                where=where,
                fix="Mend the files, or remove the modality.",
            )

    def split(self, name: str) -> npt.NDArray[np.str_]:
        """Return the part of each entity, [N]: ``train``, ``validation``, ``test``, or nothing for none.

        Raises:
            ConfigError: If there is no such split.
            DataError: If a column cannot be used, or a part would hold no entity.
        """
        splits = self.spec.entity_splits
        if name not in splits:
            raise ConfigError(
                f"there is no split {name!r}", where=str(self.file), fix=did_you_mean(name, splits)
            )
        if name not in self._splits:
            split = splits[name]
            table = self.entity_table(split.entity)
            self._splits[name] = assign(split, table, where=f"{self.file}: splits.{name}")
        return self._splits[name]

    def training_rows(self, entity: str) -> npt.NDArray[np.bool_]:
        """Return which entities no split holds out, [N]: encoders may be fitted on these alone.

        Raises:
            ConfigError: If there is no such entity type.
            DataError: If a split cannot be made, or the splits together hold out every entity.
        """
        rows = np.ones(self.num_entities(entity), dtype=bool)
        names = [name for name, split in self.spec.entity_splits.items() if split.entity == entity]
        for name in names:
            rows &= np.isin(self.split(name), ["train", ""])
        if not rows.any():
            raise DataError(
                f"each entity of {entity!r} is held out by one of the splits {', '.join(names)}; wanted some "
                "that all of them train on, to fit encoders on",
                where=f"{self.file}: splits",
                fix="Keep one split, and draw it anew for each experiment with --set splits.NAME.seed=1.",
            )
        return rows

    def table(self, path: str, *, where: str) -> pd.DataFrame:
        """Return another table of the folder, e.g. of a relation.

        Args:
            path: The file, relative to the folder.
            where: What names it, e.g. ``dataset.yaml: relations.borders.table``, for messages.

        Raises:
            DataError: If the path leaves the folder or the table cannot be read.
        """
        if path not in self._tables:
            self._tables[path] = read_table(file_inside(self.folder, path, where=where))
        return self._tables[path]

    def table_file(self, path: str, *, where: str) -> Path:
        """Return the file of another table of the folder, for :func:`mmgraph.data.stream.read_columns`.

        Raises:
            DataError: If the path leaves the folder or leads to no file.
        """
        return file_inside(self.folder, path, where=where)

    def fingerprint(self) -> str:
        """Return a hash of the resolved ``dataset.yaml`` and of every file that it leads to.

        Raises:
            DataError: If a file cannot be read.
        """
        hasher = Hasher().json(self.spec.model_dump(mode="json"))
        for name in sorted(self._files()):
            hasher.text(name).file(self.folder / name)
        return hasher.hexdigest()

    def _entity(self, name: str) -> EntitySpec:
        if name not in self.spec.entities:
            raise ConfigError(
                f"there is no entity type {name!r}",
                where=str(self.file),
                fix=did_you_mean(name, self.spec.entities),
            )
        return self.spec.entities[name]

    def _files(self) -> set[str]:
        """Return the names of all files that the dataset is made of, relative to its folder."""
        names = set()
        for entity, spec in self.spec.entities.items():
            if spec.table is not None:
                names.add(spec.table)
            for name, modality in spec.modalities.items():
                if isinstance(modality, FileModality):
                    raw = self._content(entity, name)
                    assert isinstance(raw.values, list)
                    names |= {str(Path(str(path)).relative_to(self.folder)) for path in raw.values}
                elif isinstance(modality, FeaturesModality):
                    names.add(modality.file)
                names |= set(self._named_files(modality.encoder))
        for relation in self.spec.relations.values():
            names |= set(self._named_files(relation))
        return names

    def _named_files(self, chosen: Choice | RelationSpec | None) -> Iterable[str]:
        """Yield the files among the parameters of an encoder or a relation: text that leads to one."""
        for value in chosen.parameters.values() if chosen else ():
            if isinstance(value, str) and value and not raw_file_faults(self.folder, [value]):
                yield value
