"""How a task learns that asks whether two modalities belong together."""

from __future__ import annotations

from pydantic import Field

from mmgraph.config import Config
from mmgraph.training.pair_config import Channels, Context


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
    channels: Channels = 128
    context: Context = 0.2
    ridge: bool = Field(
        default=True,
        description="Begin with ridge regression between both modalities, linear or with a Gaussian kernel, "
        "and their canonical correlations, all fitted in closed form, and add what is learnt to them.",
    )
