"""Descriptions of raw items on disk: each is found again by its content, whatever it stands among."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from safetensors import SafetensorError

from mmgraph.data.modalities import RawModality
from mmgraph.data.modality_spec import Storage
from mmgraph.data.pairs import Pair
from mmgraph.data.regions import Regions
from mmgraph.encoders.broken_items import BrokenItemsError, broken_items, unopened
from mmgraph.encoders.descriptions import Descriptions
from mmgraph.encoders.encoder import Encoder
from mmgraph.encoders.ragged import Ragged
from mmgraph.encoders.shelf import Shelf
from mmgraph.encoders.storage import as_kept
from mmgraph.errors import UserError
from mmgraph.file_hashes import FileHashes
from mmgraph.hashing import Hasher
from mmgraph.paths import home
from mmgraph.progress import Advance, Progress

_OF_FILES = ("image", "audio", "video", "regions", "pair")
_FIRST, _MOST = 16, 4096
_SECONDS = 3.0
"""About how long the work is that a kill may lose."""

Describe = Callable[[RawModality], npt.NDArray[Any] | Ragged]


class FeatureCache:
    """A folder of descriptions, each found by the content of its item and by what made it.

    An item that stands twice is described once, one that changed costs one description, and work that was
    interrupted goes on where it was. Several processes may share it, and it may be deleted at any time.

    Args:
        folder: Where to keep descriptions; nothing for ``features`` in mmgraph's own folder.

    Attributes:
        described: How many items had to be described when it was last asked; nothing if it never was.
        distinct: How many different items it was last asked for.
        made: How many descriptions it has had made in all.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or home() / "features"
        self.described: int | None = None
        self.distinct = self.made = 0

    @property
    def found(self) -> bool | None:
        """Whether all that was last asked for was there; nothing if nothing has been asked for."""
        return None if self.described is None else self.described == 0

    def description(
        self,
        encoder: Encoder[Any, Any],
        name: str,
        raw: RawModality,
        describe: Describe,
        *,
        storage: Storage = "float32",
        at_once: bool = False,
        progress: Progress,
    ) -> npt.NDArray[Any] | Ragged:
        """Return the description of each item, [M, ...]; what is not there is described and kept, in parts.

        Args:
            encoder: The encoder.
            name: The name that it is registered under.
            raw: The items, at least one.
            describe: Describes some of them.
            storage: What descriptions are kept as; they come back as they would from there.
            at_once: Describe all that are not there in one part.
            progress: Told about every part, and if descriptions cannot be kept, which is no reason to fail.

        Raises:
            DataError: If items cannot be read. All others have been described and kept.
        """
        keys = self._keys(
            raw,
            lambda some: self.description(
                encoder, name, some, describe, storage=storage, at_once=at_once, progress=progress
            ),
        )
        shelf = Shelf(self._place(maker_key(encoder, name, raw, storage)))
        known = shelf.read()
        distinct = set(keys)
        absent = known.lacking(distinct)
        # Of items that are alike the first.
        first = (
            {keys[row]: row for row in range(len(keys) - 1, -1, -1) if keys[row] in absent} if absent else {}
        )
        lacking = sorted(first.values(), key=_length_in(raw))
        self.described, self.distinct = len(lacking), len(distinct)
        work = _Work(shelf, raw, keys, lambda some: _kept(describe(some), storage), self._files, progress)
        if lacking:
            try:
                with progress.job(f"encode {raw.kind}", total=len(lacking)) as advance:
                    work.do(lacking, len(lacking) if at_once else _FIRST, known, advance)
            finally:
                self.made += work.made
        found = known.of(keys, f"encoder {name}")
        return Ragged(_widened(found.values), found.lengths) if isinstance(found, Ragged) else _widened(found)

    def _keys(self, raw: RawModality, describe: Callable[[RawModality], object]) -> list[bytes]:
        """Return the hash of the content of each item.

        Args:
            raw: The items.
            describe: Describes and keeps some of them, which is done for all others where a file cannot be
                read: it was taken away since it was looked for, or nobody may read it.

        Raises:
            DataError: If items cannot be read.
        """
        try:
            return item_keys(raw, self._files)
        except OSError:
            problems = unopened(raw)
            if not problems:
                raise
            others = [row for row in range(len(raw)) if row not in problems]
            try:
                if others:
                    describe(raw.take(np.array(others)))
            except BrokenItemsError as error:
                problems |= {others[row]: problem for row, problem in error.problems.items()}
            raise broken_items(problems, raw) from None

    @property
    def _files(self) -> FileHashes:
        return FileHashes(self.folder / "files")

    def _place(self, maker: str) -> Path:
        return self.folder / maker[:2] / maker


