"""Encoders that describe an item by several parts side by side and keep their principal components."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mmgraph.encoders.encoder import Arrays, Encoder, State
from mmgraph.encoders.principal import PrincipalComponents


@dataclass(kw_only=True, eq=False)
class ProjectedEncoder(Encoder[npt.NDArray[Any], PrincipalComponents]):
    """Base of encoders that project descriptions, float32 [M, D], on their principal components.

    A subclass describes items, and says how wide the parts of a description are: each part gets the same
    variance before the projection.

    Args:
        components: Principal components to keep at most.
    """

    cached: ClassVar[bool] = True

    components: Annotated[int, Field(ge=1, description="Principal components to keep at most.")] = 128

    @property
    @abstractmethod
    def widths(self) -> tuple[int, ...]:
        """The widths of the parts of a description, from left to right; they add up to D."""

    def description_parameters(self) -> dict[str, Any]:
        """Return the parameters that a description depends on: all but the projection's."""
        return {name: value for name, value in self.parameters().items() if name != "components"}

    def fit(self, described: npt.NDArray[Any]) -> None:
        """Fit the projection."""
        self._fitted = PrincipalComponents.fit(described, widths=self.widths, components=self.components)

    def transform(self, described: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the principal components of each item, float32 [M, channels]."""
        return self.fitted(described)

    @property
    def channels(self) -> int:
        """The number of principal components."""
        return self.fitted.channels

    def fitted_state(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return the projection."""
        return {}, dict(self.fitted.arrays())

    def restore(self, state: State, arrays: Arrays) -> None:  # noqa: ARG002 - all is in the arrays
        """Take over the projection."""
        self._fitted = PrincipalComponents.from_arrays(arrays)
