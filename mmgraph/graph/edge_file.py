"""A table of edges, by the ids of their ends, as a Parquet file."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from mmgraph.atomic import atomic_write


def write_edge_file(file: Path, table: pd.DataFrame) -> None:
    """Write edges, whole or not at all.

    Args:
        file: Where to.
        table: The edges, from :meth:`~mmgraph.graph.attach.AttachedGraph.edge_table`.
    """
    content = io.BytesIO()
    pyarrow.parquet.write_table(pa.Table.from_pandas(table, preserve_index=False), content)
    atomic_write(file, content.getvalue())
