"""Nearest neighbours by mmgraph, scikit-learn, and bare calls of torch and faiss: time and recall.

    python benchmarks/knn_cases.py [--quick] [--check] [--case TEXT]

`build.py` measures these cases with its own. All contenders begin with the same features and end with the ten
nearest of each row, itself left out or not. Those that compare all with all are asked for a tenth of the rows
where there are many, and their times are multiplied by ten. There are two kinds of data: rows that lie near a
surface of few dimensions, as embeddings of real things do, and rows without any structure.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mmgraph.relations.clusters import ApproximateSearch
from mmgraph.relations.nearest import exact_neighbours
from mmgraph.relations.search import EXACT_UP_TO
from mmgraph.relations.vector_space import VectorSpace

K, RECALL, WIDTH = 10, 0.99, 512
ROWS = {"quick": 10, "full": 1}
_SAMPLE = 500

Found = NDArray[np.int64]
Search = Callable[[NDArray[np.float32], NDArray[np.float32]], Found]
"""From rows [N, D] and those of them that ask [Q, D] to the rows found, [Q, K + 1] with itself, or [Q, K]."""


@dataclass(frozen=True)
class KnnCase:
    """One size and kind of data.

    Args:
        name: What it is called.
        rows: How many rows there are.
        make: Makes so many.
        rounds: How often each contender takes its turn.
        share: The share of rows that contenders which compare all with all are asked for.
    """

    name: str
    rows: int
    make: Callable[[int], NDArray[np.float32]]
    rounds: int
    share: float


def near_a_surface(rows: int) -> NDArray[np.float32]:
    """Return rows in 200 clusters near a curved surface of 16 dimensions, with a little noise, [N, 512]."""
    rng = np.random.default_rng(0)
    place = rng.normal(size=(200, 16))[rng.integers(200, size=rows)] + 0.7 * rng.normal(size=(rows, 16))
    bent = np.tanh(place @ rng.normal(size=(16, 128)) / 4) @ rng.normal(size=(128, WIDTH)) / 11
    return (bent + 0.02 * rng.normal(size=bent.shape)).astype(np.float32)


def without_structure(rows: int) -> NDArray[np.float32]:
    """Return independent normal numbers, [N, 512]."""
    return np.random.default_rng(0).standard_normal((rows, WIDTH), dtype=np.float32)


def mmgraph(rows: NDArray[np.float32], _asking: NDArray[np.float32]) -> Found:
    """What the relation `knn` does."""
    vectors = VectorSpace.of(rows, "cosine").place(rows)
    if len(rows) <= EXACT_UP_TO:
        return exact_neighbours(vectors, K, "cosine").source
    return ApproximateSearch("cosine", RECALL).neighbours(vectors, K).source


def scikit_learn(rows: NDArray[np.float32], asking: NDArray[np.float32]) -> Found:
    """Its brute force, which is the fastest that it has in so many dimensions."""
    from sklearn.neighbors import NearestNeighbors

    found: Found = (
        NearestNeighbors(n_neighbors=K + 1, metric="cosine", algorithm="brute")
        .fit(rows)
        .kneighbors(asking, return_distance=False)
    )
    return found


def torch_blocks(rows: NDArray[np.float32], asking: NDArray[np.float32]) -> Found:
    """Products in blocks, and the largest of each row."""
    vectors = torch.nn.functional.normalize(torch.from_numpy(rows))
    queries = torch.nn.functional.normalize(torch.from_numpy(asking))
    return torch.cat([(part @ vectors.T).topk(K + 1).indices for part in queries.split(1024)]).numpy()


def faiss_flat(rows: NDArray[np.float32], asking: NDArray[np.float32]) -> Found:
    """Faiss's comparison of all with all."""
    faiss = _faiss()
    index = faiss.IndexFlatIP(WIDTH)
    index.add(_unit(rows))
    found: Found = index.search(_unit(asking), K + 1)[1]
    return found


def faiss_hnsw(rows: NDArray[np.float32], _asking: NDArray[np.float32]) -> Found:
    """Faiss's graph of small worlds."""
    vectors = _unit(rows)
    index = _faiss().IndexHNSWFlat(WIDTH, 32)
    index.add(vectors)
    index.hnsw.efSearch = 64
    found: Found = index.search(vectors, K + 1)[1]
    return found


def faiss_ivf(rows: NDArray[np.float32], _asking: NDArray[np.float32]) -> Found:
    """Faiss's inverted file."""
    faiss = _faiss()
    vectors = _unit(rows)
    lists = int(2 * len(rows) ** 0.5)
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(WIDTH), WIDTH, lists, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors[: 40 * lists])
    index.add(vectors)
    index.nprobe = 32
    found: Found = index.search(vectors, K + 1)[1]
    return found


