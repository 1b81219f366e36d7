"""Text: sentence vectors of a pre-trained transformer such as MiniLM."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mmgraph.data.modalities import RawModality
from mmgraph.encoders.padding import require_blind_to_padding
from mmgraph.encoders.placement import placement
from mmgraph.encoders.pretrained import pretrained_folder
from mmgraph.encoders.sentence_model import SentenceModel, sentence_model
from mmgraph.encoders.token_batches import describe_tokens
from mmgraph.encoders.trainable import TrainableEncoder, padded
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS

if TYPE_CHECKING:
    from torch import nn

_PLACE = "encoder sentence_transformer"


@ENCODERS.register("sentence_transformer")
@dataclass(kw_only=True, eq=False)
class SentenceTransformer(TrainableEncoder):
    """Text: the sentence vectors of a pre-trained transformer, by default MiniLM's.

    Sentence-BERT (`Reimers and Gurevych 2019 <https://arxiv.org/abs/1908.10084>`_). The transformer stays as
    it is, unless it is `trainable`; one factor for all channels gives the training texts a mean variance of
    1.

    Needs ``mmgraph[minilm]``, which brings the weights of the default model, or ``mmgraph[text]`` and a model
    of one's own. Only safetensors weights are read, and no code that comes with a model is run.

    Args:
        model: A folder, or a name on the Hugging Face hub: of a model that a package brings, or that is in
            the hub's cache on this machine already.
        batch_size: Texts at a time, fewer where they are long; another number changes last bits.
        trainable: Whether trainings change the model, all of it or by ``lora``.

    Raises:
        ConfigError: If parameters cannot be used.

    Example:
        >>> SentenceTransformer(batch_size=16)
        SentenceTransformer(model='sentence-transformers/all-MiniLM-L6-v2', batch_size=16)
    """

    kind: ClassVar[str] = "text"
    place: ClassVar[str] = _PLACE
    version: ClassVar[int] = 6

    model: Annotated[str, Field(min_length=1, description="A folder, or a name on the Hugging Face hub.")] = (
        "sentence-transformers/all-MiniLM-L6-v2"
    )
    batch_size: Annotated[int, Field(ge=1, description="Texts at a time, at most.")] = 16

    def describe(self, raw: RawModality, progress: Progress) -> npt.NDArray[Any]:
        """Return the sentence vectors, float32 [M, D].

        Raises:
            DataError: If the model cannot be found or loaded.
            MissingDependencyError: If sentence-transformers is not installed.
        """
        found = self._found()
        described: npt.NDArray[np.float32] = describe_tokens(
            found.tokens([str(text) for text in raw.values]),
            lambda ids, mask: found.vectors(found.model, ids, mask),
            batch_size=self.batch_size,
            pad=found.pad,
            most=found.max_tokens,
            where=found.placed,
            padded=not found.sees_padding,
            progress=progress,
        )
        return described

    def inputs(self, raw: RawModality, progress: Progress) -> npt.NDArray[np.int32]:
        """Return the token ids of each text, int32 [M, L] with -1 behind the last one."""
        with progress.job("tokenise text", total=len(raw)) as advance:
            ids = padded(self._found().tokens([str(text) for text in raw.values]))
            advance(len(raw))
        return ids

    def network(self) -> nn.Module:
        """Return a copy of the model that makes vectors [B, D] of token ids [B, L].

        Raises:
            ConfigError: If padding changes what the model makes of a text, as a training's batches have some.
        """
        from mmgraph.encoders.networks import TokenNetwork

        found = self._found()
        require_blind_to_padding(self.model, found.sees_padding, where=_PLACE)
        return TokenNetwork(copy.deepcopy(found.model), found.vectors, pad=found.pad)

    def _found(self) -> SentenceModel:
        folder = pretrained_folder(self.model, kind=self.kind, where=_PLACE)
        return sentence_model(folder, self.content(), _PLACE, placement())
