"""The report's retrieval: what is found first for some entities of the test gallery."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mmgraph.counted import counted
from mmgraph.data.task_spec import RetrievalTaskSpec
from mmgraph.evaluation.comparison import Comparison, best
from mmgraph.evaluation.samples import Sample, rows_of, show_entities
from mmgraph.graph.graph import Graph

_SHOWN = 12


@dataclass(frozen=True)
class Retrieved:
    """One query: the entity, the one whose answer came first, and where its own answer came."""

    samples: tuple[Sample, ...]
    rank: int


@dataclass(frozen=True)
class RetrievalSection:
    """What the section of retrieval shows."""

    model: str
    caption: str
    examples: tuple[Retrieved, ...]


def retrieval_section(comparison: Comparison, graph: Graph) -> RetrievalSection | None:
    """Return what the best entry finds for some test entities, spread over the ranks of their own answers.

    Args:
        comparison: The comparison, with at least one result.
        graph: The graph as the task sees it.

    Returns:
        Nothing for a task that is no retrieval.
    """
    spec = comparison.spec
    if not isinstance(spec, RetrievalTaskSpec):
        return None
    names = comparison.finished
    name = best(comparison, comparison.headline, names)
    test = comparison.of(name)[0].on_test
    ordered = test.sort_values(["rank", "id"], kind="stable").reset_index(drop=True)
    places = sorted({round(place * (len(ordered) - 1) / (_SHOWN - 1)) for place in range(_SHOWN)})
    first = int((ordered["rank"] == 1).sum())
    return RetrievalSection(
        model=name,
        caption=(
            f"{name} sees the {spec.query} of an entity and looks for its {spec.answer} among those of "
            f"{counted(len(ordered), 'test entity', 'test entities')}: the right one comes first for "
            f"{first:,}, and for half of them within the first {int(ordered['rank'].median()):,}. Some of "
            "them, from the best rank to the worst: the entity at the left, the one whose answer came first "
            "at the right."
        ),
        examples=_examples(ordered.iloc[places], graph, spec.entity),
    )


def _examples(some: pd.DataFrame, graph: Graph, entity: str) -> tuple[Retrieved, ...]:
    rows = rows_of(graph, entity, some[["id", "prediction"]].astype(str).to_numpy().flatten())
    samples = show_entities(graph, entity, rows, targets=[""] * len(rows))
    return tuple(
        Retrieved((samples[2 * place], samples[2 * place + 1]), int(rank))
        for place, rank in enumerate(some["rank"])
    )
