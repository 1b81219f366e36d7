"""Text: sentence vectors of a pre-trained transformer such as MiniLM."""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mmgraph.data.modalities import RawModality
from mmgraph.encoders.pretrained import pretrained_folder
from mmgraph.encoders.token_batches import describe_tokens
from mmgraph.encoders.tokenise import token_ids
from mmgraph.encoders.trainable import TrainableEncoder, padded
from mmgraph.errors import DataError, MissingDependencyError
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS

if TYPE_CHECKING:
    from torch import nn

_PLACE = "encoder sentence_transformer"
_INSTALL = "Install it: pip install 'mmgraph[minilm]', or 'mmgraph[text]' without a model"


@ENCODERS.register("sentence_transformer")
@dataclass(kw_only=True, eq=False)
class SentenceTransformer(TrainableEncoder):
    """Text: the sentence vectors of a pre-trained transformer, by default MiniLM's.

    Sentence-BERT (`Reimers and Gurevych 2019 <https://arxiv.org/abs/1908.10084>`_). The transformer stays as
    it is, unless it is `trainable`; one factor for all channels gives the training texts a mean variance of
    1. It runs on the CPU.

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
    version: ClassVar[int] = 4

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
        model = self._found()
        described: npt.NDArray[np.float32] = describe_tokens(
            _tokens(model, raw),
            lambda ids, mask: _vectors(model, ids, mask),
            batch_size=self.batch_size,
            pad=model.tokenizer.pad_token_id,
            most=_most_tokens(model),
            progress=progress,
        )
        return described

    def inputs(self, raw: RawModality, progress: Progress) -> npt.NDArray[np.int32]:
        """Return the token ids of each text, int32 [M, L] with -1 behind the last one."""
        with progress.job("tokenise text", total=len(raw)) as advance:
            ids = padded(_tokens(self._found(), raw))
            advance(len(raw))
        return ids

    def network(self) -> nn.Module:
        """Return a copy of the model that makes vectors [B, D] of token ids [B, L]."""
        from mmgraph.encoders.networks import TokenNetwork

        model = copy.deepcopy(self._found())
        return TokenNetwork(model, _vectors, pad=model.tokenizer.pad_token_id)

    def _found(self) -> Any:
        return _loaded(pretrained_folder(self.model, kind=self.kind, where=_PLACE), self.content())


def _tokens(model: Any, raw: RawModality) -> list[list[int]]:
    prompt = model.prompts.get(model.default_prompt_name, "")
    texts = [prompt + str(text) for text in raw.values]
    return token_ids(model.tokenizer, texts, most=_most_tokens(model))


def _most_tokens(model: Any) -> int:
    return int(model.max_seq_length or model.tokenizer.model_max_length)


def _vectors(model: Any, ids: Any, mask: Any) -> Any:
    """Return vectors [B, D] of token ids and their mask, int64 [B, L]."""
    return model({"input_ids": ids, "attention_mask": mask})["sentence_embedding"]


@functools.lru_cache(maxsize=2)
def _loaded(folder: Path, content: str) -> Any:  # noqa: ARG001 - the key
    """Return a ``sentence_transformers.SentenceTransformer`` on the CPU."""
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging
    except ImportError as error:
        raise MissingDependencyError(
            f"needs sentence-transformers, which cannot be loaded: {error}", where=_PLACE, fix=_INSTALL
        ) from None
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        return SentenceTransformer(
            str(folder),
            device="cpu",
            trust_remote_code=False,
            local_files_only=True,
            model_kwargs={"use_safetensors": True},
        )
    except (OSError, ValueError, KeyError, ImportError, AttributeError, TypeError) as error:
        raise DataError(
            f"the sentence transformer cannot be loaded: {str(error).strip().partition(chr(10))[0]}",
            where=f"{_PLACE}: {folder}",
            fix="Give a folder or a hub name of a model of sentence-transformers with safetensors weights.",
        ) from None
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
