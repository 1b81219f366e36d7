"""Models of the transformers library from a folder: frozen, complete, from safetensors."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mmgraph.data.modalities import RawModality
from mmgraph.data.video_file import read_frames
from mmgraph.encoders.files import of_each
from mmgraph.encoders.images import read_picture
from mmgraph.encoders.padding import TRIED, sees_padding
from mmgraph.encoders.placement import Placement, placement
from mmgraph.encoders.pretrained import content_of, require_no_adapter
from mmgraph.encoders.token_batches import describe_tokens
from mmgraph.encoders.tokenise import token_ids
from mmgraph.errors import DataError, MissingDependencyError
from mmgraph.progress import Progress

_BUILDS = (OSError, ValueError, KeyError, ImportError, AttributeError, TypeError, RuntimeError)
"""What the library raises about a folder that holds something else."""

_UNLIMITED = 1 << 30

_PADDED = ("siglip", "siglip2")
"""Models that were trained on texts padded to the full length, and see no mask."""

_BY_LENGTH = ("big_bird", "bigbird_pegasus")
"""Models in which the length of a long text, padding included, decides which tokens see which."""


@dataclass(frozen=True, eq=False)
class HubModel:
    """A model and what prepares its inputs.

    Args:
        model: The ``torch`` module, in evaluation mode.
        prepare: Its tokenizer, image processor, feature extractor (of sounds) or processor (of pairs).
        where: The place that names it, for messages.
        absent: The names of weights that the folder does not hold, which are random.
        placed: Where the model is, and in which precision it computes.
    """

    model: Any
    prepare: Any
    where: str
    absent: tuple[str, ...]
    placed: Placement

    @property
    def max_tokens(self) -> int:
        """The most tokens of a text."""
        config = self.model.config
        text = getattr(config, "text_config", config)
        tokenizer = getattr(self.prepare, "tokenizer", self.prepare)
        most = getattr(text, "max_position_embeddings", None) or 0
        # XLNet says -1, as its positions are relative.
        return int(
            min(tokenizer.model_max_length, most - _positions_before(self.model) if most > 0 else _UNLIMITED)
        )

    @property
    def padded(self) -> bool:
        """Whether texts are padded to the full length, without a mask."""
        return self.model.config.model_type in _PADDED

    @property
    def text_half(self) -> Any:
        """The part of the model that reads texts."""
        return getattr(self.model, "text_model", self.model)

    @functools.cached_property
    def sees_padding(self) -> bool:
        """Whether padding behind a text changes what the model makes of it."""
        if self.padded:
            return False
        return self.model.config.model_type in _BY_LENGTH or sees_padding(
            lambda ids, mask: self.text_half(input_ids=ids, attention_mask=mask).last_hidden_state,
            self.tokens([TRIED], most=self.max_tokens)[0],
            pad=self.pad,
            most=self.max_tokens,
            where=self.placed,
        )

    @property
    def pad(self) -> int:
        """The token that stands behind the last one of a text."""
        return self.prepare.pad_token_id or 0

    def tokens(self, texts: Sequence[str], *, most: int) -> list[list[int]]:
        """Return the token ids of each text.

        Args:
            texts: The texts.
            most: The most tokens to keep of each, beside what the model allows.
        """
        limit = min(most, self.max_tokens)
        padding = "max_length" if self.padded else False
        if self.padded:
            limit = self.max_tokens
        ids = token_ids(self.prepare, texts, most=limit, padding=padding)
        if not all(ids):
            # A model cannot read nothing, and a tokenizer that adds no tokens of its own makes nothing of "".
            stand_in = self.prepare.eos_token_id if self.prepare.eos_token_id is not None else 0
            ids = [row or [stand_in] for row in ids]
        return ids

    def describe_texts(
        self,
        raw: RawModality,
        vectors_of: Callable[[Any, Any], Any],
        *,
        max_tokens: int,
        batch_size: int,
        progress: Progress,
    ) -> Any:
        """Return what the model makes of texts, float32 [M, D], or of each of their tokens, a `Ragged`.

        Args:
            raw: The texts.
            vectors_of: Takes token ids and mask, int64 [B, L], and returns vectors [B, D], or those of all
                tokens, [B, L, D]. A model that was trained without a mask gets none.
            max_tokens: The tokens to keep of each text, beside what the model allows.
            batch_size: Texts at a time.
            progress: Told about every batch.
        """
        return describe_tokens(
            self.tokens([str(text) for text in raw.values], most=max_tokens),
            lambda tokens, mask: vectors_of(tokens, None if self.padded else mask),
            batch_size=batch_size,
            pad=self.pad,
            most=self.max_tokens,
            where=self.placed,
            padded=not self.sees_padding,
            progress=progress,
        )

    def describe_images(
        self, raw: RawModality, vectors_of: Callable[[Any], Any], *, progress: Progress
    ) -> npt.NDArray[np.float32]:
        """Return what the model makes of images, float32 [M, ...].

        One at a time: an image has so many patches that a batch gains little on a CPU, and where an image
        lies in a batch changes last bits.

        Args:
            raw: The images.
            vectors_of: Takes pixels, float32 [1, 3, height, width], and returns a tensor [1, ...].
            progress: Told about every image.

        Raises:
            DataError: If images cannot be read; it names the first few and counts them all.
        """

        def vector_of(path: Path) -> npt.NDArray[np.float32]:
            pixels = self.prepare(images=read_picture(path), return_tensors="pt")["pixel_values"]
            vector: npt.NDArray[np.float32] = self.placed.computed(vectors_of, pixels.float())[0].numpy()
            return vector

        return of_each(raw, vector_of, progress=progress)

    def describe_videos(
        self,
        raw: RawModality,
        vectors_of: Callable[[Any], Any],
        *,
        frames: int,
        seconds: float,
        progress: Progress,
    ) -> npt.NDArray[np.float32]:
        """Return what the model makes of videos, float32 [M, D].

        Args:
            raw: The videos.
            vectors_of: Takes pixels, float32 [1, frames, 3, height, width], and returns vectors [1, D].
            frames: How many frames it looks at, evenly spaced.
            seconds: How much of the beginning of a file counts.
            progress: Told about every video.

        Raises:
            DataError: If videos cannot be read; it names the first few and counts them all.
            MissingDependencyError: If PyAV is not installed.
        """

        def vector_of(path: Path) -> npt.NDArray[np.float32]:
            video = list(read_frames(path, number=frames, seconds=seconds))
            pixels = self.prepare(video, return_tensors="pt")["pixel_values"].float()
            # Processors of images take the frames for a batch, those of videos for one video.
            out = self.placed.computed(vectors_of, pixels if pixels.dim() == 5 else pixels.unsqueeze(0))
            vector: npt.NDArray[np.float32] = out.flatten().numpy()
            return vector

        return of_each(raw, vector_of, progress=progress)

    def require_complete(self, *, but: tuple[str, ...] = ()) -> None:
        """Refuse a model some of whose weights are random.

        Args:
            but: Beginnings of the names of weights that are not used.

        Raises:
            DataError: If other weights are absent.
        """
        absent = [name for name in self.absent if not name.startswith(but)]
        if absent:
            raise DataError(
                f"the model lacks the weights {', '.join(absent[:3])}{', ...' if len(absent) > 3 else ''}",
                where=self.where,
                fix="Give a folder that holds the whole model.",
            )


def hub_model(
    folder: Path, *, kind: str, encoder_only: bool, where: str, tokenizer: Path | None = None
) -> HubModel:
    """Return the model that a folder holds; the same folder and content are loaded once.

    Args:
        folder: Its folder, as ``save_pretrained`` writes it and the hub keeps it.
        kind: ``text`` for a tokenizer beside it, ``image`` and ``video`` for an image processor, ``audio``
            for a feature extractor, ``pair`` for a processor of both,
            ``detector`` for a model with heads that find things in images, and its image processor.
        encoder_only: Of a model of encoder and decoder, load the encoder alone.
        where: The place that names it, for messages.
        tokenizer: The folder of its tokenizer; nothing if it is the same.

    Raises:
        DataError: If it cannot be loaded, or is an adapter of another model.
        MissingDependencyError: If transformers is not installed.
    """
    require_no_adapter(folder, where=f"{where}: {folder}")
    content = content_of(folder) + (content_of(tokenizer) if tokenizer else "")
    return _loaded(folder, tokenizer or folder, content, kind, encoder_only, where, placement())


@functools.lru_cache(maxsize=2)
def _loaded(
    folder: Path,
    beside: Path,
    content: str,  # noqa: ARG001 - the key
    kind: str,
    encoder_only: bool,
    where: str,
    placed: Placement,
) -> HubModel:
    try:
        import transformers
    except ImportError as error:
        raise MissingDependencyError(
            f"needs transformers, which cannot be loaded: {error}",
            where=where,
            fix="Install it: pip install 'mmgraph[hub]'",
        ) from None
    import torch

    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    name = str(folder)
    with in_peace(), torch.random.fork_rng(devices=[]):
        try:
            config = transformers.AutoConfig.from_pretrained(name, **local)
            only = encoder_only and getattr(config, "is_encoder_decoder", False)
            model, report = _auto_model(transformers, config, kind, only).from_pretrained(
                name, **local, use_safetensors=True, dtype=torch.float32, output_loading_info=True
            )
            absent = set(report["missing_keys"])
            if only and model.config.is_encoder_decoder and hasattr(model, "get_decoder"):
                model, absent = _encoder_of(model, absent)
            prepare = _preparation(transformers, kind).from_pretrained(str(beside), **local)
        except _BUILDS as error:
            raise DataError(
                f"the model cannot be loaded: {str(error).strip().partition(chr(10))[0]}",
                where=f"{where}: {folder}",
                fix=f"Give a folder or a hub name of a model of {kind}s, with safetensors weights.",
            ) from None
    model = model.eval().requires_grad_(False)
    return HubModel(placed.moved(model), prepare, where, tuple(sorted(absent)), placed)


def _auto_model(transformers: Any, config: Any, kind: str, encoder_only: bool) -> Any:
    """Return the class of the library that loads a model."""
    if kind == "detector":
        return transformers.AutoModelForObjectDetection
    if encoder_only and type(config) in transformers.MODEL_FOR_TEXT_ENCODING_MAPPING:
        return transformers.AutoModelForTextEncoding
    return transformers.AutoModel


def _encoder_of(model: Any, absent: set[str]) -> tuple[Any, set[str]]:
    """Return the encoder of a model of encoder and decoder, and which of the absent weights are its own."""
    encoder = model.get_encoder()
    if not hasattr(encoder, "config"):
        # FSMT's has none of its own.
        encoder.config = model.config
    own = {id(weight) for weight in encoder.parameters()}
    named = dict(model.named_parameters(remove_duplicate=False))
    return encoder, {name for name in absent if name in named and id(named[name]) in own}


def _positions_before(model: Any) -> int:
    """Return how many positions of a model stand before that of the first token.

    RoBERTa and its like count from the position of padding on, which their embedding of positions leaves out.
    """
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            return int(module.padding_idx) + 1
    return 0


def _preparation(transformers: Any, kind: str) -> Any:
    if kind == "audio":
        return transformers.AutoFeatureExtractor
    if kind == "pair":
        return transformers.AutoProcessor
    return transformers.AutoTokenizer if kind == "text" else transformers.AutoImageProcessor


@contextlib.contextmanager
def in_peace() -> Iterator[None]:
    """Keep the library from reporting, and from looking for a network, while it loads."""
    from transformers.utils import logging

    shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