class _Work:
    """The description of items in parts that take some seconds each, each kept once it is done."""

    def __init__(
        self,
        shelf: Shelf,
        raw: RawModality,
        keys: list[bytes],
        describe: Describe,
        files: FileHashes,
        progress: Progress,
    ) -> None:
        self._shelf, self._raw, self._keys = shelf, raw, keys
        self._describe, self._files, self._progress = describe, files, progress
        self._kept, self.made = True, 0

    def do(self, rows: list[int], size: int, known: Descriptions, advance: Advance) -> None:
        """Have some rows described.

        Args:
            rows: The rows.
            size: How many the first part has.
            known: Takes the descriptions.
            advance: Told of every part.

        Raises:
            DataError: If items cannot be read; it names the first few and counts them all.
        """
        problems: dict[int, str] = {}
        start = 0
        while start < len(rows):
            part = rows[start : start + size]
            begun = time.monotonic()
            good, described = self._part(part, problems)
            keys = [self._keys[row] for row in good]
            known.add(keys, described)
            self.made += len(keys)
            self._keep(good, described)
            advance(len(part))
            start += len(part)
            seconds = max(time.monotonic() - begun, 1e-3)
            size = int(min(max(size * min(_SECONDS / seconds, 4), 1), _MOST))
        self._tidy()
        if problems:
            why = {self._keys[row]: problem for row, problem in problems.items()}
            everywhere = {row: why[key] for row, key in enumerate(self._keys) if key in why}
            raise broken_items(everywhere, self._raw)

    def _part(self, rows: list[int], problems: dict[int, str]) -> tuple[list[int], npt.NDArray[Any] | Ragged]:
        """Return the rows of a part that can be described, and their descriptions; note the others."""
        while rows:
            try:
                return rows, self._describe(self._raw.take(np.array(rows)))
            except BrokenItemsError as error:
                if not error.problems:
                    raise
                problems |= {rows[position]: problem for position, problem in error.problems.items()}
                rows = [row for row in rows if row not in problems]
        return [], np.empty(0)

    def _keep(self, rows: list[int], described: npt.NDArray[Any] | Ragged) -> None:
        """Keep descriptions, but for those of files that changed since their keys were made."""
        if not rows or not self._kept:
            return
        keys = [self._keys[row] for row in rows]
        if self._raw.kind in _OF_FILES:
            try:
                now = item_keys(self._raw.take(np.array(rows, np.int64)), self._files)
            except OSError:
                return
            same = [place for place, (key, other) in enumerate(zip(keys, now, strict=True)) if key == other]
            if len(same) < len(keys):
                keys = [keys[place] for place in same]
                described = _some(described, same)
        if keys:
            self._try(lambda: self._shelf.add(keys, described))

    def _tidy(self) -> None:
        if self._kept:
            self._try(self._shelf.tidy)

    def _try(self, write: Callable[[], None]) -> None:
        try:
            write()
        except (UserError, OSError, SafetensorError) as error:
            self._kept = False
            fault = error.faults[0] if isinstance(error, UserError) else None
            why = f"{fault.where}: {fault.problem}" if fault else str(error)
            self._progress.say(
                f"Features are not cached: {why}. Mend that folder, or let the environment variable "
                "MMGRAPH_HOME name another."
            )


def _some(described: npt.NDArray[Any] | Ragged, places: list[int]) -> npt.NDArray[Any] | Ragged:
    if not isinstance(described, Ragged):
        return described[places]
    each = list(described)
    return Ragged.of([each[place] for place in places]) if places else described


