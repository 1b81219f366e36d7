"""The schema of ``dataset.yaml``: what a modality is read from, and what makes its features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, field_validator

from mmgraph.config import Config
from mmgraph.data.choice import Choice
from mmgraph.data.name import Name

Storage = Literal["float32", "float16"]
"""What a number of a feature is kept as."""


class _Modality(Config):
    encoder: Choice | None = Field(
        None, description="The encoder and its parameters; each kind has a default (`mmgraph list encoders`)."
    )
    storage: Storage | None = Field(
        None, description="What its features are kept as; if nothing is set, what the dataset says."
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


class RegionsModality(FileModality):
    """Boxes in image files, both named in columns of the entity table.

    An entity whose file or boxes are an empty cell, or an empty list, lacks the modality.
    """

    kind: Literal["regions"]
    boxes: str = Field(
        description="The column of boxes: `[[left, top, right, bottom], ...]` in pixels, in CSV as text."
    )
    sequence: bool = Field(
        False, description="Whether each box is a node of its own, in the order of the list, or all are one."
    )


class OrdinalColumn(Config):
    """A column of categories that have an order, such as sizes or school grades."""

    kind: Literal["ordinal"]
    order: list[str | int] = Field(min_length=2, description="The categories, from the least to the most.")

    @field_validator("order")
    @classmethod
    def _each_once(cls, order: list[str | int]) -> list[str | int]:
        names = list(map(str, order))
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"{twice[0]!r} stands there more than once")
        return order


ColumnKind = Literal["numeric", "categorical", "date", "text", "latitude", "longitude"]


class TabularModality(_Modality):
    """Columns of the entity table. The modality is missing where all of its columns are empty.

    Latitudes and longitudes belong together in the order in which they stand, and make a place. Dates may
    have a time of day.
    """

    kind: Literal["tabular"]
    columns: dict[str, ColumnKind | OrdinalColumn] = Field(
        min_length=1,
        description="The columns and how to read each: `numeric`, `categorical`, `date`, `text`, `latitude`, "
        "`longitude`, or `{kind: ordinal, order: [S, M, L]}`.",
    )

    @field_validator("columns")
    @classmethod
    def _places_are_whole(
        cls, columns: dict[str, ColumnKind | OrdinalColumn]
    ) -> dict[str, ColumnKind | OrdinalColumn]:
        north, east = (list(columns.values()).count(kind) for kind in ("latitude", "longitude"))
        if north != east:
            raise ValueError(f"got latitude {north} and longitude {east} times; a place has both")
        return columns

    @property
    def kinds(self) -> dict[str, str]:
        """How each column is read, in a word."""
        return {name: kind if isinstance(kind, str) else kind.kind for name, kind in self.columns.items()}


def places_in(kinds: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the columns of a latitude and a longitude that belong together, in their order.

    Args:
        kinds: How each column is read.

    Example:
        >>> places_in({"y": "latitude", "price": "numeric", "x": "longitude"})
        [('y', 'x')]
    """
    north, east = (
        [name for name, kind in kinds.items() if kind == wanted] for wanted in ("latitude", "longitude")
    )
    return list(zip(north, east, strict=True))


class FeaturesModality(_Modality):
    """Vectors computed elsewhere: `.npy`, `.npz`, `.safetensors`, `.h5`, `.hdf5` or `.parquet`.

    Arrays have one row for each row of the entity table, in its order. A Parquet file has an id column, and
    an entity whose id is not in it lacks the modality.

    With `sequence: true` an entity has any number of vectors. A Parquet file then has a row for each, with
    its position; a `.npz`, `.safetensors` or HDF5 file has the arrays `values` [M, D] and `offsets` [N + 1],
    where the vectors of entity n are the rows from `offsets[n]` to before `offsets[n + 1]`.
    """

    kind: Literal["features"]
    file: str = Field(description="The file, relative to the dataset folder.")
    key: str | None = Field(None, description="The array's name in a `.npz`, `.safetensors` or HDF5 file.")
    present: str | None = Field(
        None, description="For arrays: a true/false column of the entity table; false is a missing modality."
    )
    id: str = Field("id", description="For Parquet: the column that holds the entity's id.")
    sequence: bool = Field(False, description="Whether an entity has several vectors, in an order.")
    position: str = Field(
        "position", description="For sequences in Parquet: the column that counts an entity's vectors from 0."
    )


class PairModality(_Modality):
    """Two other modalities of the entity, which one encoder looks at together.

    An entity that lacks either of them lacks the pair. A task that must not see one of them does not see the
    pair.
    """

    kind: Literal["pair"]
    inputs: tuple[Name, Name] = Field(
        description="The names of both, in the order in which the encoder reads them, e.g. text and image."
    )
    encoder: Choice = Field(description="The encoder and its parameters, e.g. `vilt` or `visual_bert`.")


Modality = Annotated[
    TextModality
    | ImageModality
    | AudioModality
    | VideoModality
    | RegionsModality
    | TabularModality
    | FeaturesModality
    | PairModality,
    Field(discriminator="kind"),
]
