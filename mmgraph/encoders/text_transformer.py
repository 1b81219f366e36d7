"""Text: the pooled token states of a pre-trained transformer such as BERT, GPT-2 or the encoder of T5."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from mmgraph.data.modalities import RawModality
from mmgraph.encoders.frozen import FrozenEncoder
from mmgraph.encoders.hub_model import hub_model
from mmgraph.encoders.pretrained import content_of, pretrained_folder
from mmgraph.errors import ConfigError
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS

_PLACE = "encoder text_transformer"


@ENCODERS.register("text_transformer")
@dataclass(kw_only=True, eq=False)
class TextTransformer(FrozenEncoder):
    """Text: the pooled token states of a pre-trained transformer, such as BERT, GPT-2 or the encoder of T5.

    Any text model of the transformers library: BERT (`Devlin et al. 2019 <https://arxiv.org/abs/1810.04805>`_),
    GPT-2, T5 (`Raffel et al. 2020 <https://arxiv.org/abs/1910.10683>`_), of which only the encoder is loaded,
    and the text half of CLIP. It stays as it is, and runs on the CPU. Texts of about equally
    many tokens share a batch, and a text's vector does not depend on the texts around it.

    Needs ``mmgraph[hub]``. Nothing is downloaded: a model is a folder, or in the hub's cache already. Only
    safetensors weights are read, and no code that comes with a model is run.

    Args:
        model: A folder, or a name on the Hugging Face hub.
        pooling: ``mean`` or ``max`` over all tokens, the ``first`` (BERT's ``[CLS]``) or the ``last``;
            ``none`` for a node for each token, those that the tokenizer adds among them.
        max_tokens: The tokens to keep of each text, at most as many as the model can read.
        batch_size: Texts at a time; another number changes last bits.

    Raises:
        ConfigError: If parameters cannot be used.

    Example:
        >>> TextTransformer(model="openai-community/gpt2", pooling="last").pooling
        'last'
    """

    kind: ClassVar[str] = "text"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("transformers",)

    model: Annotated[str, Field(min_length=1, description="A folder, or a name on the Hugging Face hub.")] = (
        "google-bert/bert-base-uncased"
    )
    pooling: Annotated[
        Literal["mean", "max", "first", "last", "none"],
        Field(description="How the states of tokens become one vector."),
    ] = "mean"
    max_tokens: Annotated[int, Field(ge=1, description="The tokens to keep of each text.")] = 512
    batch_size: Annotated[int, Field(ge=1, description="Texts at a time.")] = 16

    def description_parameters(self) -> dict[str, Any]:
        """Return the content of the model, and all else."""
        content = content_of(pretrained_folder(self.model, kind=self.kind, where=_PLACE))
        return {**self.parameters(), "model": content}

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
        folder = pretrained_folder(self.model, kind=self.kind, where=_PLACE)
        found = hub_model(folder, kind="text", encoder_only=True, where=_PLACE)
        found.require_complete(but=("pooler.",))
        if self.pooling == "first" and found.prepare.cls_token_id is None:
            raise ConfigError(
                f"got first, but {self.model!r} has no token there that stands for the text",
                where=f"{_PLACE}: pooling",
                fix="Take mean, or last for a model that reads from left to right.",
            )
        half = getattr(found.model, "text_model", found.model)

        return found.describe_texts(
            raw,
            lambda tokens, mask: self._pooled(half(input_ids=tokens, attention_mask=mask), mask),
            max_tokens=self.max_tokens,
            batch_size=self.batch_size,
            progress=progress,
        )

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
