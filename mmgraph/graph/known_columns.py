"""The columns that are known of the entities of a graph: its own, and those of a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mmgraph.counted import counted
from mmgraph.data.entity_table import check_entity_table
from mmgraph.data.spec import EntitySpec
from mmgraph.data.tables import read_table
from mmgraph.errors import ConfigError
from mmgraph.graph.graph import Graph


def known_columns(graph: Graph, entity: str, table: str | Path | pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the columns that are known of the entities of a type, one row for each.

    Args:
        graph: The graph, which keeps ``id``, ``title``, and for each task its target, under the name of its
            column, and ``split:TASK``.
        entity: The entity type.
        table: A table with further columns, such as the one that the graph was built from; rows are found
            by its column of ids, and entities that it does not name have empty cells.

    Raises:
        DataError: If the table cannot be read, or an id is missing in it or stands twice.
        ConfigError: If the table names none of the entities.
    """
    nodes = graph.nodes[entity]
    columns = {"id": nodes["id"], "title": nodes["title"]}
    for name, task in graph.entity_tasks.items():
        if task.entity == entity:
            columns[task.target] = nodes[f"target:{name}"]
    columns |= {str(name): nodes[name] for name in nodes if str(name).startswith("split:")}
    found = pd.DataFrame(columns)
    if table is None:
        return found
    described = graph.manifest.get("dataset", {}).get("spec", {}).get("entities", {}).get(entity, {})
    id_column = described.get("id", "id")
    frame = table if isinstance(table, pd.DataFrame) else read_table(Path(table))
    file = "the table" if isinstance(table, pd.DataFrame) else str(table)
    spec = EntitySpec(table=file, values_of=None, id=id_column, title=None, time=None)
    checked = check_entity_table(frame, spec, file=file, where="--table")
    place = {name: row for row, name in enumerate(checked.ids)}
    rows = np.array([place.get(name, -1) for name in nodes["id"]], dtype=np.int64)
    if (rows < 0).all():
        raise ConfigError(
            f"{file} names none of the {counted(len(nodes), 'entity', 'entities')} in {id_column!r}",
            where="--table",
            fix="Give a table of the same entities.",
        )
    for name in checked.frame.columns.drop(id_column):
        cells = checked.frame[name].astype(object).to_numpy()[rows]
        cells[rows < 0] = None
        found[str(name)] = pd.Series(cells, dtype=object)
    return found
