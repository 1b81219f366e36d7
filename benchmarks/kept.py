"""Results of a benchmark over seeds, written as they come, so that it goes on where it was stopped."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from machine import machine, versions

Metrics = dict[str, float]


class Kept:
    """What each entry of each case reached on each seed.

    Args:
        path: The JSON file that holds them, and is gone on with if it is there; nothing to keep them in
            memory alone.
        packages: The packages whose versions tell whether what is there may stand beside what is run now.

    Raises:
        SystemExit: The file was made with other versions.
    """

    def __init__(self, path: Path | None, packages: Sequence[str]) -> None:
        self._path = path
        self._versions = versions(packages)
        self._cases: dict[str, Any] = {}
        if path is None or not path.is_file():
            return
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["versions"] != self._versions:
            raise SystemExit(
                f"{path}: made with {document['versions']}, here is {self._versions}; "
                "what one page compares has one set of versions: name another --json"
            )
        self._cases = document["results"]

    def begin(self, case: str, asked: Mapping[str, Any]) -> None:
        """Say what all trials of a case have in common.

        Raises:
            SystemExit: The file holds trials of this case that something else was asked of.
        """
        there = self._cases.setdefault(case, {"asked": dict(asked), "trials": {}})
        if there["asked"] != json.loads(json.dumps(asked)) and there["trials"]:
            raise SystemExit(
                f"{self._path}: {case} was asked for with {there['asked']}, now with {dict(asked)}; "
                "take the same or name another --json"
            )

    def missing(self, case: str, entries: Iterable[str], seed: int) -> list[str]:
        """Return the entries that have no metrics of this seed yet."""
        trials = self._cases[case]["trials"]
        return [name for name in entries if str(seed) not in trials.get(name, {})]

    def put(self, case: str, entry: str, seed: int, metrics: Metrics) -> None:
        """Keep what an entry reached, on disk as well."""
        self._cases[case]["trials"].setdefault(entry, {})[str(seed)] = metrics
        if self._path:
            document = {"machine": machine(), "versions": self._versions, "results": self._cases}
            beside = self._path.with_name(f"{self._path.name}.unfinished")
            beside.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
            beside.replace(self._path)

    def found(self, case: str, entries: Iterable[str]) -> dict[str, list[Metrics]]:
        """Return the metrics by entry, in the order of the seeds, of those entries that have all seeds.

        An entry that a stop has left with fewer seeds than others is none to compare with them.
        """
        trials = self._cases.get(case, {"trials": {}})["trials"]
        most = max((len(by_seed) for by_seed in trials.values()), default=0)
        return {
            name: [trials[name][seed] for seed in sorted(trials[name], key=int)]
            for name in entries
            if most and len(trials.get(name, {})) == most
        }


def add_keeping(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where results are kept, and the page about them."""
    parser.add_argument("--json", type=Path, help="the results, as they come; what is in it is not run again")
    parser.add_argument("--page", type=Path, help="the page that is written from all that --json holds")


def refuse_quick(options: argparse.Namespace) -> None:
    """Refuse to keep what was a look alone."""
    if options.quick and (options.json or options.page):
        raise SystemExit("--quick is a look: leave out --json and --page, which keep what counts")
