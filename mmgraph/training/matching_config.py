"""How a task learns that asks whether two modalities belong together."""

from __future__ import annotations

from pydantic import Field

from mmgraph.config import Config


class MatchingConfig(Config):
    """How it is learnt whether two modalities of an entity belong together."""

    num_negatives: int = Field(
        default=1, ge=1, description="How many wrong answers a step asks about for each right one."
    )
    hard_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="The share of these that is the answer of a neighbour: an edge ties it to the entity, or "
        "both are tied to the same node, such as a tag. Where the step has no neighbour, anybody's is taken.",
    )
    channels: int = Field(default=128, ge=1, description="Width of the space in which both are compared.")
    context: float = Field(
        default=0.2,
        ge=0,
        lt=1,
        description="With the whole graph in each step: the share of training entities that a step does not "
        "ask for, and of which all is seen. With 0, no entity is ever seen as a whole.",
    )
