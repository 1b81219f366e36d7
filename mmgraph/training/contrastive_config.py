"""How a task that brings two kinds of states together learns."""

from __future__ import annotations

from pydantic import Field

from mmgraph.config import Config
from mmgraph.tasks.objectives.contrast import ContrastName, Related
from mmgraph.training.pair_config import Channels, Context


class ContrastiveConfig(Config):
    """How two kinds of states are brought together, e.g. both modalities of a retrieval."""

    loss: ContrastName = Field(
        default="info_nce",
        description="`info_nce`, by which each finds its own among all others of the step (CLIP), or "
        "`sigmoid`, which asks of each two by themselves (SigLIP).",
    )
    temperature: float = Field(
        default=0.07,
        ge=0.01,
        le=10,
        description="What cosines are divided by at first; it is learnt, and never less than 0.01.",
    )
    related: Related = Field(
        default="negative",
        description="What two entities are that an edge ties: `negative`, wrong answers as any others; "
        "`ignored`, neither right nor wrong; or `shared`, right in part.",
    )
    related_by: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        description="The relations whose edges count as ties; if nothing is set, all between two entities. "
        "Neighbours in common (`hard_negatives`) are those by any relation.",
    )
    share: float = Field(
        default=0.1,
        gt=0,
        lt=1,
        description="With `shared`: the part of the target that the relatives of an entity have together.",
    )
    hard_negatives: float = Field(
        default=1.0,
        ge=1,
        allow_inf_nan=False,
        description="How much a wrong answer counts that has a neighbour in common with the right one, of "
        "whichever type, and is no neighbour of it.",
    )
    channels: Channels = 128
    context: Context = 0.2
    ridge: bool = Field(
        default=True,
        description="Of a retrieval: begin with ridge regression between both modalities, linear or with a "
        "Gaussian kernel, fitted in closed form, and let the likeness that is learnt add to it. Of training "
        "entities it says what maps do that were fitted without them.",
    )
    chunk: int | None = Field(
        default=None,
        ge=1,
        description="With mini-batches: how many entities of a step pass the model at a time, twice each, so "
        "that a large `batch_size`, in which each stands against all others, takes the memory of a small one "
        "(gradient caching). If nothing is set, all at once.",
    )
