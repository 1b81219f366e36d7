"""A mapping whose values are loaded when they are asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import pandas as pd

K = TypeVar("K")
V = TypeVar("V")


class LazyMapping(Mapping[K, V]):
    """A mapping that knows its keys, and loads a value at its first use, once, whatever threads ask for it.

    Args:
        keys: The keys, in their order.
        load: Returns the value of a key.

    Example:
        >>> squares = LazyMapping([2, 3], lambda key: key * key)
        >>> list(squares), squares[3]
        ([2, 3], 9)
    """

    def __init__(self, keys: Iterable[K], load: Callable[[K], V]) -> None:
        self._keys = dict.fromkeys(keys)
        self._load = load
        self._loaded: dict[K, V] = {}
        self._locks = {key: threading.RLock() for key in self._keys}

    def __getitem__(self, key: K) -> V:
        if key not in self._keys:
            raise KeyError(key)
        with self._locks[key]:
            if key not in self._loaded:
                self._loaded[key] = self._load(key)
        return self._loaded[key]

    def __contains__(self, key: object) -> bool:
        """Return whether there is such a key, without loading its value."""
        return key in self._keys

    def __iter__(self) -> Iterator[K]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


class LazyTables(LazyMapping[str, pd.DataFrame]):
    """Tables that are read at their first use, of which columns can be had without the others.

    Args:
        keys: The keys, in their order.
        read: Returns the table of a key, or some columns of it.
    """

    def __init__(
        self, keys: Iterable[str], read: Callable[[str, Sequence[str] | None], pd.DataFrame]
    ) -> None:
        super().__init__(keys, lambda key: read(key, None))
        self._read = read

    def columns(self, key: str, names: Sequence[str]) -> pd.DataFrame:
        """Return some columns of a table; where it has not been read, these alone are, and are not kept."""
        if key not in self._keys:
            raise KeyError(key)
        return (self._loaded[key] if key in self._loaded else self._read(key, names))[list(names)]
