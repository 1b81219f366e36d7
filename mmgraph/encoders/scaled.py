"""Encoders that shift and scale the columns of vectors, and do no more to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from mmgraph.encoders.affine import Affine
from mmgraph.encoders.encoder import Arrays, Encoder, State
from mmgraph.errors import DataError
from mmgraph.hashing import Hasher


@dataclass(kw_only=True, eq=False)
class ScaledEncoder(Encoder[npt.NDArray[Any], Affine]):
    """Base of encoders whose descriptions, float32 [M, D], are features but for shift and scale.

    A subclass says how both are fitted.
    """

    _where: ClassVar[str | None] = None
    """The place that messages name; nothing for the name of the class."""

    _fix: ClassVar[str]
    """What to do about vectors of another width."""

    def transform(self, described: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the scaled vectors, float32 [M, D].

        Raises:
            DataError: If they are not as wide as those that the encoder was fitted on.
        """
        scale = self.fitted
        if described.shape[1:] != scale.shift.shape:
            raise DataError(
                f"got vectors of width {described.shape[1]}; wanted {len(scale.shift)}, as when fitted",
                where=self._where or type(self).__name__,
                fix=self._fix,
            )
        return scale(described).astype(np.float32)

    def meaning(self) -> str:
        """Return a hash of what describes the items: another shift and scale change no meaning.

        Raises:
            ConfigError: If the encoder is not fitted.
            DataError: If the files of a model are gone.
        """
        described = self.description_parameters()
        return Hasher().json([type(self).__name__, self.version, self.channels, described]).hexdigest()

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
