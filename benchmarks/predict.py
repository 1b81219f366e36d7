"""How quickly a run answers for new entities, one at a time and many together, on `emoji`.

The entities are emoji under other ids, with their pictures, names and tags as raw files and text. The process
has the run loaded, and has been asked once. ``encoding`` is the floor: the three encoders alone, on the same
rows, which any answer needs. Two cores are used, as far as there are two.

    python benchmarks/predict.py --source emoji=DIR --json predict.json

``--quick`` trains for one epoch, and asks fewer times; ``--check`` prints a line for each goal that falls
short and exits with 1 if any does.
"""

from __future__ import annotations

import argparse
import functools
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prepared import prepared
from seeded import told, write_results

MODELS = ("hetero_gat", "mlp")
_MOST_MS, _LEAST_A_SECOND = 50.0, 1_000.0
_BATCH = 1_000


def main() -> int:
    """Measure, print, and return the exit code."""
    import torch

    import mmgraph as mg

    options = _options()
    torch.set_num_threads(2)
    dataset = prepared(["emoji"], options.source, options.data)["emoji"]
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="mmgraph-predict-") as place:
        graph = mg.build_graph(mg.load_dataset(dataset), out=Path(place) / "graph", previews=False)
        rows, folder = _new_rows(dataset, Path(place) / "new")
        for model in MODELS:
            settings = [f"max_epochs={1 if options.quick else 10}", "device=cpu"]
            run = mg.train(graph, task="group", model=model, overrides=settings, seed=0)
            results[model] = _measure(mg.Predictor(run), rows, folder, 10 if options.quick else 50)
            _print(model, results[model])
    if options.json:
        write_results(
            options.json, results, ("mmgraph", "torch", "scikit-learn", "pandas"), quick=options.quick
        )
    return told(_shortfalls(results) if options.check else [])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", action="append", default=[], help="emoji=DIR: its source files")
    parser.add_argument("--data", type=Path, help="where to keep the prepared dataset (default: temporary)")
    parser.add_argument("--quick", action="store_true", help="one epoch, fewer questions")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a goal is missed")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _new_rows(dataset: Path, folder: Path) -> tuple[Any, Path]:
    """Return emoji as new entities, and a folder with their pictures."""
    import pandas as pd

    table = pd.read_parquet(dataset / "emoji.parquet").sample(_BATCH, random_state=0).reset_index(drop=True)
    for name in table["picture"].dropna():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(dataset / name, folder / name)
    return table.assign(id="new-" + table["id"]), folder


def _measure(predictor: Any, rows: Any, folder: Path, times: int) -> dict[str, float]:
    """Return milliseconds for one entity and entities a second in a batch, and the same of the floor."""
    single = [rows.iloc[[n]].to_dict("records") for n in range(times + 1)]
    predictor.predict(single[0], folder=folder)
    predict = functools.partial(predictor.predict, folder=folder)
    encode = functools.partial(_encode, predictor, folder=folder)
    # By turns, so that what else runs meets both.
    one, floor = zip(*[(_seconds(predict, each), _seconds(encode, each)) for each in single[1:]], strict=True)
    many = [(_seconds(predict, rows), _seconds(encode, rows)) for _ in range(3)]
    batch, encoding = (min(taken) for taken in zip(*many, strict=True))
    return {
        "one_ms": 1e3 * statistics.median(one),
        "one_encoding_ms": 1e3 * statistics.median(floor),
        "a_second": len(rows) / batch,
        "encoding_a_second": len(rows) / encoding,
    }


def _encode(predictor: Any, rows: Any, *, folder: Path) -> None:
    """Encode new rows by the encoders of the graph, and do nothing else."""
    from mmgraph.encoders import encode
    from mmgraph.serving.new_rows import read_new

    dataset = read_new(predictor.view, rows, entity="emoji", folder=folder)
    for name, encoder in predictor.view.encoders.items():
        raw = dataset.modality(*name.split("/"))
        if len(raw):
            encode(encoder, raw)


def _seconds(step: Callable[[Any], object], rows: Any) -> float:
    begin = time.perf_counter()
    step(rows)
    return time.perf_counter() - begin


def _print(model: str, found: dict[str, float]) -> None:
    print(
        f"{model:12s} one {found['one_ms']:7.1f} ms (encoding {found['one_encoding_ms']:.1f} ms)   "
        f"in batches of {_BATCH:,} {found['a_second']:7,.0f} a second "
        f"(encoding {found['encoding_a_second']:,.0f})",
        flush=True,
    )


def _shortfalls(results: dict[str, dict[str, float]]) -> list[str]:
    """Return a line for each goal missed."""
    lines = []
    for model, found in results.items():
        if found["one_ms"] > _MOST_MS:
            lines.append(f"{model}: one entity takes {found['one_ms']:.1f} ms; goal: at most {_MOST_MS:g}")
        if found["a_second"] < _LEAST_A_SECOND:
            lines.append(f"{model}: {found['a_second']:,.0f} entities a second; goal: {_LEAST_A_SECOND:,.0f}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
