"""The section of the page about performance that is made from what `layers.py` measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_HEAD = """## Layers

What a training step of one layer costs, forward and backward, beside its peers. The contenders of a case
take turns in a process of the case's own, a step to warm up and a timed one; times are medians over the
rounds, and ratios are medians of the ratios within a round. Memory is what a first step adds to a process of
its own, the index plan included. PyG's layers get their edges sorted, as they like them best.

Made by:

```bash
python benchmarks/layers.py --json layers.json --page docs/performance.md
```

"""

_TAIL = """
### How to read these

- Ratios depend on the machine. PyG's operators make a vector for each edge, and spend much of their time on
  getting and clearing the memory for it; the kernels here wait for the rows of neighbours. Where memory is
  slow to answer but quick to be had, the distance is smaller.
- The *floor* is three sums of neighbours' rows without weights, as fast as threads, vectors and prefetching
  make them. *operation* is attention without its projections; it reads neighbours' rows twice, forward and
  backward, and so can come below three sums. *mmgraph* and *PyG* include the projections, and their matrix
  products cost both the same.
- With several relations, *mmgraph* is what `HeteroConv` of `GATConv`s does and nothing else; *hetero_gat* is
  the whole layer, with a path of each node to itself, an activation and a residual beside it.
- Cost grows with the edges. Ten times the nodes cost more than ten times as much where their rows no longer
  fit the caches, as the floor shows.
- The kernels are compiled at their first use and kept on disk, beside the package or where
  `NUMBA_CACHE_DIR` says.
- `--device cuda` measures the cases of graph layers on a GPU, against PyG and against the time in which its
  memory yields as many bytes. There are no such figures yet.
"""


def make_section(report: Mapping[str, Any]) -> str:
    """Return the section, in Markdown."""
    where = ", ".join(f"{name} {value}" for name, value in report["machine"].items())
    versions = ", ".join(f"{name} {value}" for name, value in report["versions"].items())
    parts = [_HEAD, f"on {where}, with {versions}.\n"]
    for result in report["cases"]:
        parts.append(f"\n### {result['case'][0].upper()}{result['case'][1:]}\n\n{_table(result)}")
        if result["goals"]:
            parts.append("\n" + "".join(_goal(goal) for goal in result["goals"]))
    if report["first_use"] is not None:
        parts.append(_first_use(**report["first_use"]))
    return "".join([*parts, _TAIL])


def _table(result: Mapping[str, Any]) -> str:
    rows = ["| contender | ms | MB |", "| --- | --- | --- |"]
    for name, times in result["milliseconds"].items():
        memory = result["megabytes"].get(name)
        megabytes = "" if memory is None else f"{memory:,.0f}"
        rows.append(f"| {name} | {times['median']:,.1f} | {megabytes} |")
    return "\n".join(rows) + "\n"


def _goal(goal: Mapping[str, Any]) -> str:
    return f"- {'Reached' if goal['met'] else '**Missed**'}: {goal['text']}.\n"


def _first_use(step: Mapping[str, float], training: Mapping[str, float]) -> str:
    return (
        "\n### First use\n\n"
        f"The first step of a process takes {step['cold']:.1f} s when its kernels have never been compiled "
        f"on the machine, and {step['cached']:.2f} s once they are kept.\n\n"
        "A whole training of `hetero_gat` on `glyphs`, the graph being there:\n\n"
        "| kernels | s |\n| --- | --- |\n"
        f"| compiled first | {training['cold']:.1f} |\n"
        f"| kept on disk | {training['cached']:.1f} |\n"
        f"| none: the backend `torch` | {training['plain torch']:.1f} |\n"
    )
