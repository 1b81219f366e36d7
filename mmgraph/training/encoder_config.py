"""How pre-trained encoders are trained together with a model."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mmgraph.config import Config
from mmgraph.encoders.trainable import Trainable

Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]

USUAL_RATE, USUAL_LORA_RATE = 5e-5, 5e-4


class EncoderConfig(Config):
    """How pre-trained encoders are trained together with a model."""

    trainable: Trainable | None = Field(
        default=None,
        description="Whether the pre-trained encoders that are `trainable` in `dataset.yaml` are trained: "
        "`false` leaves them as they are, `true` trains all of their weights, `lora` low-rank changes of "
        "their linear maps (needs `mmgraph[lora]`). If nothing is set, as `dataset.yaml` says of each.",
    )
    lr: Rate | None = Field(
        default=None,
        description="Their learning rate, at its highest; it moves as `optimiser.lr` does. If nothing is "
        f"set, {USUAL_RATE:g}, and {USUAL_LORA_RATE:g} with `lora`.",
    )
    lora_rank: int = Field(default=8, ge=1, description="With `lora`: the rank of the changes.")
    lora_alpha: int = Field(
        default=16,
        ge=1,
        description="With `lora`: the changes are multiplied by this, divided by their rank.",
    )
    batch_size: int = Field(
        default=32,
        ge=1,
        description="How many texts or images pass an encoder at a time. Fewer take less memory; the result "
        "is the same up to last digits and dropout.",
    )
