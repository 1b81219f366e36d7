"""What an encoder is: raw items of one modality in, one feature vector for each item out."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmgraph.data.modalities import RawModality
from mmgraph.errors import ConfigError
from mmgraph.hashing import Hasher
from mmgraph.parameters import WithParameters
from mmgraph.progress import Progress

Described = TypeVar("Described", npt.NDArray[Any], pd.DataFrame)
Fitted = TypeVar("Fitted")

State = Mapping[str, Any]
"""What JSON can hold."""

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(kw_only=True, eq=False)
class Encoder(WithParameters, ABC, Generic[Described, Fitted]):
    """Turns raw items into feature vectors, in two steps: describe each item by itself, then project.

    The description needs no fitting, so it can be cached by content. The projection is fitted on the
    descriptions of training items only.

    A subclass is a dataclass whose fields are its parameters; pydantic checks them when an encoder is made,
    from YAML or in Python. Register it with ``ENCODERS.register("name")`` to name it in ``dataset.yaml``.

    Args:
        Described: The type of descriptions, one row for each item: an array or a table.
        Fitted: The type of what fitting finds out.

    Raises:
        ConfigError: If parameters cannot be used; all faults at once.
    """

    kind: ClassVar[str]
    """The kind of modality that it reads, e.g. ``text`` or ``image``."""

    reads: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """For an encoder of pairs: the kinds that the first input may be of, and the second; none for any."""

    version: ClassVar[int]
    """Raised whenever the same items and parameters give other features than before."""

    libraries: ClassVar[tuple[str, ...]] = ()
    """Installed packages that the descriptions depend on: another version may describe items differently."""

    cached: ClassVar[bool] = False
    """Whether describing costs more than reading the descriptions from disk; they must be plain arrays."""

    learns: ClassVar[bool] = True
    """Whether fitting looks at training items; else features are what the descriptions alone make them."""

    _fitted: Fitted | None = field(default=None, init=False, repr=False)

    def description_parameters(self) -> dict[str, Any]:
        """Return the parameters that a description depends on: all, unless a subclass knows better."""
        return self.parameters()

    def library_versions(self) -> dict[str, str | None]:
        """Return which version of each of its libraries is installed; nothing for one that is not.

        That one is missing is for :meth:`describe` to say, which knows how it is installed.
        """
        return {library: _installed(library) for library in self.libraries}

    @abstractmethod
    def describe(self, raw: RawModality, progress: Progress) -> Described:
        """Return the description of each item, M rows; what else is described with it changes no bit of it.

        Args:
            raw: The items.
            progress: Told about every item.

        Raises:
            DataError: If items cannot be read; one error that names the first few and counts them all.
            MissingDependencyError: If an optional library is needed and not installed.
        """

    @abstractmethod
    def fit(self, described: Described) -> None:
        """Learn from the descriptions of training items.

        Args:
            described: At least one row.

        Raises:
            DataError: If nothing can be learnt from them.
        """

    @abstractmethod
    def transform(self, described: Described) -> npt.NDArray[np.float32]:
        """Return the feature vectors, float32 [M, channels].

        Args:
            described: M rows, of any items.

        Raises:
            ConfigError: If the encoder is not fitted.
        """

    @property
    def several(self) -> bool:
        """Whether it describes an item by several rows, a :class:`Ragged`, each of which becomes a node.

        What is fitted and transformed are the rows.
        """
        return False

    def unseen(self, raw: RawModality) -> list[str]:
        """Return what of each item no training item had, to be told to people, [M]; nothing where all is
        known, or where that cannot be told.

        Args:
            raw: The items.
        """
        return [""] * len(raw)

    def feature_names(self) -> list[str]:
        """Return what each number of a vector stands for, [channels]; nothing where that has no name."""
        return []

    @property
    @abstractmethod
    def channels(self) -> int:
        """The width of the feature vectors, known once fitted."""

    @abstractmethod
    def fitted_state(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return what fitting found out: JSON values, and arrays by name."""

    @abstractmethod
    def restore(self, state: State, arrays: Arrays) -> None:
        """Take over what `fitted_state` returned."""

    @property
    def fitted(self) -> Fitted:
        """What fitting found out.

        Raises:
            ConfigError: If the encoder is not fitted.
        """
        if self._fitted is None:
            raise ConfigError(
                "the encoder is not fitted",
                where=type(self).__name__,
                fix="Call fit with the descriptions of training items first.",
            )
        return self._fitted

    def state(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return the parameters and what fitting found out: a JSON part, and arrays by name.

        Raises:
            ConfigError: If the encoder is not fitted.
        """
        fitted, arrays = self.fitted_state()
        return {"parameters": self.parameters(), "fitted": fitted}, arrays

    def meaning(self) -> str:
        """Return a hash of what each number of a vector means.

        Weights that were learnt on the features of one fitted encoder fit those of another one that has the
        same. Here that takes the same fit, as principal components of other items are other directions.

        Raises:
            ConfigError: If the encoder is not fitted.
        """
        state, arrays = self.state()
        hasher = Hasher().json({"encoder": type(self).__name__, "version": self.version, **state})
        for name in sorted(arrays):
            hasher.text(name).array(arrays[name])
        return hasher.hexdigest()

    @classmethod
    def from_state(cls, state: State, arrays: Arrays, *, where: str = "state") -> Self:
        """Return the fitted encoder whose `state` this is; it transforms alike, bit for bit.

        Args:
            state: The JSON part.
            arrays: The arrays by name.
            where: Where they came from, for messages.

        Raises:
            ConfigError: If the parameters cannot be used.
        """
        encoder = cls.from_config(state["parameters"], where=where)
        encoder.restore(state["fitted"], arrays)
        return encoder


@functools.cache
def _installed(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None
