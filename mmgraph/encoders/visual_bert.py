"""Pairs of text and regions of an image: what VisualBERT sees in both together."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mmgraph.data.choice import Choice
from mmgraph.data.files import UnreadableFileError
from mmgraph.data.modalities import RawModality
from mmgraph.data.pairs import Pair
from mmgraph.data.regions import MOST, Regions
from mmgraph.encoders.files import of_each
from mmgraph.encoders.frozen import FrozenEncoder
from mmgraph.encoders.hub_model import HubModel, hub_model
from mmgraph.encoders.images import read_rgb
from mmgraph.encoders.of_pictures import describe_pictures, described_by, image_encoder
from mmgraph.encoders.placement import placement
from mmgraph.encoders.pretrained import content_of, pretrained_folder
from mmgraph.encoders.regions import pictures_in
from mmgraph.errors import ConfigError
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS

_PLACE = "encoder visual_bert"

_TOKENIZERS = ("tokenizer.json", "tokenizer_config.json", "vocab.txt")
_BERTS = "google-bert/bert-base-uncased"


@ENCODERS.register("visual_bert")
@dataclass(kw_only=True, eq=False)
class VisualBert(FrozenEncoder):
    """Pair of text and regions: the pooled states of VisualBERT, which attends to words and regions together.

    VisualBERT (`Li et al. 2019 <https://arxiv.org/abs/1908.03557>`_) takes the words of a text and a vector
    for each region of an image, as a detector's network gives them. These come from a modality of the kind
    ``features``, as a sequence with any number of vectors for each entity or as one vector, or from boxes (a
    modality of the kind ``regions``) by an encoder of images, not scaled. They have to be as wide as those
    that the model was trained on. It stays as it is, and sees a pair at a time.

    Needs ``mmgraph[hub]``. Nothing is downloaded: a model is a folder, or in the hub's cache already. Only
    safetensors weights are read, and no code that comes with a model is run.

    Args:
        model: A folder, or a name on the Hugging Face hub.
        tokenizer: The same of its tokenizer; nothing for the one in the model's own folder, or where that
            holds none, as those on the hub do not, BERT's.
        regions: The encoder of images that makes a vector of each box; nothing where there are none.
        pooling: ``model`` for what the model itself pools, or its first state where the folder holds no
            weights for that; ``mean`` over the words and regions.

    Raises:
        ConfigError: If parameters cannot be used.

    Example:
        >>> VisualBert(pooling="mean").model
        'uclanlp/visualbert-vqa-coco-pre'
    """

    kind: ClassVar[str] = "pair"
    reads: ClassVar[tuple[tuple[str, ...], ...]] = (("text",), ("features", "regions"))
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("transformers",)

    model: Annotated[str, Field(min_length=1, description="A folder, or a name on the Hugging Face hub.")] = (
        "uclanlp/visualbert-vqa-coco-pre"
    )
    tokenizer: Annotated[
        str | None,
        Field(min_length=1, description="The same of its tokenizer; without it, the model's own or BERT's."),
    ] = None
    regions: Annotated[
        Choice | None, Field(description="The encoder of images that makes a vector of each box.")
    ] = None
    pooling: Annotated[
        Literal["model", "mean"], Field(description="How the states of words and regions become one vector.")
    ] = "model"

    def __post_init__(self) -> None:
        super().__post_init__()
        where = f"{type(self).__name__}: regions"
        self._images = None if self.regions is None else image_encoder(self.regions, where=where)

    def description_parameters(self) -> dict[str, Any]:
        """Return the content of the model and of its tokenizer, and all else."""
        folder = self._folder(self.model)
        content = {"model": content_of(folder)}
        if (beside := self._tokenizer(folder)) != folder:
            content["tokenizer"] = content_of(beside)
        images: dict[str, Any] = {}
        if self.regions is not None and self._images is not None:
            images["regions"] = described_by(self._images, self.regions.name)
        return {**self.parameters(), **content, **images, **placement().mark}

    def describe(self, raw: RawModality, progress: Progress) -> npt.NDArray[np.float32]:
        """Return the pooled states of each pair, float32 [M, D].

        Raises:
            ConfigError: If the model is another one, or regions are not as wide as it wants.
            DataError: If the model cannot be found or loaded, or lacks weights.
            MissingDependencyError: If transformers is not installed.
        """
        found = self._found()
        with tempfile.TemporaryDirectory() as folder:

            def vector_of(pair: Pair) -> npt.NDArray[np.float32]:
                vectors = self._vectors(pair.second, Path(folder))
                self._refuse_width(vectors.shape[-1], found.model.config.visual_embedding_dim)
                return self._vector_of(found, pair.first, vectors)

            return of_each(raw, vector_of, progress=progress)

    def _vectors(self, second: Any, folder: Path) -> npt.NDArray[np.float32]:
        """Return the vectors of the regions of a pair, float32 [R, V]."""
        number = len(second.boxes) if isinstance(second, Regions) else len(second)
        if number > MOST:
            raise UnreadableFileError(f"has {number:,} regions; wanted at most {MOST:,}")
        if not isinstance(second, Regions):
            return np.array(second, dtype=np.float32)
        if self._images is None:
            raise ConfigError(
                "got boxes, and no encoder that makes a vector of each",
                where=f"{_PLACE}: regions",
                fix="Name an encoder of images, e.g. regions: image_transformer.",
            )
        pictures = pictures_in(read_rgb(second.path), second.boxes)
        vectors = np.asarray(describe_pictures(self._images, pictures, folder), dtype=np.float32)
        return vectors.reshape(len(vectors), -1)

    def _refuse_width(self, width: int, wanted: int) -> None:
        if width != wanted:
            raise ConfigError(
                f"got regions of width {width}; {self.model!r} was trained on {wanted}",
                where=f"{_PLACE}: model",
                fix="Give the vectors of the network that it was trained with, or another model.",
            )

    def _folder(self, name: str) -> Path:
        return pretrained_folder(name, kind=self.kind, where=_PLACE)

    def _tokenizer(self, folder: Path) -> Path:
        """Return the folder of the tokenizer of a model in a folder."""
        if self.tokenizer is None and any((folder / name).is_file() for name in _TOKENIZERS):
            return folder
        where = f"{_PLACE}: tokenizer"
        return pretrained_folder(self.tokenizer or _BERTS, kind=self.kind, where=where)

    def _found(self) -> HubModel:
        folder = self._folder(self.model)
        beside = self._tokenizer(folder)
        found = hub_model(folder, kind="text", encoder_only=False, where=_PLACE, tokenizer=beside)
        if (kind := found.model.config.model_type) != "visual_bert":
            raise ConfigError(
                f"got a model of the type {kind!r}", where=f"{_PLACE}: model", fix="Take VisualBERT."
            )
        found.require_complete(but=("pooler.",))
        return found

    def _vector_of(
        self, found: HubModel, text: str, vectors: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """Return the pooled states of a text and its regions [R, V], float32 [D]."""
        import torch

        tokens = torch.tensor(found.tokens([text], most=found.max_tokens))
        regions = torch.from_numpy(vectors).unsqueeze(0)
        vector: npt.NDArray[np.float32] = found.placed.computed(
            lambda tokens, regions: self._pooled(found, tokens, regions), tokens, regions
        ).numpy()
        return vector

    def _pooled(self, found: HubModel, tokens: Any, regions: Any) -> Any:
        """Return a vector [D] of token ids [1, L] and vectors of regions [1, R, V]."""
        ones = regions.new_ones(regions.shape[:-1])
        out = found.model(
            input_ids=tokens,
            attention_mask=tokens.new_ones(tokens.shape),
            visual_embeds=regions,
            visual_token_type_ids=ones.long(),
            visual_attention_mask=ones,
        )
        if self.pooling == "mean":
            return out.last_hidden_state.mean(dim=1)[0]
        random = any(name.startswith("pooler.") for name in found.absent)
        return out.last_hidden_state[0, 0] if random else out.pooler_output[0]
