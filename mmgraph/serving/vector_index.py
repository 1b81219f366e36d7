"""The index of a run's vectors: exact while that is quick, else by short codes; kept in the run's folder."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmgraph.atomic import atomic_folder
from mmgraph.counted import counted
from mmgraph.errors import MissingDependencyError, UserError
from mmgraph.evenly import evenly
from mmgraph.hashing import Hasher
from mmgraph.progress import Progress
from mmgraph.training.memory import memory_told
from mmgraph.training.run import Run

FLAT_UP_TO = 50_000
"""Among so many vectors of width 256, looking at each takes 2 ms on one core."""

# For how many channels there is a code, and how many candidates for each one that is asked for are compared
# by their vectors: what is tried, the quickest first. Coarse codes tell vectors apart that lie near a surface
# of few dimensions, as those of trained models do; vectors without structure take fine ones.
_TRIED = ((4, (20, 50, 150)), (2, (20, 50, 150, 500)))
# How many candidates there are at least, the bits of a code, and how many vectors codes are learnt from.
_FEWEST, _BITS, _LEARNT_FROM = 100, 4, 1 << 16
# What share of the nearest has to be found, on how many vectors it is measured, and among how many nearest.
_RECALL, _SAMPLE, _NEAREST = 0.97, 200, 10
# By faiss's numbers of ways to scan: the one that reads the codes once, for a single query.
_ONE_QUERY, _MANY_QUERIES = 15, 0

_MARKER, _FILE, _FORMAT = "index.json", "index.faiss", 2


@dataclass(frozen=True, eq=False)
class VectorIndex:
    """Finds the vectors with the largest cosine.

    Args:
        faiss: The index of unit vectors [N, C].
        recall: The share of the ten nearest that it finds, measured on a sample; 1 for an exact one.
        effort: How many candidates are compared by their vectors for each one that is asked for; 0 where all
            are.
    """

    faiss: Any
    recall: float
    effort: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    @property
    def kind(self) -> str:
        """``flat``, which is exact, or ``pq``: candidates by the codes of a product quantiser."""
        return "pq" if self.effort else "flat"

    def __len__(self) -> int:
        return int(self.faiss.ntotal)

    def describe(self) -> dict[str, Any]:
        """Return what somebody who reads results should know, as JSON."""
        return {"kind": self.kind, "vectors": len(self), "recall": self.recall}

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return unit vectors by their positions, float32 [R, C]."""
        found: NDArray[np.float32] = self.faiss.reconstruct_batch(rows)
        return found

    def nearest(
        self, query: NDArray[np.float32], k: int, *, among: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the positions of the k nearest vectors and their cosines, [at most k] each, nearest first.

        Args:
            query: A unit vector, [C].
            k: How many.
            among: Positions to choose from, with which the search is exact; all by default.
        """
        if among is not None:
            cosine = self.vectors(among) @ query if len(among) else np.empty(0, dtype=np.float32)
            order = np.argsort(-cosine, kind="stable")[:k]
            return among[order], cosine[order]
        rows, cosines = self.search(query[None], k)
        there = rows[0] >= 0
        return rows[0][there], cosines[0][there]

    def search(self, queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the positions of the nearest vectors of several queries and their cosines, [Q, at most k].

        Args:
            queries: Unit vectors, [Q, C].
            k: How many for each; where fewer are found, the last positions are -1.
        """
        faiss, k = _faiss(), min(k, len(self))
        with _at_most_threads(faiss, len(queries)):
            if not self.effort:
                cosines, rows = self.faiss.search(queries, k)
                return rows, cosines
            # How codes are scanned can be told to the index alone, which other threads may be searching.
            with self._lock:
                self.faiss.k_factor = max(self.effort, _FEWEST / k)
                codes = faiss.downcast_index(self.faiss.base_index)
                codes.implem = _ONE_QUERY if len(queries) == 1 else _MANY_QUERIES
                cosines, rows = self.faiss.search(queries, k)
        return rows, cosines


def open_index(
    run: Run, entity: str, *, side: str | None = None, progress: Progress | None = None
) -> VectorIndex:
    """Return the index of a run's vectors of an entity type, or of one side of its entities.

    It lies in ``search/TYPE`` or ``search/TYPE.SIDE`` of the run's folder. If it is not there, or the weights
    or the graph have changed since, or it is damaged, it is made, and kept there unless the folder cannot be
    written.

    Args:
        run: The run.
        entity: The entity type.
        side: Of a retrieval, the modality by which entities are seen; see :meth:`Run.embed`.
        progress: Told what is being made.

    Raises:
        ConfigError: If there is no such entity type or side.
        DivergedError: If a vector is not finite.
        MissingDependencyError: If faiss is not installed.
        RunError: If memory runs out.
    """
    progress = progress or Progress(quiet=True)
    key, name = _key(run, entity, side), entity if side is None else f"{entity}.{side}"
    folder = None if run.folder is None else run.folder / "search" / name
    if folder is not None and (kept := _read(folder, key)) is not None:
        return kept
    index = make_index(run.embed(entity, side=side)[1], progress=progress)
    if folder is not None:
        try:
            _write(index, folder, key)
        except UserError as error:
            progress.say(f"the index is not kept, so that the next search makes it again: {error}")
    return index


def make_index(
    vectors: NDArray[np.float32], *, flat_up_to: int = FLAT_UP_TO, progress: Progress | None = None
) -> VectorIndex:
    """Return an index of vectors.

    Args:
        vectors: float32 [N, C].
        flat_up_to: Among so many the search is exact.
        progress: Told what is being made.

    Raises:
        MissingDependencyError: If faiss is not installed.
        RunError: If memory runs out.
    """
    faiss, progress = _faiss(), progress or Progress(quiet=True)
    doing = f"while an index of {counted(len(vectors), 'vector')} of width {vectors.shape[1]} was made"
    with memory_told(doing, fix="Train with a smaller model.hidden_channels, or free some memory."):
        return _make(faiss, as_units(vectors), flat_up_to, progress)


def _make(faiss: Any, units: NDArray[np.float32], flat_up_to: int, progress: Progress) -> VectorIndex:
    """Return an index of unit vectors, [N, C]."""
    flat = faiss.IndexFlatIP(units.shape[1])
    flat.add(units)
    exact = VectorIndex(flat, 1.0)
    if len(units) <= flat_up_to:
        progress.say(f"index of {counted(len(units), 'vector')}: flat, which is exact")
        return exact
    progress.say(f"make an index of {counted(len(units), 'vector')} by the codes of a product quantiser")
    sample = evenly(len(units), _SAMPLE)
    wanted = _others(exact, units, sample)
    index, made = None, 0
    for channels, effort in [(channels, effort) for channels, efforts in _TRIED for effort in efforts]:
        if channels != made:
            index, made = _coded(faiss, units, channels), channels
        found = _others(VectorIndex(index, 0.0, effort), units, sample)
        shares = [
            len(np.intersect1d(one, other)) / _NEAREST for one, other in zip(found, wanted, strict=True)
        ]
        recall = round(float(np.mean(shares)), 4)
        progress.say(
            f"recall@{_NEAREST} on a sample of {len(sample)}: {recall:.3f}, by "
            f"{counted(effort, 'candidate')} each and a code for {counted(channels, 'channel')}"
        )
        if recall >= _RECALL:
            return VectorIndex(index, recall, effort)
    progress.say("the codes tell too few of these vectors apart: the index is flat, which is exact")
    return exact


def _coded(faiss: Any, units: NDArray[np.float32], channels: int) -> Any:
    """Return an index that scans a short code of each vector and compares the best by their vectors.

    Codes are those of a product quantiser (Jegou et al. 2011, https://doi.org/10.1109/TPAMI.2010.57), so
    short that a query's table of them stays in registers (Andre et al. 2015,
    https://doi.org/10.14778/2856318.2856324). All of them are scanned, whether or not the vectors lie in
    clusters, which no graph of neighbours and no lists of clusters could do without.
    """
    width = units.shape[1]
    pieces = width // channels if width % channels == 0 else width
    index = faiss.IndexRefineFlat(faiss.IndexPQFastScan(width, pieces, _BITS, faiss.METRIC_INNER_PRODUCT))
    chosen = evenly(len(units), _LEARNT_FROM)
    index.train(units[chosen])
    index.add(units)
    return index


def _others(
    index: VectorIndex, units: NDArray[np.float32], sample: NDArray[np.int64]
) -> list[NDArray[np.int64]]:
    """Return the nearest of some vectors but themselves, ten each."""
    rows, _ = index.search(units[sample], _NEAREST + 1)
    return [found[found != own][:_NEAREST] for found, own in zip(rows, sample, strict=True)]


def as_units(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors at length 1, float32 [N, C]; zeros stay zeros.

    Example:
        >>> as_units(np.array([[3.0, 4.0], [0.0, 0.0]], dtype=np.float32)).tolist()
        [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.ascontiguousarray(vectors / np.where(length > 0, length, 1), dtype=np.float32)


def _key(run: Run, entity: str, side: str | None) -> str:
    """Return a hash of all that the vectors follow from."""
    config = run.config.model_dump(mode="json", exclude={"eval_batch_size"})
    hasher = Hasher().json({"format": _FORMAT, "entity": entity, "side": side, "config": config})
    hasher.text(run.graph.fingerprint())
    for name, value in sorted(run.module.state_dict().items()):
        hasher.text(name).array(value.cpu().numpy())
    return hasher.hexdigest()


@contextlib.contextmanager
def _at_most_threads(faiss: Any, queries: int) -> Iterator[None]:
    """Let the calling thread, and no other one, have its queries shared out among so many threads."""
    threads = faiss.omp_get_max_threads()
    # Those that get no query would only be waited for.
    faiss.omp_set_num_threads(max(min(threads, queries), 1))
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


def _read(folder: Path, key: str) -> VectorIndex | None:
    """Return the index that a folder holds, if it is whole and of these vectors."""
    faiss = _faiss()
    try:
        record = json.loads((folder / _MARKER).read_text(encoding="utf-8"))
        if record["of"] != key:
            return None
        # What is opened once stays the same file, whatever another process puts in its place.
        with (folder / _FILE).open("rb") as stream:
            if record["content"] != Hasher().stream(stream).hexdigest():
                return None
            stream.seek(0)
            index = faiss.read_index(faiss.PyCallbackIOReader(stream.read))
        return VectorIndex(index, float(record["recall"]), int(record["effort"]))
    # faiss has RuntimeError for what it cannot read.
    except (OSError, ValueError, KeyError, TypeError, RuntimeError):
        return None


def _write(index: VectorIndex, folder: Path, key: str) -> None:
    with atomic_folder(folder, marker=_MARKER, overwrite=True) as new:
        try:
            _faiss().write_index(index.faiss, str(new / _FILE))
        except RuntimeError as error:
            raise UserError(f"cannot be written: {error}", where=str(folder)) from None
        content = Hasher().file(new / _FILE).hexdigest()
        record = {"of": key, "content": content, "effort": index.effort, **index.describe()}
        (new / _MARKER).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise MissingDependencyError(
            f"needs faiss, which cannot be loaded: {error}",
            where="search",
            fix="Install it: pip install 'mmgraph[search]'.",
        ) from None
    return faiss
