"""Table columns: numbers, categories, ranks, dates, places and short texts, as vectors or as a token each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from mmgraph.data.modalities import RawModality
from mmgraph.data.modality_spec import places_in
from mmgraph.encoders.cells import Cells
from mmgraph.encoders.column_codes import CategoryCode, ColumnCode, DateCode, NumberCode, OrdinalCode
from mmgraph.encoders.encoder import Arrays, Encoder, State
from mmgraph.encoders.number_scale import Method
from mmgraph.encoders.place_code import PlaceCode, places
from mmgraph.encoders.text_code import TextCode
from mmgraph.errors import DataError, did_you_mean
from mmgraph.hashing import Hasher
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS

_CODES: dict[str, type[ColumnCode]] = {
    code.kind: code for code in (NumberCode, CategoryCode, OrdinalCode, DateCode, PlaceCode, TextCode)
}
# The type of a described column says how it was read. Text without saying so is a category.
_TEXT = pd.StringDtype()
_TYPES: dict[str, Any] = {
    "numeric": "float64",
    "categorical": "object",
    "date": "datetime64[us]",
    "text": _TEXT,
}


@dataclass(frozen=True)
class TableCode:
    """What fitting finds out.

    Args:
        columns: The code of each column, in the order of the table; a place is one.
        indicated: Columns with empty cells in the training rows: whether a cell is empty is a feature too.
            Of tokens none, as an empty cell is no token.
    """

    columns: dict[str, ColumnCode]
    indicated: list[str]

    @property
    def width(self) -> int:
        """How many numbers the cells of a row become."""
        return sum(code.width for code in self.columns.values())


@ENCODERS.register("columns")
@dataclass(kw_only=True, eq=False)
class Columns(Encoder[Any, TableCode]):
    """Table columns: scaled numbers, categories, ranks, dates, places, short texts, and what is missing.

    An empty number, rank or place becomes the mean of the training rows, another empty cell zeros, and where
    some training cells are empty too, an indicator says so.

    With ``tokens`` each cell that is not empty is a node. Its vector holds the numbers of the cell where its
    column has them, zeros elsewhere, and a one for the column at the end. The linear map by which a model
    reads it gives, for a number, its value times a vector of the column plus another one, and for a category
    a vector of its own: the tokens of FT-Transformer (`Gorishniy et al. 2021
    <https://arxiv.org/abs/2106.11959>`_), trained together with the model.

    Args:
        numeric: How numbers are scaled: ``quantile`` to a normal distribution by rank, which heavy tails
            call for; ``log``; or ``standard``, to zero mean and unit variance.
        frequencies: How many sines and cosines of each scaled number and axis of a place stand beside it.
        min_count: The fewest training rows that give a category a column of its own; rarer ones share one.
        max_categories: The most categories of a column that get one of their own.
        text_components: The most numbers that a text becomes.
        tokens: Whether each cell is a node.

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
    frequencies: Annotated[
        int, Field(ge=0, le=16, description="Sines and cosines of each scaled number, beside it.")
    ] = 0
    min_count: Annotated[
        int, Field(ge=1, description="The fewest training rows that give a category a column of its own.")
    ] = 2
    max_categories: Annotated[
        int, Field(ge=1, description="The most categories of a column that get one of their own.")
    ] = 64
    text_components: Annotated[
        int, Field(ge=1, description="The most numbers that a text of a column becomes.")
    ] = 16
    tokens: Annotated[bool, Field(description="Whether each cell is a node of its own.")] = False

    @property
    def several(self) -> bool:
        """Whether each cell is a node."""
        return self.tokens

    def describe(self, raw: RawModality, progress: Progress) -> Any:  # noqa: ARG002 - instant
        """Return the table, M rows, each column of a type of its own; of tokens its cells."""
        assert isinstance(raw.values, pd.DataFrame)
        table = _typed(raw.values, raw.columns)
        return Cells.ragged(table) if self.tokens else table

    def fit(self, described: Any) -> None:
        """Learn the scales and categories."""
        table = described.table if isinstance(described, Cells) else described
        codes = {str(name): self._code(cells) for name, cells in table.items()}
        indicated = [] if self.tokens else [name for name in codes if table[name].isna().any()]
        self._fitted = TableCode(codes, indicated)

    def transform(self, described: Any) -> npt.NDArray[np.float32]:
        """Return the numbers of each row or token, float32 [M, channels].

        Raises:
            DataError: If the table lacks a column that the encoder was fitted on.
        """
        table = described.table if isinstance(described, Cells) else described
        absent = [name for name in self.fitted.columns if name not in table]
        if absent:
            raise DataError(
                f"the table has no column {absent[0]!r}, which the encoder was fitted on",
                where="columns",
                fix=did_you_mean(absent[0], map(str, table.columns)),
            )
        blocks = {name: code(table[name]) for name, code in self.fitted.columns.items()}
        if isinstance(described, Cells):
            return described.placed(blocks)
        empty = [table[name].isna().to_numpy().astype(np.float64)[:, None] for name in self.fitted.indicated]
        start = np.zeros((len(table), 0))
        return np.concatenate([start, *blocks.values(), *empty], axis=1).astype(np.float32)

    def feature_names(self) -> list[str]:
        """Return what each number stands for, [channels]: a column, and where it has several, which."""
        names = [
            f"{column}: {name}" if name else column
            for column, code in self.fitted.columns.items()
            for name in code.names()
        ]
        if self.tokens:
            return [*names, *(f"{column}: there" for column in self.fitted.columns)]
        return [*names, *(f"{column}: empty" for column in self.fitted.indicated)]

    def meaning(self) -> str:
        """Return a hash of what each number stands for; another scale changes no meaning.

        Components of texts are those of the training texts, as those of :class:`~mmgraph.encoders.TfIdf` are.
        """
        hasher = Hasher().json(["columns", self.version, self.feature_names()])
        for code in self.fitted.columns.values():
            if isinstance(code, TextCode):
                hasher.json(code.state())
                for name, array in sorted(code.arrays().items()):
                    hasher.text(name).array(array)
        return hasher.hexdigest()

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
        """The numbers that a row or a token becomes."""
        more = len(self.fitted.columns) if self.tokens else len(self.fitted.indicated)
        return self.fitted.width + more

    def fitted_state(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return the scales and categories; JSON keeps every bit of a float."""
        columns = [
            {"name": name, "kind": code.kind, "code": code.state()}
            for name, code in self.fitted.columns.items()
        ]
        arrays = {
            f"{number}.{name}": array
            for number, code in enumerate(self.fitted.columns.values())
            for name, array in code.arrays().items()
        }
        return {"columns": columns, "indicated": self.fitted.indicated}, arrays

    def restore(self, state: State, arrays: Arrays) -> None:
        """Take over the scales and categories."""
        codes = {}
        for number, column in enumerate(state["columns"]):
            start = f"{number}."
            own = {
                name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)
            }
            codes[column["name"]] = _CODES[column["kind"]].from_state(column["code"], own)
        self._fitted = TableCode(codes, list(state["indicated"]))

    def _code(self, cells: pd.Series[Any]) -> ColumnCode:
        if isinstance(cells.dtype, pd.CategoricalDtype):
            return OrdinalCode.fit(cells)
        if pd.api.types.is_complex_dtype(cells):
            return PlaceCode.fit(cells, frequencies=self.frequencies)
        if pd.api.types.is_datetime64_any_dtype(cells):
            return DateCode.fit(cells)
        if pd.api.types.is_numeric_dtype(cells):
            return NumberCode.fit(cells, method=self.numeric, frequencies=self.frequencies)
        if cells.dtype == _TEXT:
            return TextCode.fit(cells, components=self.text_components)
        return CategoryCode.fit(cells, min_count=self.min_count, max_categories=self.max_categories)


def _typed(values: pd.DataFrame, kinds: Mapping[str, str]) -> pd.DataFrame:
    """Return columns of the types that say how they were read; a latitude and a longitude as one column."""
    pairs = dict(places_in(kinds))
    table = {}
    for name, kind in kinds.items():
        if name in pairs:
            table[_pair_name(name, pairs[name], kinds)] = places(values[name], values[pairs[name]])
        elif kind == "ordinal":
            table[name] = values[name]
        elif kind in _TYPES:
            table[name] = values[name].astype(_TYPES[kind])
    return pd.DataFrame(table, index=values.index)


def _pair_name(latitude: str, longitude: str, kinds: Mapping[str, str]) -> str:
    """Return a name for a column of places that no other column has."""
    name = f"{latitude}, {longitude}"
    while name in kinds:
        name += " (place)"
    return name
