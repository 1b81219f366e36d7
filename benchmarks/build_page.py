"""The page of the documentation about building graphs, made from what `build.py` measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_HEAD = """# Building at scale

What it costs to build a graph, to open it, and to build it again, beside the usual script: tables by pandas,
ids by an index of pandas, a `HeteroData`, `torch.save`. Every measurement is a process of its own, and
contenders take turns; figures are medians over the rounds. Memory is the peak above what a process holds
once everything is imported and compiled.

Made by:

```bash
python benchmarks/build.py --json build.json --page docs/performance_build.md
```

"""

_TAIL = """
## How to read this

- Tables are read block by block, and ids are found in one table of hashes, by both cores. Edges are sorted by
  counting and written as soon as their relation is built, so that memory holds the largest relation, not all.
- Reverse relations are not stored: they are derived when they are asked for.
- Opening reads the manifest and looks at the sizes of the files. Edges are mapped into memory at their first
  use, and checked then.
- A relation is built again when something that it was made from has changed:
  see [building again](how_to/build_again.md).
"""


def make_page(report: Mapping[str, Any]) -> str:
    """Return the page, in Markdown."""
    where = ", ".join(f"{name} {value}" for name, value in report["machine"].items())
    versions = ", ".join(f"{name} {value}" for name, value in report["versions"].items())
    parts = [_HEAD, f"on {where}, with {versions}.\n"]
    for result in report["cases"]:
        parts.append(f"\n## {result['case'][0].upper()}{result['case'][1:]}\n\n{_table(result)}\n")
        parts.extend(f"- {'Reached' if g['met'] else '**Missed**'}: {g['text']}.\n" for g in result["goals"])
    return "".join([*parts, _TAIL])


def _table(result: Mapping[str, Any]) -> str:
    rows = ["| contender | seconds | MB |", "| --- | --- | --- |"]
    rows += [
        f"| {name} | {figures['seconds']:,.3f} | {figures['megabytes']:,.0f} |"
        for name, figures in result["figures"].items()
    ]
    return "\n".join(rows) + "\n"
