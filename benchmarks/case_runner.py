"""What several benchmarks share: each case in a process of its own, and one report."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from machine import machine, versions
from measure import in_own_process
from performance_page import render, write_section

import mmgraph  # noqa: F401 - before the first tensor, as in its commands: huge pages, for peers as well

Result = dict[str, Any]
"""By contender its ``figures`` by kind, the ``goals``, and ``rounds``."""

TIMEOUT = 3000
_PACKAGES = ("torch", "torch_geometric", "torch-sparse", "pyg-lib", "numba", "numpy", "mmgraph")


@dataclass(frozen=True)
class Benchmark:
    """One script.

    Args:
        doc: What it does, for its help.
        section: Its section of the page about performance.
        head: What stands above the tables there.
        tail: What stands below them.
        columns: By kind of figure, what its column is called and how it is written.
        cases: By name, from ``quick`` or ``full`` to what was measured; each runs in a process of its own.
        steps: By name, what such a process has done in further ones, in a folder.
        packages: Whose versions are told.
        quick: How much less ``--quick`` does.
    """

    doc: str
    section: str
    head: str
    tail: str
    columns: Mapping[str, tuple[str, str]]
    cases: Mapping[str, Callable[[str], Result]]
    steps: Mapping[str, Callable[[Path], dict[str, float]]] = field(default_factory=dict)
    packages: Sequence[str] = _PACKAGES
    quick: str = "a tenth of the size"

    def main(self) -> int:
        """Measure, print, and return 1 if a goal is missed and ``--check`` was given."""
        options = self._options()
        if options.measure:
            case, size = options.measure
            print(json.dumps(self.cases[case](size)))
            return 0
        if options.step:
            print(json.dumps(self.steps[options.step[0]](Path(options.step[1]))))
            return 0
        size = "quick" if options.quick else "full"
        report: dict[str, Any] = {
            "size": size,
            "machine": machine(),
            "versions": versions(self.packages),
            "cases": [],
        }
        for name in self.cases:
            if any(text in name for text in options.case or [""]):
                print(f"{name} ...", file=sys.stderr)
                result = json.loads(in_own_process("--measure", name, size, timeout=TIMEOUT))
                report["cases"].append({"case": name, **result})
                self._print(report["cases"][-1], size)
                # After each case, so that an interruption loses none that is done.
                if options.json:
                    options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
                if options.page:
                    text = "".join([self.head, render(report, self.columns), self.tail])
                    write_section(options.page, self.section, text)
        missed = [f"{r['case']}: {g['text']}" for r in report["cases"] for g in r["goals"] if not g["met"]]
        if options.check:
            for line in missed:
                print(f"missed: {line}")
        return int(options.check and bool(missed))

    def _options(self) -> argparse.Namespace:
        parser = argparse.ArgumentParser(
            description=self.doc, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        parser.add_argument("--quick", action="store_true", help=self.quick)
        parser.add_argument(
            "--check", action="store_true", help="print each goal that is missed; exit 1 if any is"
        )
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
        parser.add_argument(
            "--case",
            action="append",
            metavar="TEXT",
            help="only cases whose name has this in it; may come again",
        )
        parser.add_argument("--page", type=Path, metavar="FILE", help="write the section of the page there")
        parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
        parser.add_argument("--step", nargs=2, help=argparse.SUPPRESS)
        return parser.parse_args()

    def _print(self, result: Result, size: str) -> None:
        print(f"\n{result['case']} ({size}, rounds: {result['rounds']})")
        for name, figures in result["figures"].items():
            cells = (
                f"{format(figures[kind], how):>12} {title}"
                for kind, (title, how) in self.columns.items()
                if kind in figures
            )
            print(f"  {name:36s}{''.join(cells)}")
        for goal in result["goals"]:
            print(f"  {'ok    ' if goal['met'] else 'MISSED'} {goal['text']}", flush=True)


def at_least(what: str, value: float, limit: float) -> dict[str, Any]:
    """Return a goal: that a value is this or more."""
    text = f"{what} is {value:.2f}, wanted at least {limit:g}"
    return {"text": text, "value": value, "met": value >= limit}


def at_most(what: str, value: float, limit: float) -> dict[str, Any]:
    """Return a goal: that a value is this or less."""
    text = f"{what} is {value:.2f}, wanted at most {limit:g}"
    return {"text": text, "value": value, "met": value <= limit}
