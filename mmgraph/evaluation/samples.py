"""Single entities as people see them: title, pictures, texts, the answer, and what a model said."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmgraph.graph.graph import Graph
from mmgraph.readable import readable

_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Sample:
    """One entity for the report.

    Args:
        id: Its id.
        title: Its title.
        target: The true answer.
        prediction: What a model said, or nothing.
        pictures: Pairs of modality and ``data:`` address of a PNG.
        texts: Pairs of modality and text.
        missing: The modalities that it lacks.
    """

    id: str
    title: str
    target: str
    prediction: str
    pictures: tuple[tuple[str, str], ...]
    texts: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]

    @property
    def size(self) -> int:
        """How many characters it takes on a page, about."""
        return 300 + sum(len(shown) for _, shown in (*self.pictures, *self.texts))


def show_entities(
    graph: Graph,
    entity: str,
    rows: Sequence[int],
    *,
    targets: Sequence[Any],
    predictions: Sequence[Any] | None = None,
) -> list[Sample]:
    """Return some entities with the previews of their modality nodes.

    Args:
        graph: The graph as the task sees it.
        entity: The entity type.
        rows: Rows of the entity's node table.
        targets: The true answer for each row.
        predictions: What a model said for each row.
    """
    table = graph.nodes[entity]
    previews = _previews(graph, entity)
    samples = []
    for position, row in enumerate(rows):
        pictures, texts, missing = [], [], []
        for modality, by_row in previews.items():
            if row not in by_row:
                missing.append(modality)
                continue
            preview = by_row[row]
            if isinstance(preview, bytes) and preview.startswith(_PNG):
                pictures.append((modality, data_address(preview)))
            elif isinstance(preview, str) and preview:
                texts.append((modality, preview))
        samples.append(
            Sample(
                id=str(table["id"].iloc[row]),
                title=str(table["title"].iloc[row]),
                target=shown(targets[position]),
                prediction="" if predictions is None else shown(predictions[position]),
                pictures=tuple(pictures),
                texts=tuple(texts),
                missing=tuple(missing),
            )
        )
    return samples


def rows_of(graph: Graph, entity: str, ids: Iterable[object]) -> list[int]:
    """Return the rows of some entities in the node table of their type.

    Args:
        graph: The graph as the task sees it.
        entity: The entity type.
        ids: Their ids.
    """
    row_of = {identifier: row for row, identifier in enumerate(graph.nodes[entity]["id"].astype(str))}
    return [row_of[str(identifier)] for identifier in ids]


def spread_over(values: Sequence[str], rows: npt.NDArray[np.int64], count: int) -> list[int]:
    """Return ``count`` of the rows that spread over the values: by turns one of each.

    Args:
        values: The value of each of the rows.
        rows: The rows to choose from, ascending.
        count: How many to choose; fewer if there are fewer.

    Example:
        >>> spread_over(["a", "a", "a", "b"], np.array([10, 11, 12, 13]), 3)
        [11, 13, 12]
    """
    orders = [_from_the_middle(group.tolist()) for _, group in pd.Series(rows).groupby(list(values))]
    turns = itertools.zip_longest(*orders)
    return [row for turn in turns for row in turn if row is not None][:count]


def _from_the_middle(rows: list[int]) -> list[int]:
    """Return the middle row, then outwards: the first rows of a table are often its oddest."""
    middle = (len(rows) - 1) / 2
    order = sorted(range(len(rows)), key=lambda position: (abs(position - middle), -position))
    return [rows[position] for position in order]


def first_picture(graph: Graph, entity: str, rows: Sequence[int]) -> dict[int, bytes]:
    """Return for each place among ``rows`` the first picture of the entity there, as PNG, if it has one.

    Args:
        graph: The graph as the task sees it.
        entity: The entity type.
        rows: Rows of the entity's node table.
    """
    previews = _previews(graph, entity)
    found = {}
    for place, row in enumerate(rows):
        for by_row in previews.values():
            preview = by_row.get(row)
            if isinstance(preview, bytes) and preview.startswith(_PNG):
                found[place] = preview
                break
    return found


def data_address(png: bytes) -> str:
    """Return a PNG as an address that holds the picture itself."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def shown(value: Any) -> str:
    """Return a target or a prediction as text: numbers as a person reads them, labels side by side."""
    if value is None:
        return "nothing"
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return readable(float(value)) if isinstance(value, (float, np.floating)) else str(value)


def modalities_of(graph: Graph, entity: str) -> dict[str, npt.NDArray[np.int64]]:
    """Return for each modality of an entity type the rows of the entities that have it, int64 [R].

    Args:
        graph: The graph as the task sees it.
        entity: The entity type.
    """
    return {
        t.modality: np.unique(graph.nodes[t.name]["entity_index"].to_numpy(dtype=np.int64))
        for t in graph.schema.node_types
        if t.entity == entity and t.modality is not None
    }


def _previews(graph: Graph, entity: str) -> dict[str, Mapping[int, Any]]:
    """Return for each modality of the entity type: row of the entity -> preview."""
    found: dict[str, Mapping[int, Any]] = {}
    for node_type in graph.schema.node_types:
        if node_type.entity == entity and node_type.modality is not None:
            table = graph.nodes[node_type.name]
            found[node_type.modality] = dict(zip(table["entity_index"], table["preview"], strict=True))
    return found