CONTENDERS: dict[str, Search] = {
    "mmgraph": mmgraph,
    "scikit-learn": scikit_learn,
    "torch blocks": torch_blocks,
}
if find_spec("faiss"):
    CONTENDERS |= {"faiss flat": faiss_flat, "faiss HNSW": faiss_hnsw, "faiss IVF": faiss_ivf}
ALL_WITH_ALL = ("scikit-learn", "torch blocks", "faiss flat")

KNN_CASES = [
    KnnCase(f"{K} nearest of {rows // 1000}k x {WIDTH}, {kind}", rows, make, rounds, share)
    for rows, rounds, share in ((20_000, 3, 1.0), (100_000, 1, 0.1))
    for kind, make in (("near a surface", near_a_surface), ("without structure", without_structure))
]


def measure_knn(case: KnnCase, size: str) -> dict[str, Any]:
    """Return the figures of each contender and the goals of a case, in the form of `build.py`'s results."""
    rows = case.make(case.rows // ROWS[size])
    asking = rows[: int(len(rows) * case.share)]
    true = _nearest(rows)
    seconds: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    recall: dict[str, float] = {}
    for number in range(case.rounds + 1):
        # In the round before the first, libraries are loaded and kernels compiled, on few rows.
        few = rows[:3000] if number == 0 else rows
        for name, search in CONTENDERS.items():
            start = time.perf_counter()
            found = search(few, few[: int(len(few) * case.share)] if number == 0 else asking)
            taken = time.perf_counter() - start
            if number:
                seconds[name].append(taken / case.share if name in ALL_WITH_ALL else taken)
                recall[name] = _recall(found, rows, true)
    figures = {name: {"seconds": median(times), "recall": recall[name]} for name, times in seconds.items()}
    return {"case": case.name, "rounds": case.rounds, "figures": figures, "goals": _goals(figures)}


def _goals(figures: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    ours, others = figures["mmgraph"], dict(figures)
    del others["mmgraph"], others["scikit-learn"]
    good = {name: each["seconds"] for name, each in others.items() if each["recall"] >= RECALL}
    best = min(good, key=lambda name: good[name])
    wanted = (
        ("recall of mmgraph", ours["recall"], "at least", RECALL),
        (
            "time of scikit-learn / mmgraph",
            figures["scikit-learn"]["seconds"] / ours["seconds"],
            "at least",
            4,
        ),
        (f"time of mmgraph / {best}, the best bare call", ours["seconds"] / good[best], "at most", 1.2),
    )
    return [
        {
            "text": f"{what} is {value:.3g}, wanted {side} {limit:g}",
            "value": value,
            "met": value >= limit if side == "at least" else value <= limit,
        }
        for what, value, side, limit in wanted
    ]


def _sample(size: int) -> NDArray[np.int64]:
    # The first rows, which contenders that are asked for a part of them have found as well.
    return np.arange(min(_SAMPLE, size))


def _nearest(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the cosine of the last neighbour that each row of a sample should find, [S]."""
    vectors = _unit(rows).astype(np.float64)
    sample = _sample(len(rows))
    near = vectors[sample] @ vectors.T
    near[sample, sample] = -np.inf
    return np.partition(near, -K, axis=1)[:, -K]


def _recall(found: Found, rows: NDArray[np.float32], true: NDArray[np.float64]) -> float:
    """Return the share of the sample's neighbours that were found; one as near as the last is as good."""
    vectors = _unit(rows).astype(np.float64)
    hits = 0
    for row in _sample(len(rows)):
        others = [other for other in found[row].tolist() if other not in (row, -1)][:K]
        hits += int((vectors[others] @ vectors[row] >= true[row] - 1e-6).sum())
    return hits / (K * len(true))


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _faiss() -> Any:
    with warnings.catch_warnings():
        # Its bindings are made by a SWIG that newer Pythons warn about.
        warnings.simplefilter("ignore", DeprecationWarning)
        import faiss
    return faiss


def main() -> int:
    """Measure, print, and return 1 if a goal is missed and ``--check`` was given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    parser.add_argument("--check", action="store_true", help="exit 1 if a goal is missed")
    parser.add_argument("--case", default="", metavar="TEXT", help="only cases whose name has this in it")
    options = parser.parse_args()
    missed = 0
    if not find_spec("faiss"):
        print("faiss is not installed, and is left out")
    for case in KNN_CASES:
        if options.case not in case.name:
            continue
        print(f"{case.name} ...", file=sys.stderr)
        result = measure_knn(case, "quick" if options.quick else "full")
        print(f"\n{case.name} (rounds: {case.rounds})")
        for name, figures in result["figures"].items():
            print(f"  {name:14s} {figures['seconds']:8.2f} s   recall {figures['recall']:.4f}")
        for goal in result["goals"]:
            missed += not goal["met"]
            print(f"  {'ok    ' if goal['met'] else 'MISSED'} {goal['text']}")
    return int(options.check and missed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
