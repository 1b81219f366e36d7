"""The schema of ``dataset.yaml``: entity types, modalities, relations, splits and tasks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from mmgraph.config import Config, override, parse, read_yaml
from mmgraph.data.modality_spec import Modality, Storage
from mmgraph.data.name import Name
from mmgraph.data.references import reference_faults
from mmgraph.data.split_spec import EdgeSplit, EntitySplit, Split, TimeSplit
from mmgraph.data.task_spec import PairTaskSpec, PretrainingTaskSpec, TaskOfItsKind, TaskSpec
from mmgraph.errors import ConfigError, Fault


class ValuesOf(Config):
    """The values of a column of another entity type, each of which becomes an entity."""

    entity: Name = Field(description="The entity type whose table holds the column.")
    column: str = Field(description="The column, which no task may predict.")
    separator: str | None = Field(
        None, min_length=1, description="What stands between the values in a cell of text."
    )


class EntitySpec(Config):
    """One entity type: its table, or the column whose values it consists of, and its modalities."""

    table: str | None = Field(
        None, description="CSV, Parquet or JSONL file, relative to the dataset folder; or `values_of`."
    )
    values_of: ValuesOf | None = Field(
        None, description="In place of a table: the values of a column are the entities, and their own ids."
    )
    id: str = Field("id", description="The column that holds the unique id.")
    title: str | None = Field(None, description="The column that names an entity to people; else its id.")
    time: str | None = Field(
        None,
        description="The column that says when an entity comes into being: numbers or dates, none of them "
        "empty, on the same clock as the times of edges. If nothing is set, that of its split by time.",
    )
    modalities: dict[Name, Modality] = Field(
        default_factory=dict,
        description="By name, what describes an entity; any may be missing for any entity.",
    )

    @model_validator(mode="after")
    def _from_one_place(self) -> EntitySpec:
        if (self.table is None) == (self.values_of is None):
            came = "neither table nor values_of" if self.table is None else "both table and values_of"
            raise PydanticCustomError(
                "entity_source", "got {came}; wanted one of them", {"came": came, "fix": "Give one of them."}
            )
        if self.values_of is not None and (self.id != "id" or self.title or self.time):
            raise PydanticCustomError(
                "entity_source",
                "got id, title or time beside values_of; a value is its own id and title, and has no time",
                {"fix": "Remove them."},
            )
        return self


class RelationSpec(BaseModel):
    """A relation: the builder that makes it and the builder's own parameters, checked by the builder."""

    model_config = ConfigDict(extra="allow", frozen=True)

    builder: str = Field("table", description="The relation builder (`mmgraph list relations`).")

    @property
    def parameters(self) -> dict[str, Any]:
        """The builder's parameters."""
        return dict(self.model_extra or {})


class DatasetSpec(Config):
    """The content of ``dataset.yaml``."""

    format: Literal[1] = Field(1, description="The version of this format.")
    name: Name = Field(description="The dataset's name: letters, digits and `_`, beginning with a letter.")
    title: str = Field("", description="The name for people.")
    description: str = Field("", description="What the dataset holds.")
    source: str = Field("", description="Where the data come from.")
    licence: str = Field("", description="What may be done with the data.")
    storage: Storage = Field(
        "float32",
        description="What features are kept as: `float16` takes half the disk, and keeps three digits.",
    )
    entities: dict[Name, EntitySpec] = Field(
        min_length=1, description="By name, the entity types: tables of things and their modalities."
    )
    relations: dict[Name, RelationSpec] = Field(
        default_factory=dict, description="By name, the relations among entities or modalities."
    )
    splits: dict[Name, Split] = Field(
        default_factory=dict,
        description="By name, the ways to part entities, or edges of a relation, for training and testing.",
    )
    tasks: dict[Name, TaskOfItsKind] = Field(default_factory=dict, description="By name, what to predict.")

    def storage_of(self, entity: str, modality: str) -> Storage:
        """Return what the features of a modality are kept as."""
        return self.entities[entity].modalities[modality].storage or self.storage

    @property
    def entity_splits(self) -> dict[str, EntitySplit]:
        """The splits of entities."""
        return {name: split for name, split in self.splits.items() if isinstance(split, EntitySplit)}

    def time_column(self, entity: str) -> str | None:
        """Return the column with the times of an entity type; nothing if it has none, or splits disagree."""
        splits = [split for split in self.entity_splits.values() if isinstance(split, TimeSplit)]
        columns = {split.column for split in splits if split.entity == entity}
        return self.entities[entity].time or (columns.pop() if len(columns) == 1 else None)

    @property
    def edge_splits(self) -> dict[str, EdgeSplit]:
        """The splits of the edges of a relation."""
        return {name: split for name, split in self.splits.items() if isinstance(split, EdgeSplit)}

    @property
    def entity_tasks(self) -> dict[str, TaskSpec]:
        """The tasks that ask for a target of each entity."""
        return {name: task for name, task in self.tasks.items() if isinstance(task, TaskSpec)}

    @property
    def untargeted_tasks(self) -> dict[str, PairTaskSpec | PretrainingTaskSpec]:
        """The tasks about entities that ask for no column."""
        kinds = (PairTaskSpec, PretrainingTaskSpec)
        return {name: task for name, task in self.tasks.items() if isinstance(task, kinds)}


def read_spec(path: Path, *, overrides: Sequence[str] = ()) -> DatasetSpec:
    """Return the content of a ``dataset.yaml``, or report everything that is wrong with it at once.

    Args:
        path: The file.
        overrides: ``key.path=value`` assignments that go over what the file says.

    Raises:
        ConfigError: With one fault for each key, value or reference that cannot be used.
    """
    spec, faults = examine_spec(path, overrides=overrides)
    if spec is None or faults:
        raise ConfigError.of(faults)
    return spec


def examine_spec(path: Path, *, overrides: Sequence[str] = ()) -> tuple[DatasetSpec | None, list[Fault]]:
    """Return the content of a ``dataset.yaml`` and its faults; a wrong reference does not hide the content.

    Args:
        path: The file.
        overrides: ``key.path=value`` assignments that go over what the file says.

    Returns:
        The content, or ``None`` where a key or a value cannot be used, and all faults.

    Raises:
        ConfigError: If the file is no YAML mapping at all.
    """
    content = override(read_yaml(path), overrides)
    references = reference_faults(content, where=str(path))
    try:
        return parse(DatasetSpec, content, where=str(path)), references
    except ConfigError as error:
        return None, [*error.faults, *references]
