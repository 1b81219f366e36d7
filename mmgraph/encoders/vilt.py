"""Pairs of text and image: what ViLT sees in both together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mmgraph.data.files import UnreadableFileError
from mmgraph.data.modalities import RawModality
from mmgraph.data.pairs import Pair
from mmgraph.encoders.files import of_each
from mmgraph.encoders.hub_model import HubModel, hub_model
from mmgraph.encoders.images import read_picture
from mmgraph.encoders.pretrained import pretrained_folder
from mmgraph.encoders.pretrained_encoder import PretrainedEncoder
from mmgraph.encoders.tokenise import shortened
from mmgraph.errors import ConfigError
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS

_PLACE = "encoder vilt"


@ENCODERS.register("vilt")
@dataclass(kw_only=True, eq=False)
class Vilt(PretrainedEncoder):
    """Pair of text and image: the pooled states of ViLT, which attends to words and patches together.

    ViLT (`Kim et al. 2021 <https://arxiv.org/abs/2102.03334>`_) needs no detector: patches of the image go
    into one transformer with the words of the text. It stays as it is, and sees a pair at a time.

    Needs ``mmgraph[hub]``. Nothing is downloaded: a model is a folder, or in the hub's cache already. Only
    safetensors weights are read, and no code that comes with a model is run.

    Args:
        model: A folder, or a name on the Hugging Face hub.
        pooling: ``model`` for what the model itself pools, or its first state where the folder holds no
            weights for that; ``mean`` over the words and patches.

    Raises:
        ConfigError: If parameters cannot be used.

    Example:
        >>> Vilt(pooling="mean")
        Vilt(model='dandelin/vilt-b32-mlm', pooling='mean')
    """

    kind: ClassVar[str] = "pair"
    place: ClassVar[str] = _PLACE
    reads: ClassVar[tuple[tuple[str, ...], ...]] = (("text",), ("image",))
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("transformers", "pillow")

    model: Annotated[str, Field(min_length=1, description="A folder, or a name on the Hugging Face hub.")] = (
        "dandelin/vilt-b32-mlm"
    )
    pooling: Annotated[
        Literal["model", "mean"], Field(description="How the states of words and patches become one vector.")
    ] = "model"

    def describe(self, raw: RawModality, progress: Progress) -> npt.NDArray[np.float32]:
        """Return the pooled states of each pair, float32 [M, D].

        Raises:
            ConfigError: If the model is another one.
            DataError: If images cannot be read, or the model cannot be found or loaded, or lacks weights.
            MissingDependencyError: If transformers is not installed.
        """
        import torch

        folder = pretrained_folder(self.model, kind=self.kind, where=_PLACE)
        found = hub_model(folder, kind=self.kind, encoder_only=False, where=_PLACE)
        if (kind := found.model.config.model_type) != "vilt":
            raise ConfigError(f"got a model of the type {kind!r}", where=f"{_PLACE}: model", fix="Take ViLT.")
        found.require_complete(but=("pooler.",))
        own_pooling = self.pooling == "model" and not any(w.startswith("pooler.") for w in found.absent)

        def vector_of(pair: Pair) -> npt.NDArray[np.float32]:
            inputs = _prepared(found, pair)
            # The model puts its patches into a random order, which changes last bits.
            with torch.random.fork_rng(devices=[] if found.placed.on_cpu else [found.placed.device]):
                torch.manual_seed(0)
                vector: npt.NDArray[np.float32] = found.placed.computed(
                    lambda *tensors: pooled(found.model(**dict(zip(inputs, tensors, strict=True)))),
                    *inputs.values(),
                ).numpy()
            return vector

        def pooled(out: Any) -> Any:
            if self.pooling == "mean":
                return out.last_hidden_state.mean(dim=1)[0]
            return out.pooler_output[0] if own_pooling else out.last_hidden_state[0, 0]

        return of_each(raw, vector_of, progress=progress)


def _prepared(found: HubModel, pair: Pair) -> Any:
    """Return the tokens and the pixels of a pair.

    Raises:
        UnreadableFileError: If the image cannot be read, or is so narrow that nothing would be left of it.
    """
    picture = read_picture(pair.second)
    try:
        return found.prepare(
            images=picture,
            text=shortened(found.prepare.tokenizer, pair.first, found.max_tokens),
            truncation=True,
            max_length=found.max_tokens,
            return_tensors="pt",
        )
    except ValueError as error:
        raise UnreadableFileError(
            f"is {picture.width:,} x {picture.height:,} pixels large, which the model cannot read: {error}"
        ) from None
