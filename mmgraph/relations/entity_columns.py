"""Columns of entity tables as relation builders read them, of known entities and of new ones alike."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmgraph.data.columns import Column
from mmgraph.graph.attach_context import AttachContext
from mmgraph.graph.context import BuildContext

Context = BuildContext | AttachContext


def entity_column(context: Context, entity: str, column: str, *, parameter: str) -> Column:
    """Return a column of an entity table, ready to be read as numbers, times or text.

    Args:
        context: The surroundings of the relation.
        entity: The entity type.
        column: The column, which no task may predict.
        parameter: The relation's parameter that named it, for messages.

    Raises:
        GraphError: If the column is the target of a task.
        DataError: If there is no such column.
    """
    table = context.entity_table(entity)
    if isinstance(context, BuildContext):
        context.refuse_target(entity, column, parameter=parameter)
    elif not len(table):
        # New entities of other types may come without a table of this one.
        return Column(pd.Series(dtype=object), column, table.file)
    return table.column(column, where=context.at(parameter))


def labels(context: Context, entity: str, column: str | None, *, parameter: str) -> NDArray[np.str_]:
    """Return the cells of a column as text, [N], nothing ("") where a cell is empty.

    Args:
        context: The surroundings of the relation.
        entity: The entity type.
        column: The column; without one all entities have the same label.
        parameter: The relation's parameter that named it, for messages.

    Raises:
        GraphError: If the column is the target of a task.
        DataError: If there is no such column, or a cell holds no text.
    """
    if column is None:
        return np.full(context.num_nodes(entity), "all")
    cells = entity_column(context, entity, column, parameter=parameter).text()
    return np.array(["" if cell is None else cell for cell in cells], dtype=str)


def read_by(context: BuildContext, entity: str, columns: Iterable[str | None]) -> tuple[str, ...]:
    """Return the modality node types that are read from some of the columns."""
    named = [column for column in columns if column is not None]
    return tuple(sorted({reader for column in named for reader in context.readers(entity, column)}))
