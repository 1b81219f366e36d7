"""Encoders whose vectors lie in the one space that a pre-trained model has for two kinds of modalities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mmgraph.data.modalities import RawModality
from mmgraph.encoders.affine import Affine
from mmgraph.encoders.hub_model import HubModel, hub_model
from mmgraph.encoders.pretrained import pretrained_folder
from mmgraph.encoders.pretrained_encoder import PretrainedEncoder
from mmgraph.errors import ConfigError
from mmgraph.progress import Progress


@dataclass(kw_only=True, eq=False)
class JointSpace(PretrainedEncoder):
    """Base of both sides: vectors of length ``sqrt(D)``, the same for each side, so that nothing is fitted.

    A mean that each side subtracted for itself would leave two spaces.

    Args:
        model: A folder, or a name on the Hugging Face hub, of a model with a joint space.
    """

    learns: ClassVar[bool] = False
    version: ClassVar[int] = 1

    sides: ClassVar[tuple[str, str]]
    """What the model calls its sides: it has ``get_<side>_features`` for each."""

    fitting: ClassVar[str]
    """Models that can be taken, in words, and what else can."""

    model: Annotated[str, Field(min_length=1, description="A folder, or a name on the Hugging Face hub.")]

    def fit(self, described: npt.NDArray[Any]) -> None:
        """Learn the width alone."""
        width = described.shape[1]
        self._fitted = Affine(np.zeros(width), np.full(width, np.sqrt(width)))

    def transform(self, described: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the vectors at length ``sqrt(D)``, float32 [M, D].

        Raises:
            DataError: If they are of another model, with another width.
        """
        length = np.linalg.norm(described.astype(np.float64), axis=1, keepdims=True)
        return super().transform(described / np.maximum(length, np.finfo(np.float32).tiny))

    def _found(self) -> HubModel:
        folder = pretrained_folder(self.model, kind=self.kind, where=self.place)
        found = hub_model(folder, kind=self.kind, encoder_only=False, where=self.place)
        if not all(hasattr(found.model, f"get_{side}_features") for side in self.sides):
            raise ConfigError(
                f"got a model of the type {found.model.config.model_type!r}, without a joint space of "
                f"{' and '.join(self.sides)}",
                where=f"{self.place}: model",
                fix=f"Take {self.fitting}, or the encoder {self.kind}_transformer.",
            )
        found.require_complete()
        return found


@dataclass(kw_only=True, eq=False)
class TextSide(JointSpace):
    """Base of the sides that read text.

    Args:
        batch_size: Texts at a time, fewer where they are long; another number changes last bits.
    """

    kind: ClassVar[str] = "text"
    version: ClassVar[int] = 2
    libraries: ClassVar[tuple[str, ...]] = ("transformers",)

    batch_size: Annotated[int, Field(ge=1, description="Texts at a time, at most.")] = 16

    def describe(self, raw: RawModality, progress: Progress) -> npt.NDArray[np.float32]:
        """Return the text features of the model, float32 [M, D].

        Raises:
            ConfigError: If the model has no joint space.
            DataError: If the model cannot be found or loaded, or lacks weights.
            MissingDependencyError: If transformers is not installed.
        """
        found = self._found()
        described: npt.NDArray[np.float32] = found.describe_texts(
            raw,
            lambda tokens, mask: (
                found.model.get_text_features(input_ids=tokens, attention_mask=mask).pooler_output
            ),
            max_tokens=found.max_tokens,
            batch_size=self.batch_size,
            progress=progress,
        )
        return described
