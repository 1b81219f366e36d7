"""The report's confusion matrix, with the entities behind each of its cells."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pandas as pd

from mmgraph.counted import counted
from mmgraph.evaluation.samples import Sample, rows_of, show_entities
from mmgraph.graph.graph import Graph

_SHOWN_CLASSES = 16
_IN_A_CELL = 6
_MOST_BYTES = 1_000_000
"""Of all examples together: a page must stay small whatever the pictures are."""


@dataclass(frozen=True)
class ConfusionCell:
    """How often a class was taken for another.

    Args:
        count: How often.
        share: The share of its row.
        hit: Whether it is the class itself.
        anchor: Where on the page its examples are; empty where none are shown.
        text: What it says, in words.
    """

    count: int
    share: float
    hit: bool
    anchor: str
    text: str


@dataclass(frozen=True)
class ConfusionRow:
    """One true class."""

    label: str
    cells: tuple[ConfusionCell, ...]


@dataclass(frozen=True)
class CellExamples:
    """The entities behind a cell, or some of them."""

    anchor: str
    title: str
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class Confusion:
    """The confusion matrix; classes beyond the largest are left out."""

    labels: tuple[str, ...]
    rows: tuple[ConfusionRow, ...]
    examples: tuple[CellExamples, ...]
    left_out: int


def confusion_of(test: pd.DataFrame, graph: Graph, entity: str) -> Confusion:
    """Return how often each class was taken for which, and some entities of which that is true.

    Args:
        test: The test entities: ``id``, ``target``, ``prediction``.
        graph: The graph as the task sees it.
        entity: The entity type.
    """
    targets, predictions = test["target"].astype(str), test["prediction"].astype(str)
    # Whatever stands in the prediction column only is a class as well.
    sizes = targets.value_counts().reindex(sorted({*targets, *predictions}), fill_value=0)
    sizes = sizes.sort_values(ascending=False, kind="stable")
    labels = list(sizes.index[:_SHOWN_CLASSES])
    counts = pd.crosstab(targets, predictions).reindex(index=labels, columns=labels, fill_value=0)
    examples = _examples(test, counts, graph, entity)
    rows = []
    for label in labels:
        cells = tuple(
            ConfusionCell(
                count=int(counts.loc[label, other]),
                share=float(counts.loc[label, other] / max(sizes[label], 1)),
                hit=label == other,
                anchor=examples[label, other].anchor if (label, other) in examples else "",
                text=_words(label, other, int(counts.loc[label, other])),
            )
            for other in labels
        )
        rows.append(ConfusionRow(label, cells))
    return Confusion(tuple(labels), tuple(rows), tuple(examples.values()), len(sizes) - len(labels))


def _examples(
    test: pd.DataFrame, counts: pd.DataFrame, graph: Graph, entity: str
) -> dict[tuple[str, str], CellExamples]:
    """Return the examples of cells, those of frequent mistakes first, as far as the page has room."""
    by_cell = dict(iter(test.groupby([test["target"].astype(str), test["prediction"].astype(str)])))
    cells = [
        (label, other) for label in counts.index for other in counts.columns if (label, other) in by_cell
    ]
    cells.sort(key=lambda cell: (cell[0] == cell[1], -len(by_cell[cell]), cell))
    some = {cell: by_cell[cell].iloc[:_IN_A_CELL] for cell in cells}
    together = pd.concat(some.values())
    samples = iter(
        show_entities(
            graph,
            entity,
            rows_of(graph, entity, together["id"]),
            targets=together["target"].tolist(),
            predictions=together["prediction"].tolist(),
        )
    )
    found: dict[tuple[str, str], CellExamples] = {}
    room = _MOST_BYTES
    for number, cell in enumerate(cells):
        own, count = tuple(itertools.islice(samples, len(some[cell]))), len(by_cell[cell])
        room -= sum(sample.size for sample in own)
        if room < 0:
            break
        shown = f", {len(own)} of them" if len(own) < count else ""
        found[cell] = CellExamples(f"cell-{number}", f"{_words(*cell, count)}{shown}", own)
    return found


def _words(label: str, other: str, count: int) -> str:
    if label == other:
        return f"{label}, found: {counted(count, 'entity', 'entities')}"
    return f"{label} taken for {other}: {counted(count, 'entity', 'entities')}"
