"""The configuration of tasks that ask for links: what can stand under ``links``."""

from __future__ import annotations

from pydantic import Field

from mmgraph.config import Config
from mmgraph.sampling.negatives import Strategy
from mmgraph.tasks.decoders import DecoderName
from mmgraph.tasks.link_options import LinkLossName


class LinkConfig(Config):
    """How a task that asks for links scores and learns them."""

    decoder: DecoderName = Field(
        default="dot",
        description="What makes a score of the states of both ends: `dot`, their dot product; `distmult`, "
        "one with a weight for each channel; `complex` and `mlp` also know a direction.",
    )
    loss: LinkLossName = Field(
        default="softmax",
        description="`softmax`, the cross-entropy of the true target among it and the drawn ones, or "
        "`binary`, that of each link and of the drawn ones, which weigh as much together.",
    )
    negatives: Strategy = Field(
        default="uniform",
        description="How targets are drawn that a source is not linked to in training: `uniform`, any; "
        "`degree`, in proportion to their degree to the power of 3/4; `in_batch`, targets of other links of "
        "the step; `hard`, those that share a source with the true target.",
    )
    num_negatives: int = Field(default=10, ge=1, description="How many for each link.")
    asked: float = Field(
        default=0.3,
        gt=0,
        lt=1,
        description="With the whole graph in each step: the share of training links that a step asks for, "
        "and leaves out of the edges; 16,384 at most.",
    )
    structure: bool = Field(
        default=False,
        description="Add to each score what the training links say of the pair without the link between "
        "them: how many paths there are between both (as Adamic and Adar weigh them), and the degree of the "
        "target, each with a learned weight.",
    )
