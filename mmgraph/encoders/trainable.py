"""Encoders whose pre-trained model may be trained together with the graph model."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mmgraph.data.modalities import RawModality
from mmgraph.encoders.pretrained_encoder import PretrainedEncoder
from mmgraph.errors import ConfigError
from mmgraph.progress import Progress

if TYPE_CHECKING:
    from torch import nn

Trainable = bool | Literal["lora"]
"""Whether a pre-trained model is trained: not, all of it, or by low-rank changes of its linear maps."""


@dataclass(kw_only=True, eq=False)
class TrainableEncoder(PretrainedEncoder):
    """Base of frozen encoders whose model can be trained with the graph model.

    What the model reads of each item, token ids or pixels, is made once and kept with the graph; what the
    frozen model makes of it stays the features, which relations and baselines read.

    Args:
        trainable: Whether a graph keeps what the model reads, and how trainings change the model unless
            their config says otherwise.
    """

    trainable: Annotated[
        Trainable,
        Field(
            description="Keep what the model reads with the graph, so that trainings fine-tune the model: "
            "`true` all of it, `lora` low-rank changes of its linear maps."
        ),
    ] = field(default=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.trainable and self.several:
            raise ConfigError(
                f"got {self.trainable!r} for an encoder that makes several nodes of an item",
                where=f"{type(self).__name__}: trainable",
                fix="Leave it out, or take another pooling.",
            )

    @abstractmethod
    def inputs(self, raw: RawModality, progress: Progress) -> npt.NDArray[Any]:
        """Return what the model reads of each item: token ids, int32 [M, L] with -1 behind the last one, or
        pixels, uint8 [M, 3, height, width].

        Args:
            raw: The items, at least one.
            progress: Told about every item.

        Raises:
            DataError: If items cannot be read, or the model cannot be found or loaded.
            MissingDependencyError: If a library is not installed.
        """

    @abstractmethod
    def network(self) -> nn.Module:
        """Return a copy of the model that makes of some inputs, a tensor, their descriptions, [B, D].

        Raises:
            DataError: If the model cannot be found or loaded.
            MissingDependencyError: If a library is not installed.
        """

    def description_parameters(self) -> dict[str, Any]:
        """Return the content of the model, and all else that the frozen one depends on."""
        parameters = super().description_parameters()
        del parameters["trainable"]
        return parameters


def require_frozen(encoder: object, *, where: str, what: str) -> None:
    """Refuse an encoder that is to be trained where no training reaches it.

    Args:
        encoder: Any encoder.
        where: The place that names it.
        what: What it serves, e.g. ``a relation``.

    Raises:
        ConfigError: If it is trainable.
    """
    if isinstance(encoder, TrainableEncoder) and encoder.trainable:
        raise ConfigError(
            f"got {encoder.trainable!r}, but an encoder that serves {what} stays as it is",
            where=f"{where}.trainable",
            fix="Leave it out, or set it at the encoder of a modality of texts or images.",
        )


def padded(ids: list[list[int]]) -> npt.NDArray[np.int32]:
    """Return token ids as rows of one length, int32 [M, L], with -1 behind the last one.

    Example:
        >>> padded([[5, 6], [7]]).tolist()
        [[5, 6], [7, -1]]
    """
    rows = np.full((len(ids), max(map(len, ids))), -1, dtype=np.int32)
    for row, tokens in zip(rows, ids, strict=True):
        row[: len(tokens)] = tokens
    return rows
