"""What the benchmarks of quality over seeds have in common: their options, their figures, and their end."""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from machine import machine, versions


def make_parser(doc: str, keys: Iterable[str], *, quick: str) -> argparse.ArgumentParser:
    """Return a parser of the options that all of them have.

    Args:
        doc: What the script says of itself, in its first line.
        keys: The names of its cases.
        quick: What ``--quick`` leaves away.
    """
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--only", action="append", choices=list(keys), help="a case; repeat")
    parser.add_argument("--source", action="append", default=[], help="NAME=DIR: source files of a dataset")
    parser.add_argument("--data", type=Path, help="where to keep the prepared datasets (default: temporary)")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--check", action="store_true", help="exit with 1 if a goal is missed")
    return parser


def mean_and_spread(values: Sequence[float], digits: int = 3) -> str:
    """Return the mean and the standard deviation of what the seeds gave.

    Example:
        >>> mean_and_spread([0.25, 0.75])
        '0.500 ± 0.354'
    """
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.fmean(values):.{digits}f} ± {spread:.{digits}f}"


def write_results(path: Path, results: dict[str, Any], packages: tuple[str, ...], *, quick: bool) -> None:
    """Write the results with where they were made."""
    document = {
        "quick": quick,
        "machine": machine(),
        "versions": versions(packages),
        "results": results,
    }
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def told(shortfalls: Sequence[str]) -> int:
    """Print a line for each goal that is missed, and return the exit code."""
    for line in shortfalls:
        print(line)
    return 1 if shortfalls else 0
