"""Text: the pooled token states of a pre-trained transformer such as BERT, GPT-2 or the encoder of T5."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mmgraph.data.modalities import RawModality
from mmgraph.encoders.hub_model import HubModel, hub_model
from mmgraph.encoders.padding import require_blind_to_padding
from mmgraph.encoders.pretrained import pretrained_folder
from mmgraph.encoders.trainable import TrainableEncoder, padded
from mmgraph.errors import ConfigError
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS

if TYPE_CHECKING:
    from torch import nn

_PLACE = "encoder text_transformer"


@ENCODERS.register("text_transformer")
@dataclass(kw_only=True, eq=False)
class TextTransformer(TrainableEncoder):
    """Text: the pooled token states of a pre-trained transformer, such as BERT, GPT-2 or the encoder of T5.

    Any text model of the transformers library: BERT (`Devlin et al. 2019 <https://arxiv.org/abs/1810.04805>`_),
    GPT-2, XLNet, T5 (`Raffel et al. 2020 <https://arxiv.org/abs/1910.10683>`_) or BART, of which the encoder
    alone is used, and the text half of CLIP. It stays as it is, unless it is `trainable`.
    Texts of about equally many tokens share a batch; a text's vector does not depend on the texts around it.

    Needs ``mmgraph[hub]``. Nothing is downloaded: a model is a folder, or in the hub's cache already. Only
    safetensors weights are read, and no code that comes with a model is run.

    Args:
        model: A folder, or a name on the Hugging Face hub.
        pooling: ``mean`` or ``max`` over all tokens, the ``first`` (BERT's ``[CLS]``) or the ``last``;
            ``none`` for a node for each token, those that the tokenizer adds among them.
        max_tokens: The tokens to keep of each text, at most as many as the model can read.
        batch_size: Texts at a time, fewer where they are long; another number changes last bits.
        trainable: Whether trainings change the model, all of it or by ``lora``.

    Raises:
        ConfigError: If parameters cannot be used.

    Example:
        >>> TextTransformer(model="openai-community/gpt2", pooling="last").pooling
        'last'
    """

    kind: ClassVar[str] = "text"
    place: ClassVar[str] = _PLACE
    version: ClassVar[int] = 4
    libraries: ClassVar[tuple[str, ...]] = ("transformers",)

    model: Annotated[str, Field(min_length=1, description="A folder, or a name on the Hugging Face hub.")] = (
        "google-bert/bert-base-uncased"
    )
    pooling: Annotated[
        Literal["mean", "max", "first", "last", "none"],
        Field(description="How the states of tokens become one vector."),
    ] = "mean"
    max_tokens: Annotated[int, Field(ge=1, description="The tokens to keep of each text.")] = 512
    batch_size: Annotated[int, Field(ge=1, description="Texts at a time, at most.")] = 16

    @property
    def several(self) -> bool:
        """Whether each token is a node."""
        return self.pooling == "none"

    def describe(self, raw: RawModality, progress: Progress) -> Any:
        """Return the pooled states of each text, float32 [M, D], or the states of all its tokens.

        Raises:
            ConfigError: If the model has no first token that stands for the text, and that was asked for.
            DataError: If the model cannot be found or loaded, or lacks weights.
            MissingDependencyError: If transformers is not installed.
        """
        found = self._found()
        return found.describe_texts(
            raw,
            lambda tokens, mask: self._vectors(found.text_half, tokens, mask),
            max_tokens=self.max_tokens,
            batch_size=self.batch_size,
            progress=progress,
        )

    def inputs(self, raw: RawModality, progress: Progress) -> npt.NDArray[np.int32]:
        """Return the token ids of each text, int32 [M, L] with -1 behind the last one."""
        with progress.job("tokenise text", total=len(raw)) as advance:
            ids = padded(self._found().tokens([str(text) for text in raw.values], most=self.max_tokens))
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
        half = copy.deepcopy(found.text_half)
        return TokenNetwork(half, self._vectors, pad=found.pad, masked=not found.padded)

    def _found(self) -> HubModel:
        folder = pretrained_folder(self.model, kind=self.kind, where=_PLACE)
        found = hub_model(folder, kind="text", encoder_only=True, where=_PLACE)
        found.require_complete(but=("pooler.",))
        if self.pooling == "first" and not _stands_first(found):
            raise ConfigError(
                f"got first, but {self.model!r} has no token there that stands for the text",
                where=f"{_PLACE}: pooling",
                fix="Take mean, or last for a model that reads from left to right.",
            )
        return found

    def _vectors(self, half: Any, tokens: Any, mask: Any) -> Any:
        """Return vectors [B, D] of token ids and their mask, int64 [B, L]."""
        return self._pooled(half(input_ids=tokens, attention_mask=mask), mask)

    def _pooled(self, out: Any, mask: Any) -> Any:
        """Return vectors [B, D] of states [B, L, D] of tokens, or these; a mask [B, L] says what is real."""
        states = out.last_hidden_state
        if self.several:
            return states
        if mask is None:
            mask = states.new_ones(states.shape[:2])
        if self.pooling == "first":
            return states[:, 0]
        if self.pooling == "last":
            return states[range(len(states)), mask.sum(dim=1).long() - 1]
        real = mask.unsqueeze(2).bool()
        if self.pooling == "max":
            return states.masked_fill(~real, float("-inf")).amax(dim=1)
        return states.masked_fill(~real, 0.0).sum(dim=1) / mask.sum(dim=1, keepdim=True)


def _stands_first(found: HubModel) -> bool:
    """Return whether a token that stands for the whole text is the first one."""
    mark = found.prepare.cls_token_id
    return mark is not None and found.tokens(["a"], most=8)[0][0] == mark
