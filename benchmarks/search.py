"""How quickly the nearest of a million vectors are found, one query at a time and many together.

Embeddings of width 256, of two kinds: *clustered*, near a surface of few dimensions, as those of trained
models are, and *random*, without any structure, which is the hardest case for an index. Queries are further
vectors of the same kind. The index is the one that `mmgraph search` makes; exact are faiss's flat index, and
a product of matrices by numpy with a partial sort. All take turns, each on as many cores (``--threads``).

    python benchmarks/search.py --json search.json

``--quick`` takes a tenth of the vectors; ``--check`` prints a line for each goal that falls short and exits
with 1 if any does.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from measure import interleaved, time_ratio
from numpy.typing import NDArray
from seeded import told, write_results
from threadpoolctl import threadpool_limits

WIDTH, NEAREST, TOGETHER, ALONE = 256, 10, 200, 10
_RECALL, _TIMES = 0.95, 10.0
_PART = 50_000


def main() -> int:
    """Measure, print, and return the exit code."""
    options = _options()
    threadpool_limits(options.threads)
    count = 100_000 if options.quick else 1_000_000
    results: dict[str, Any] = {}
    for kind, draw in (("clustered", _clustered), ("random", _random)):
        results[kind] = _measure(draw(count + TOGETHER), options.rounds, options.threads)
        _print(kind, count, results[kind])
    if options.json:
        write_results(options.json, results, ("mmgraph", "faiss-cpu", "numpy"), quick=options.quick)
    return told(_shortfalls(results) if options.check else [])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured, three at least")
    parser.add_argument("--threads", type=int, default=2, help="how many cores each may use")
    parser.add_argument("--quick", action="store_true", help="100,000 vectors")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a goal is missed")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _random(count: int) -> NDArray[np.float32]:
    """Return unit vectors of any direction."""
    return _in_parts(count, lambda rng, size: rng.standard_normal((size, WIDTH), dtype=np.float32))


def _clustered(count: int) -> NDArray[np.float32]:
    """Return unit vectors in clusters near a curved surface of 16 dimensions."""
    fixed = np.random.default_rng(1)
    centres = fixed.standard_normal((500, 16), dtype=np.float32)
    bend = fixed.standard_normal((16, WIDTH), dtype=np.float32)

    def draw(rng: np.random.Generator, size: int) -> NDArray[np.float32]:
        place = centres[rng.integers(len(centres), size=size)]
        place = place + 0.5 * rng.standard_normal(place.shape, dtype=np.float32)
        noise = rng.standard_normal((size, WIDTH), dtype=np.float32)
        return np.asarray(np.tanh(place @ bend / 4) + 0.1 * noise, dtype=np.float32)

    return _in_parts(count, draw)


def _in_parts(
    count: int, draw: Callable[[np.random.Generator, int], NDArray[np.float32]]
) -> NDArray[np.float32]:
    from mmgraph.serving.vector_index import as_units

    rng, vectors = np.random.default_rng(0), np.empty((count, WIDTH), dtype=np.float32)
    for first in range(0, count, _PART):
        size = min(_PART, count - first)
        vectors[first : first + size] = as_units(draw(rng, size))
    return vectors


def _measure(vectors: NDArray[np.float32], rounds: int, threads: int) -> dict[str, Any]:
    """Return the recall, milliseconds a query of each contender, and how far the index is ahead."""
    import faiss

    from mmgraph.serving.vector_index import make_index

    faiss.omp_set_num_threads(threads)
    units, queries = vectors[:-TOGETHER], vectors[-TOGETHER:]
    begin = time.perf_counter()
    index = make_index(units, flat_up_to=0)
    made = time.perf_counter() - begin
    flat = faiss.IndexFlatIP(WIDTH)
    flat.add(units)
    wanted = flat.search(queries, NEAREST)[1]
    found = index.search(queries, NEAREST)[0]
    recall = [len(np.intersect1d(one, other)) / NEAREST for one, other in zip(found, wanted, strict=True)]
    result: dict[str, Any] = {"recall": float(np.mean(recall)), "kind": index.kind, "seconds_to_make": made}
    for name, asked, each in (("together", queries, TOGETHER), ("alone", queries[:ALONE], 1)):
        parts = [asked[first : first + each] for first in range(0, len(asked), each)]
        seconds = interleaved(
            {
                "index": lambda parts=parts: [index.search(part, NEAREST) for part in parts],
                "faiss flat": lambda parts=parts: [flat.search(part, NEAREST) for part in parts],
                "numpy": lambda parts=parts: [_by_numpy(units, part) for part in parts],
            },
            rounds,
            300,
        )
        result[name] = {who: 1e3 * median(taken) / len(asked) for who, taken in seconds.items()}
        # Ahead of the quicker of those that are exact.
        result[name]["times"] = min(
            time_ratio(seconds, of=exact, over="index") for exact in ("faiss flat", "numpy")
        )
    return result


def _by_numpy(units: NDArray[np.float32], queries: NDArray[np.float32]) -> list[NDArray[np.int64]]:
    """Return the nearest of each query, not sorted, a few queries at a time for the memory of the scores."""
    found = []
    for first in range(0, len(queries), 50):
        scores = queries[first : first + 50] @ units.T
        found.append(np.argpartition(scores, -NEAREST, axis=1)[:, -NEAREST:])
    return found


def _print(kind: str, count: int, found: dict[str, Any]) -> None:
    print(
        f"\n{count:,} {kind} vectors of width {WIDTH}: recall@{NEAREST} {found['recall']:.3f} by an index of "
        f"the kind {found['kind']}, made in {found['seconds_to_make']:.0f} s"
    )
    for name in ("together", "alone"):
        cells = "".join(f"{who} {taken:8.2f} ms   " for who, taken in found[name].items() if who != "times")
        print(f"  queries {name:9s} {cells}the index is {found[name]['times']:.1f} times as fast", flush=True)


def _shortfalls(results: dict[str, Any]) -> list[str]:
    """Return a line for each goal missed."""
    lines = []
    for kind, found in results.items():
        if found["recall"] < _RECALL:
            lines.append(f"{kind}: recall@{NEAREST} is {found['recall']:.3f}; goal: at least {_RECALL}")
        lines += [
            f"{kind}, queries {name}: {found[name]['times']:.1f} times as fast as exact; goal: {_TIMES:g}"
            for name in ("together", "alone")
            if found[name]["times"] < _TIMES
        ]
    return lines


if __name__ == "__main__":
    sys.exit(main())
