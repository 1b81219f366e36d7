"""Encoders that keep the name of a pre-trained model, and are told apart by what its folder holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from mmgraph.encoders.frozen import FrozenEncoder
from mmgraph.encoders.placement import placement
from mmgraph.encoders.pretrained import content_of, pretrained_folder


@dataclass(kw_only=True, eq=False)
class PretrainedEncoder(FrozenEncoder):
    """Base of encoders with a ``model``, whose content decides what they make."""

    place: ClassVar[str]
    """What the encoder is called in messages."""

    if TYPE_CHECKING:
        model: str

    def content(self) -> str:
        """Return the hash of the content of the model, hexadecimal.

        Raises:
            DataError: If the model cannot be found.
        """
        return content_of(pretrained_folder(self.model, kind=self.kind, where=self.place))

    def description_parameters(self) -> dict[str, Any]:
        """Return the content of the model, where it computes, and all else."""
        return {**self.parameters(), "model": self.content(), **placement().mark}
