"""The section of the page about performance that stands round what `build.py` measured."""

from __future__ import annotations

HEAD = """## Building graphs

What it costs to build a graph, to open it, and to build it again, beside the usual script: tables by pandas,
ids by an index of pandas, a `HeteroData`, `torch.save`. Every measurement is a process of its own, and
contenders take turns; figures are medians over the rounds. Memory is the peak above what a process holds
once everything is imported and compiled.

Made by:

```bash
python benchmarks/build.py --json build.json --page docs/performance.md
```

"""

COLUMNS = {"seconds": ("seconds", ",.3f"), "megabytes": ("MB", ",.0f"), "recall": ("recall", ".4f")}
"""By figure, what its column is called and how it is written."""

TAIL = """
### How to read these

- Tables are read block by block, and ids are found in one table of hashes, by both cores. Edges are sorted by
  counting and written as soon as their relation is built, so that memory holds the largest relation, not all.
- Where ids are whole numbers, pandas finds them fast; mmgraph's time then lies in sorting, checking and
  compressing the edges, which the usual script leaves to whoever trains on them.
- Every relation is stored by its targets and by its sources, which is its reverse.
- Opening reads the manifest and looks at the sizes of the files. Edges are mapped into memory at their first
  use, and checked then.
- Nearest neighbours: all contenders begin with the same features. Those that compare all with all are asked
  for a tenth of the rows where there are many, and their times are multiplied by ten.
- A relation is built again when something that it was made from has changed:
  see [building again](how_to/build_again.md).
"""
