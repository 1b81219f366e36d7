"""The shipped datasets, made ready once for a benchmark."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path


def prepared(names: Iterable[str], sources: Iterable[str], data: Path | None) -> dict[str, Path]:
    """Return where each dataset is, prepared if it was not.

    Args:
        names: The names of the datasets.
        sources: ``NAME=DIR`` for those whose source files are here; others are fetched, or made on the spot.
        data: Where to keep them; nothing for a temporary folder.
    """
    import mmgraph as mg
    from mmgraph.data.prepare import Recipe

    given = dict(source.partition("=")[::2] for source in sources)
    folder = data or Path(tempfile.mkdtemp(prefix="mmgraph-benchmark-"))
    found = {}
    for name in sorted(names):
        found[name] = folder / name
        if not Recipe(name).made(found[name]):
            source = Path(given[name]) if given.get(name) else None
            mg.prepare_dataset(name, source=source, out=found[name], overwrite=True)
    return found