def _kept(described: npt.NDArray[Any] | Ragged, storage: Storage) -> npt.NDArray[Any] | Ragged:
    if isinstance(described, Ragged):
        return Ragged(as_kept(described.values, storage), described.lengths)
    return as_kept(described, storage)


def _widened(described: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return described.astype(np.float32) if described.dtype == np.float16 else described


def maker_key(encoder: Encoder[Any, Any], name: str, raw: RawModality, storage: Storage = "float32") -> str:
    """Return the hash of all but the items that descriptions depend on.

    Args:
        encoder: The encoder.
        name: The name that it is registered under.
        raw: Items of the kind.
        storage: What the descriptions are kept as.
    """
    kept = {} if storage == "float32" else {"storage": storage}
    hasher = Hasher().json(
        {
            "encoder": name,
            "version": encoder.version,
            "parameters": encoder.description_parameters(),
            "libraries": encoder.library_versions(),
            "kind": raw.kind,
            "columns": raw.columns,
            **kept,
        }
    )
    return hasher.hexdigest()


def item_keys(raw: RawModality, hashes: FileHashes | None = None) -> list[bytes]:
    """Return the hash of the content of each item, 16 bytes; the names of files do not count.

    Args:
        raw: The items.
        hashes: Knows the hashes of files that nobody has touched; nothing to read all of them.
    """
    values: Any = raw.values
    if isinstance(values, pd.DataFrame):
        parts = [raw.take(np.array([row])) for row in range(len(raw))]
        return [add_content(Hasher(), part).digest() for part in parts]
    if hashes is None or raw.kind not in _OF_FILES:
        return [_add_item(Hasher(), value).digest() for value in values]
    if raw.kind not in ("regions", "pair"):
        return hashes.of(values)
    files = list(dict.fromkeys(file for value in values for file in _files_of(value)))
    known = dict(zip(files, hashes.of(files), strict=True))
    return [_add_item(Hasher(), value, known).digest() for value in values]


def _files_of(value: Any) -> list[Path]:
    """Return the files that an item is read from."""
    if isinstance(value, Pair):
        return [*_files_of(value.first), *_files_of(value.second)]
    if isinstance(value, Regions):
        return [value.path]
    return [value] if isinstance(value, Path) else []


def add_content(hasher: Hasher, raw: RawModality) -> Hasher:
    """Add the content of raw items to a hash; the names of their files do not count."""
    if isinstance(raw.values, np.ndarray):
        hasher.array(raw.values)
    elif isinstance(raw.values, pd.DataFrame):
        for name, kind in raw.columns.items():
            cells = raw.values[name]
            if kind in ("categorical", "ordinal", "text"):
                hasher.json([None if pd.isna(cell) else str(cell) for cell in cells])
            elif kind == "date":
                hasher.array(cells.to_numpy("datetime64[us]").view(np.int64))
            else:
                hasher.array(cells.to_numpy(np.float64))
    else:
        for value in raw.values:
            _add_item(hasher, value)
    return hasher


def _add_item(hasher: Hasher, value: Any, known: Mapping[Path, bytes] | None = None) -> Hasher:
    """Add a text, a path, a row of numbers, regions or a pair to a hash.

    Args:
        hasher: The hash.
        value: The item.
        known: The hashes of the files that regions and pairs are read from; nothing to read these.
    """
    if isinstance(value, Pair):
        return _add_item(_add_item(hasher, value.first, known), value.second, known)
    if isinstance(value, Regions):
        return _add_item(hasher, value.path, known).array(np.array(value.boxes, dtype=np.float64))
    if isinstance(value, Path):
        return hasher.file(value) if known is None else hasher.bytes(known[value])
    return hasher.array(value) if isinstance(value, np.ndarray) else hasher.text(str(value))


def _length_in(raw: RawModality) -> Callable[[int], int]:
    """Return what texts are sorted by, so that those of a part are about equally long; nothing else is."""
    if raw.kind != "text":
        return lambda row: row
    texts: Any = raw.values
    return lambda row: len(texts[row])
