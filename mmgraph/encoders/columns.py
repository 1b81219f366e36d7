"""Table columns: numbers on a common scale, categories as one-hot, dates as year and cycles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from mmgraph.data.modalities import RawModality
from mmgraph.encoders.column_codes import CategoryCode, ColumnCode, DateCode, NumberCode
from mmgraph.encoders.encoder import Arrays, Encoder, State
from mmgraph.encoders.number_scale import Method
from mmgraph.errors import DataError, did_you_mean
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS

_CODES: dict[str, type[ColumnCode]] = {code.kind: code for code in (NumberCode, CategoryCode, DateCode)}
_TYPES = {"numeric": "float64", "categorical": "object", "date": "datetime64[us]"}


@dataclass(frozen=True)
class TableCode:
    """What fitting finds out.

    Args:
        columns: The code of each column, in the order of the table.
        indicated: Columns with empty cells in the training rows: whether a cell is empty is a feature too.
    """

    columns: dict[str, ColumnCode]
    indicated: list[str]


@ENCODERS.register("columns")
@dataclass(kw_only=True, eq=False)
class Columns(Encoder[pd.DataFrame, TableCode]):
    """Table columns: scaled numbers, one-hot categories, years and cycles of dates, missing-value indicators.

    An empty cell becomes the mean of the training rows, and where some of those are empty too, an indicator
    says so.

    Args:
        numeric: How numbers are scaled: ``quantile`` to a normal distribution by rank, which heavy tails call
            for; ``log``; or ``standard``, to zero mean and unit variance.
        min_count: The fewest training rows that give a category a column of its own; rarer ones share one.
        max_categories: The most categories of a column that get one of their own.

    Example:
        >>> encoder = Columns()
        >>> table = pd.DataFrame({"area": [1.0, 1000.0, np.nan]})
        >>> encoder.fit(table)
        >>> encoder.transform(table).round(2).tolist()
        [[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    """

    kind: ClassVar[str] = "tabular"
    version: ClassVar[int] = 1

    numeric: Annotated[Method, Field(description="How numbers are scaled.")] = "quantile"
    min_count: Annotated[
        int, Field(ge=1, description="The fewest training rows that give a category a column of its own.")
    ] = 2
    max_categories: Annotated[
        int, Field(ge=1, description="The most categories of a column that get one of their own.")
    ] = 64

    def describe(self, raw: RawModality, progress: Progress) -> pd.DataFrame:  # noqa: ARG002 - instant
        """Return the table with float64, datetime64 and object columns, M rows."""
        assert isinstance(raw.values, pd.DataFrame)
        types = {name: _TYPES[kind] for name, kind in raw.columns.items()}
        return raw.values[list(types)].astype(types)

    def fit(self, described: pd.DataFrame) -> None:
        """Learn the scales and categories."""
        codes = {str(name): self._code(cells) for name, cells in described.items()}
        self._fitted = TableCode(codes, [name for name in codes if described[name].isna().any()])

    def transform(self, described: pd.DataFrame) -> npt.NDArray[np.float32]:
        """Return the numbers of each row, float32 [M, channels].

        Raises:
            DataError: If the table lacks a column that the encoder was fitted on.
        """
        absent = [name for name in self.fitted.columns if name not in described]
        if absent:
            raise DataError(
                f"the table has no column {absent[0]!r}, which the encoder was fitted on",
                where="columns",
                fix=did_you_mean(absent[0], map(str, described.columns)),
            )
        blocks = list(self._blocks(described))
        return np.concatenate([np.zeros((len(described), 0)), *blocks], axis=1).astype(np.float32)

    def unseen(self, raw: RawModality) -> list[str]:
        """Return the categories of each row that no training row had."""
        assert isinstance(raw.values, pd.DataFrame)
        found: list[list[str]] = [[] for _ in range(len(raw))]
        for name, code in self.fitted.columns.items():
            if isinstance(code, CategoryCode):
                cells = raw.values[name].astype(object)
                for row in np.flatnonzero(
                    (cells.notna() & ~cells.isin([*code.common, *code.rare])).to_numpy()
                ):
                    found[row].append(f"{name} {cells.iloc[row]!r}")
        return [f"unseen {', '.join(parts)}" if parts else "" for parts in found]

    @property
    def channels(self) -> int:
        """The numbers that a row becomes."""
        return sum(code.width for code in self.fitted.columns.values()) + len(self.fitted.indicated)

    def fitted_state(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return the scales and categories; JSON keeps every bit of a float."""
        columns = [
            {"name": name, "kind": code.kind, "code": code.state()}
            for name, code in self.fitted.columns.items()
        ]
        return {"columns": columns, "indicated": self.fitted.indicated}, {}

    def restore(self, state: State, arrays: Arrays) -> None:  # noqa: ARG002 - JSON holds all
        """Take over the scales and categories."""
        codes = {
            column["name"]: _CODES[column["kind"]].from_state(column["code"]) for column in state["columns"]
        }
        self._fitted = TableCode(codes, list(state["indicated"]))

    def _code(self, cells: pd.Series[Any]) -> ColumnCode:
        if pd.api.types.is_datetime64_any_dtype(cells):
            return DateCode.fit(cells)
        if pd.api.types.is_numeric_dtype(cells):
            return NumberCode.fit(cells, method=self.numeric)
        return CategoryCode.fit(cells, min_count=self.min_count, max_categories=self.max_categories)

    def _blocks(self, table: pd.DataFrame) -> Iterator[npt.NDArray[np.float64]]:
        """Yield the numbers of each column, and then the indicators."""
        for name, code in self.fitted.columns.items():
            yield code(table[name])
        for name in self.fitted.indicated:
            yield table[name].isna().to_numpy().astype(np.float64)[:, None]
