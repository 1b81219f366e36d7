"""The cells of a table that hold something, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmgraph.encoders.ragged import Ragged


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells of a table, row by row, without those that are empty.

    Args:
        rows: The rows that the cells are from, [M, C].
        row: The row of each cell, int64 [L].
        column: The column of each cell, int64 [L].
    """

    rows: pd.DataFrame
    row: npt.NDArray[np.int64]
    column: npt.NDArray[np.int64]

    @classmethod
    def ragged(cls, table: pd.DataFrame) -> Ragged:
        """Return the cells of a table as rows of its items.

        Args:
            table: Each row holds something.
        """
        there = table.notna().to_numpy(bool)
        row, column = np.nonzero(there)
        return Ragged(cls(table, row, column), there.sum(axis=1))

    @property
    def table(self) -> pd.DataFrame:
        """The rows of which there are cells."""
        return self.rows.iloc[np.unique(self.row)]

    def placed(self, blocks: Mapping[str, npt.NDArray[np.float64]]) -> npt.NDArray[np.float32]:
        """Return a vector for each cell, float32 [L, C]: its numbers, zeros, and which column it is of.

        Args:
            blocks: By column the numbers of :attr:`table`.
        """
        widths = [block.shape[1] for block in blocks.values()]
        found = np.zeros((len(self), sum(widths) + len(widths)), dtype=np.float32)
        _, row = np.unique(self.row, return_inverse=True)
        start = 0
        for number, (name, block) in enumerate(blocks.items()):
            own = np.flatnonzero(self.column == self.rows.columns.get_loc(name))
            found[own, start : start + widths[number]] = block[row[own]]
            found[own, sum(widths) + number] = 1
            start += widths[number]
        return found

    def __len__(self) -> int:
        return len(self.row)

    def __getitem__(self, chosen: Any) -> Cells:
        return replace(self, row=self.row[chosen], column=self.column[chosen])
