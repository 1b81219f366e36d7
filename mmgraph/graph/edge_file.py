"""A table of edges, by the ids of their ends, as a Parquet file."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from mmgraph.atomic import atomic_write
from mmgraph.errors import ConfigError


def require_edge_file(file: Path, *, overwrite: bool) -> None:
    """Make sure that edges can be written to a file.

    Raises:
        ConfigError: If its name does not end in ``.parquet``, or if it is there already.
    """
    if file.suffix != ".parquet":
        raise ConfigError(
            f"got {str(file)!r}; wanted a name that ends in .parquet", where="--out", fix="Rename it."
        )
    if file.is_dir() or (file.exists() and not overwrite):
        raise ConfigError(
            "is there already", where=str(file), fix="Choose another --out, or pass --overwrite."
        )


def write_edge_file(file: Path, table: pd.DataFrame) -> None:
    """Write edges, whole or not at all.

    Args:
        file: Where to.
        table: The edges, from :meth:`~mmgraph.graph.attach.AttachedGraph.edge_table`.
    """
    content = io.BytesIO()
    pyarrow.parquet.write_table(pa.Table.from_pandas(table, preserve_index=False), content)
    atomic_write(file, content.getvalue())
