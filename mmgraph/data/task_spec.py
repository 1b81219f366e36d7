"""The tasks of ``dataset.yaml``: what to predict, and what must not be seen meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from mmgraph.config import Config
from mmgraph.data.name import Name
from mmgraph.data.references import (
    LINK_PREDICTION,
    MATCHING,
    MULTI_LABEL,
    MULTI_TASK,
    PRETRAINING,
    RETRIEVAL,
)
from mmgraph.data.split_spec import HoldOut


class Without(Config):
    """What a task must not see."""

    modalities: tuple[Name, ...] = Field(default=(), description="Names of modalities.")
    relations: tuple[Name, ...] = Field(
        default=(), description="Names of relations; their reverse ones go with them."
    )


class TaskSpec(Config):
    """What to predict, for which entities, on which split."""

    entity: Name = Field(description="The entity type whose column is predicted.")
    kind: str = Field("classification", description="The task (`mmgraph list tasks`).")
    target: str = Field(description="The column to predict; an entity with an empty cell is unlabelled.")
    split: Name = Field(description="The name of a split of the same entity type.")
    without: Without = Field(default=Without(), description="Modalities and relations it must not see.")
    description: str = Field("", description="For people: what is predicted, and why that is hard.")


class MultiLabelTaskSpec(TaskSpec):
    """Which of several labels an entity has: none, one or many."""

    kind: Literal["multi_label"] = Field(description="Says that an entity may have several labels.")
    target: str = Field(
        description="The column to predict: lists of labels (JSONL, Parquet), or text that `separator` cuts. "
        "An entity with an empty cell is unlabelled; one with an empty list has no label."
    )
    separator: str | None = Field(
        default=None, min_length=1, description="What stands between the labels in a cell of text."
    )
    min_count: int = Field(
        default=1,
        ge=1,
        description="A label that fewer training entities have is left out of what is learnt and measured.",
    )


class LinkTaskSpec(Config):
    """Which edges of a relation to predict."""

    kind: Literal["link_prediction"] = Field(description="Says that it asks for edges.")
    relation: Name = Field(description="The relation between entities whose edges are predicted.")
    split: Name | None = Field(
        default=None,
        description="A split of the relation's edges, which holds them out for every task. By default "
        "`hold_out` says which.",
    )
    hold_out: HoldOut | None = Field(
        default=None,
        description="In place of a split: which edges are held out for this task alone. By default a tenth "
        "for validation and a tenth for test, at random.",
    )
    direction: Literal["onwards", "both"] = Field(
        default="onwards",
        description="`both` asks each edge among entities of one type from both ends, so that entities find "
        "each other, though its relation has a direction; one without has both in any case.",
    )
    without: Without = Field(default=Without(), description="Modalities and relations it must not see.")
    description: str = Field(default="", description="For people: what is predicted, and why that is hard.")

    @model_validator(mode="after")
    def _held_out_once(self) -> LinkTaskSpec:
        if self.split is not None and self.hold_out is not None:
            raise PydanticCustomError(
                "hold_out", "got both split and hold_out; wanted one of them", {"fix": "Remove one of them."}
            )
        return self


class PairTaskSpec(Config):
    """What two modalities of an entity have to do with each other.

    The two sides of an entity that is asked for are seen apart: the query with nothing but its modality and
    relations that were made from it, and the answer likewise. What else is seen must be named, and what both
    sides saw would give each other away.
    """

    kind: str = Field(description="The task (`mmgraph list tasks`).")
    entity: Name = Field(description="The entity type.")
    query: Name = Field(description="One modality, e.g. the one to find the other by.")
    answer: Name = Field(description="The other modality.")
    query_with: tuple[Name, ...] = Field(
        default=(), description="Further modalities and relations that are seen on the side of the query."
    )
    answer_with: tuple[Name, ...] = Field(
        default=(), description="Further modalities and relations that are seen on the side of the answer."
    )
    split: Name = Field(description="The name of a split of the same entity type.")
    without: Without = Field(
        default=Without(), description="Modalities and relations that are not seen of any entity."
    )
    description: str = Field("", description="For people: what is asked, and why that is hard.")

    @model_validator(mode="after")
    def _apart(self) -> Self:
        both = {self.query, *self.query_with} & {self.answer, *self.answer_with}
        if both:
            raise PydanticCustomError(
                "both_sides",
                "got {name} on both sides, which would give each other away",
                {"name": repr(min(both)), "fix": "Name it on one side."},
            )
        return self


class RetrievalTaskSpec(PairTaskSpec):
    """Which of two modalities belong to one entity, to find either by the other, in both directions."""

    kind: Literal["retrieval"] = Field(description="Says that it asks which modalities belong to one entity.")


class MatchingTaskSpec(PairTaskSpec):
    """Whether two modalities belong to one entity; what a training asks is `matching` in its config."""

    kind: Literal["matching"] = Field(description="Says that it asks whether two modalities belong together.")
    num_negatives: int = Field(
        default=1, ge=1, description="How many wrong answers are asked about for each right one, to measure."
    )
    hard_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="The share of these that are answers of a neighbour; the others are anybody's.",
    )
    seed: int = Field(default=0, ge=0, lt=2**32, description="Says which ones; the same for all trainings.")


class PretrainingTaskSpec(Config):
    """Of which entities a model learns without labels."""

    kind: Literal["pretraining"] = Field(description="Says that nothing is predicted.")
    entity: Name = Field(description="The entity type.")
    split: Name = Field(description="The name of a split of the same entity type.")
    without: Without = Field(default=Without(), description="Modalities and relations it must not see.")
    description: str = Field("", description="For people: what it is for.")


class MultiTaskSpec(Config):
    """Several tasks that one model learns, with a head for each."""

    kind: Literal["multi_task"] = Field(description="Says that it is several tasks.")
    tasks: tuple[Name, ...] = Field(
        min_length=2, description="Names of tasks that ask for a target of each entity."
    )
    without: Without = Field(
        default=Without(),
        description="Modalities and relations it must not see, beside those that any of the tasks must not.",
    )
    description: str = Field("", description="For people: what is predicted, and why together.")

    @model_validator(mode="after")
    def _each_once(self) -> MultiTaskSpec:
        if len(set(self.tasks)) < len(self.tasks):
            raise PydanticCustomError(
                "tasks_twice", "got a task twice; wanted each once", {"fix": "Remove one of them."}
            )
        return self


EntitiesTaskSpec = TaskSpec | RetrievalTaskSpec | MatchingTaskSpec | PretrainingTaskSpec
"""A task whose rows are the entities of a type."""

AnyTaskSpec = EntitiesTaskSpec | LinkTaskSpec | MultiTaskSpec


def task_model(content: Any) -> type[AnyTaskSpec]:
    """Return what checks a task: that depends on its ``kind``.

    Args:
        content: The mapping that a file holds, or a task.
    """
    kind = content.get("kind") if isinstance(content, Mapping) else getattr(content, "kind", None)
    models: dict[str, type[AnyTaskSpec]] = {
        MULTI_LABEL: MultiLabelTaskSpec,
        MULTI_TASK: MultiTaskSpec,
        LINK_PREDICTION: LinkTaskSpec,
        RETRIEVAL: RetrievalTaskSpec,
        MATCHING: MatchingTaskSpec,
        PRETRAINING: PretrainingTaskSpec,
    }
    return models.get(str(kind), TaskSpec)


TaskOfItsKind = Annotated[
    Annotated[TaskSpec, Tag("TaskSpec")]
    | Annotated[MultiLabelTaskSpec, Tag("MultiLabelTaskSpec")]
    | Annotated[LinkTaskSpec, Tag("LinkTaskSpec")]
    | Annotated[MultiTaskSpec, Tag("MultiTaskSpec")]
    | Annotated[RetrievalTaskSpec, Tag("RetrievalTaskSpec")]
    | Annotated[MatchingTaskSpec, Tag("MatchingTaskSpec")]
    | Annotated[PretrainingTaskSpec, Tag("PretrainingTaskSpec")],
    Discriminator(lambda content: task_model(content).__name__),
]
"""A task, checked by what its kind asks for."""
