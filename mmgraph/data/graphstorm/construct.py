"""The schema of GraphStorm's construction file, as far as mmgraph can follow it.

GraphStorm describes it under "Graph Construction" in its documentation. What is not here is refused by name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from mmgraph.config import Config, parse
from mmgraph.errors import ConfigError


def _list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_list), Field(min_length=1)]
"""A name, or a list of them."""


class Format(Config):
    """How the files of a block are written."""

    name: Literal["csv", "parquet"]
    separator: Literal[","] = ","


class Transform(Config):
    """What a feature is: mmgraph's own encoders scale numbers and encode texts and categories."""

    name: Literal[
        "no-op",
        "max_min_norm",
        "standard",
        "rank_gauss",
        "to_categorical",
        "tokenize_hf",
        "bert_hf",
    ]
    separator: str | None = None
    truncate_dim: int | None = Field(default=None, ge=1)
    bert_model: str | None = None
    max_seq_length: int | None = None
    epsilon: float | None = None
    uniquify: bool | None = None

    @model_validator(mode="after")
    def _own_keys(self) -> Transform:
        allowed = _KEYS_OF.get(self.name, ())
        for key in self.model_fields_set - {"name", *allowed}:
            raise PydanticCustomError(
                "transform",
                "{name} with {key} is nothing that mmgraph can do",
                {"name": self.name, "key": key, "fix": f"Remove {key}."},
            )
        return self


_KEYS_OF = {
    "no-op": ("separator", "truncate_dim"),
    "rank_gauss": ("epsilon", "uniquify"),
    "tokenize_hf": ("bert_model", "max_seq_length"),
    "bert_hf": ("bert_model", "max_seq_length"),
}


class Feature(Config):
    """Columns that are features."""

    feature_col: Names
    feature_name: str | None = None
    out_dtype: Literal["float32"] = "float32"
    transform: Transform = Transform(name="no-op")

    @model_validator(mode="after")
    def _has_a_name(self) -> Feature:
        if self.feature_name is None and len(self.feature_col) > 1:
            raise PydanticCustomError(
                "feature_name",
                "feature_name is missing beside several columns",
                {"fix": "Name the feature."},
            )
        return self

    @property
    def name(self) -> str:
        """What the feature is called."""
        return self.feature_name or self.feature_col[0]


class CustomSplit(Config):
    """Files of ids: one JSON value a line, or a column of Parquet files."""

    train: Names | None = None
    valid: Names | None = None
    test: Names | None = None
    column: Annotated[tuple[str, ...], BeforeValidator(_list)] = ()

    @model_validator(mode="after")
    def _is_whole(self) -> CustomSplit:
        missing = [name for name in ("train", "valid", "test") if getattr(self, name) is None]
        if missing:
            raise PydanticCustomError(
                "custom_split",
                "there is no {missing}; wanted files for train, valid and test",
                {"missing": " and no ".join(missing), "fix": "Add them: a model is chosen on valid."},
            )
        return self


class Label(Config):
    """A column to predict."""

    task_type: Literal["classification", "regression"]
    label_col: str
    split_pct: tuple[float, float, float] = (0.8, 0.1, 0.1)
    custom_split_filenames: CustomSplit | None = None
    label_stats_type: Literal["frequency_cnt"] | None = None


class _Block(Config):
    files: Names
    format: Format
    features: tuple[Feature, ...] = ()


class NodeBlock(_Block):
    """Files with nodes of one type; several blocks of a type hold different columns."""

    node_type: str
    node_id_col: str | None = None
    labels: tuple[Label, ...] = ()


class EdgeBlock(_Block):
    """Files with edges of one type."""

    relation: tuple[str, str, str]
    source_id_col: str
    dest_id_col: str

    @model_validator(mode="after")
    def _plain_numbers(self) -> EdgeBlock:
        for feature in self.features:
            if feature.transform.model_dump(exclude_unset=True).keys() - {"name"} or (
                feature.transform.name != "no-op"
            ):
                raise PydanticCustomError(
                    "edge_feature",
                    "the edge feature {name} has the transform {transform}; wanted numbers as they are",
                    {
                        "name": feature.name,
                        "transform": feature.transform.name,
                        "fix": "Transform the column beforehand, and remove the transform.",
                    },
                )
        return self


class Construct(Config):
    """The whole file."""

    version: Annotated[str, Field(pattern="^gconstruct")] = "gconstruct-v0.1"
    nodes: tuple[NodeBlock, ...]
    edges: tuple[EdgeBlock, ...]


def read_construct(file: Path) -> Construct:
    """Return the content of a construction file.

    Args:
        file: The JSON file.

    Raises:
        ConfigError: If it is no such file, or asks for what mmgraph cannot do; all faults at once.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError("there is no such file", where=str(file), fix="Check the path.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"is no JSON: {error}", where=str(file), fix="Mend it.") from None
    if not isinstance(content, dict) or not {"nodes", "edges"} <= content.keys():
        raise ConfigError(
            "is no construction file of GraphStorm: it has no nodes and edges",
            where=str(file),
            fix="Give a dataset.yaml, or a file as GraphStorm's gconstruct takes it.",
        )
    return parse(Construct, content, where=str(file))
