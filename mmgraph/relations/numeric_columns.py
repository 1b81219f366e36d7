"""Several numeric columns of an entity table, of which a row has all or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmgraph.data.columns import Column
from mmgraph.errors import DataError, Faults, MMGraphError
from mmgraph.relations.entity_columns import Context, entity_column


@dataclass(frozen=True, eq=False)
class NumericColumn:
    """Numbers, and where they stand.

    Args:
        column: The column.
        numbers: float64 [N], NaN where a cell of any of the columns is empty.
    """

    column: Column
    numbers: NDArray[np.float64]

    def refuse(self, wrong: NDArray[np.bool_], wanted: str, faults: Faults) -> None:
        """Note a fault that names the first wrong row, if there is one.

        Args:
            wrong: Which rows are wrong, bool [N].
            wanted: What is wanted of them.
            faults: Where to note it.
        """
        rows = self.column.in_file(np.flatnonzero(wrong))
        if len(rows):
            faults.add(
                self.column.place(int(rows[0])),
                f"got {self.numbers[rows[0]]:g}; wanted {wanted}{self.column.also(rows)}",
                "Mend the cells, or empty them.",
            )


def numeric_columns(
    context: Context, entity: str, columns: Sequence[str], *, parameters: Sequence[str] | None = None
) -> list[NumericColumn]:
    """Return columns as numbers; a row in which one is empty has none.

    Args:
        context: The surroundings of the relation.
        entity: The entity type.
        columns: The columns, which no task may predict.
        parameters: The relation's parameters that named them; ``columns[0]`` and so on by default.

    Raises:
        DataError: With all faults of all columns.
    """
    names = parameters or [f"columns[{position}]" for position in range(len(columns))]
    faults, found = Faults(), []
    for name, column in zip(names, columns, strict=True):
        try:
            read = entity_column(context, entity, column, parameter=name)
            found.append((read, read.numbers()))
        except MMGraphError as error:
            faults.extend(error)
    faults.raise_if_any(DataError)
    missing = np.isnan([numbers for _, numbers in found]).any(axis=0)
    return [NumericColumn(column, np.where(missing, np.nan, numbers)) for column, numbers in found]
