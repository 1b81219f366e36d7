"""The schema of ``dataset.yaml``: entity types, modalities, relations, splits and tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from mmgraph.config import Config, override, parse, read_yaml
from mmgraph.data.name import Name
from mmgraph.data.references import reference_faults
from mmgraph.data.split_spec import EdgeSplit, EntitySplit, Split, TimeSplit
from mmgraph.data.task_spec import PairTaskSpec, PretrainingTaskSpec, TaskOfItsKind, TaskSpec
from mmgraph.errors import ConfigError, Fault


class Choice(BaseModel):
    """A registered thing and its parameters: ``{name: knn, k: 10}``, or just ``knn``.

    The parameters are checked by the thing that is named, when the name is looked up.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str = Field(description="The name that it is registered under.")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and value and "name" not in value:
            key, options = next(iter(value.items()))
            if options is None or isinstance(options, Mapping):
                written = ", ".join(
                    [f"name: {key}", *(f"{name}: {value}" for name, value in (options or {}).items())]
                )
                raise PydanticCustomError(
                    "choice",
                    "has no `name`",
                    {"fix": f"Write {{{written}}}: the name, and the options beside it."},
                )
        return {"name": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Say in the JSON Schema that the name alone will do."""
        return {"anyOf": [{"type": "string"}, handler(schema)]}

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters without the name."""
        return dict(self.model_extra or {})


class _Modality(Config):
    encoder: Choice | None = Field(
        None, description="The encoder and its parameters; each kind has a default (`mmgraph list encoders`)."
    )


class TextModality(_Modality):
    """Text in a column of the entity table; an empty cell is a missing modality."""

    kind: Literal["text"]
    column: str = Field(description="The column that holds the text.")


class FileModality(_Modality):
    """Files named in a column of the entity table."""

    column: str = Field(description="The column that holds the file's path, relative to the dataset folder.")
    on_error: Literal["fail", "skip"] = Field(
        "fail",
        description="Whether a file that cannot be read is an error, or its entity lacks the modality.",
    )


class ImageModality(FileModality):
    """Image files named in a column of the entity table; an empty cell is a missing modality."""

    kind: Literal["image"]


class AudioModality(FileModality):
    """Audio files named in a column of the entity table; an empty cell is a missing modality."""

    kind: Literal["audio"]


class VideoModality(FileModality):
    """Video files named in a column of the entity table; an empty cell is a missing modality."""

    kind: Literal["video"]


class TabularModality(_Modality):
    """Columns of the entity table. The modality is missing where all of its columns are empty."""

    kind: Literal["tabular"]
    columns: dict[str, Literal["numeric", "categorical", "date"]] = Field(
        min_length=1, description="The columns and how to read each."
    )


class FeaturesModality(_Modality):
    """Vectors computed elsewhere: `.npy`, `.npz`, `.safetensors` or `.parquet`.

    Arrays have one row for each row of the entity table, in its order. A Parquet file has an id column, and
    an entity whose id is not in it lacks the modality.

    With `sequence: true` an entity has any number of vectors. A Parquet file then has a row for each, with
    its position; a `.npz` or `.safetensors` file has the arrays `values` [M, D] and `offsets` [N + 1], where
    the vectors of entity n are the rows from `offsets[n]` to before `offsets[n + 1]`.
    """

    kind: Literal["features"]
    file: str = Field(description="The file, relative to the dataset folder.")
    key: str | None = Field(None, description="The array's name in a `.npz` or `.safetensors` file.")
    present: str | None = Field(
        None, description="For arrays: a true/false column of the entity table; false is a missing modality."
    )
    id: str = Field("id", description="For Parquet: the column that holds the entity's id.")
    sequence: bool = Field(False, description="Whether an entity has several vectors, in an order.")
    position: str = Field(
        "position", description="For sequences in Parquet: the column that counts an entity's vectors from 0."
    )


Modality = Annotated[
    TextModality | ImageModality | AudioModality | VideoModality | TabularModality | FeaturesModality,
    Field(discriminator="kind"),
]


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
