"""The splits of ``dataset.yaml``: of entities, and of the edges of a relation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from mmgraph.config import Config
from mmgraph.data.name import Name


class Fractions(Config):
    """How many go where; the three add up to 1."""

    train: float = Field(gt=0, lt=1, description="The share that trains.")
    validation: float = Field(gt=0, lt=1, description="The share that chooses the best epoch.")
    test: float = Field(gt=0, lt=1, description="The share that is measured on in the end.")

    @model_validator(mode="after")
    def _add_up(self) -> Fractions:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-6:
            raise PydanticCustomError(
                "fractions",
                "the fractions add up to {total}; wanted 1",
                {"total": f"{total:g}", "fix": "Change one of them."},
            )
        return self


class _Split(Config):
    entity: Name = Field(description="The entity type that is split.")


class ColumnSplit(_Split):
    """Fixed by a column that holds `train`, `validation`, `test` or nothing (the entity takes no part)."""

    kind: Literal["column"]
    column: str = Field(description="The column that says where an entity belongs.")


class RandomSplit(_Split):
    """At random."""

    kind: Literal["random"]
    fractions: Fractions = Field(description="How many of the entities go where.")
    seed: int = Field(0, description="Another seed gives another split.")


class StratifiedSplit(_Split):
    """At random with the same share of each value of a column in each part."""

    kind: Literal["stratified"]
    by: str = Field(description="The column whose values keep their share; an empty cell counts as a value.")
    fractions: Fractions = Field(description="How many of the entities go where.")
    seed: int = Field(0, description="Another seed gives another split.")


class GroupedSplit(_Split):
    """At random, but entities with the same value of a column stay together."""

    kind: Literal["grouped"]
    group: str = Field(description="The column whose values stay together; an empty cell is its own group.")
    by: str | None = Field(None, description="A column whose values keep their share as far as groups allow.")
    fractions: Fractions = Field(description="How many of the entities go where.")
    seed: int = Field(0, description="Another seed gives another split.")


class TimeSplit(_Split):
    """By time: the earliest entities train, the latest test."""

    kind: Literal["time"]
    column: str = Field(description="A column of numbers or dates, without empty cells.")
    fractions: Fractions = Field(description="How many of the entities go where.")


class _EdgeSplit(Config):
    relation: Name = Field(description="The relation whose edges are split.")
    fractions: Fractions = Field(description="How many of the edges go where.")


class RandomEdgeSplit(_EdgeSplit):
    """At random: some edges of a relation are held out of the graph, in both directions."""

    kind: Literal["edges"]
    seed: int = Field(0, description="Another seed gives another split.")


class TimeEdgeSplit(_EdgeSplit):
    """By the times of the edges: the earliest stay in the graph, the latest test."""

    kind: Literal["edges_by_time"]


class HoldOut(Config):
    """Which edges of a relation a task asks for; the graph as this task sees it does not have them."""

    by: Literal["random", "time"] = Field(
        default="random", description="`time` trains on the earliest edges and tests on the latest."
    )
    fractions: Fractions = Field(
        default=Fractions(train=0.8, validation=0.1, test=0.1),
        description="How many of the edges go where.",
    )
    seed: int = Field(default=0, description="Another seed gives another split at random.")

    def split(self, relation: str) -> EdgeSplit:
        """Return the same as a split of a relation's edges."""
        if self.by == "time":
            return TimeEdgeSplit(kind="edges_by_time", relation=relation, fractions=self.fractions)
        return RandomEdgeSplit(kind="edges", relation=relation, fractions=self.fractions, seed=self.seed)


EntitySplit = ColumnSplit | RandomSplit | StratifiedSplit | GroupedSplit | TimeSplit
EdgeSplit = RandomEdgeSplit | TimeEdgeSplit
Split = Annotated[EntitySplit | EdgeSplit, Field(discriminator="kind")]
