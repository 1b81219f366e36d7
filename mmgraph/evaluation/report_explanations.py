"""The report's explanations: what the answers for some entities rest on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmgraph.evaluation.explanation.explain import explain
from mmgraph.evaluation.explanation.page import Bar, bars
from mmgraph.evaluation.samples import Sample, show_entities
from mmgraph.training.run import Run

_SHOWN_NEIGHBOURS = 8


@dataclass(frozen=True)
class Explained:
    """What the answer for one entity rests on."""

    title: str
    reached: str
    samples: tuple[Sample, ...]
    parts: tuple[Bar, ...]
    neighbours: tuple[Bar, ...]


def explanations_section(run: Run, ids: Sequence[str]) -> tuple[Explained, ...]:
    """Return what the answers of a run for some entities rest on; see :func:`mmgraph.explain`.

    Args:
        run: The run.
        ids: The entities.

    Raises:
        ConfigError: If the task cannot be explained.
        GraphError: If there is no such entity.
    """
    return tuple(_explained(run, one) for one in ids)


def _explained(run: Run, entity_id: str) -> Explained:
    found = explain(run, entity_id)
    return Explained(
        title=f"{found.title} ({found.id})",
        reached=f"{found.asked}: {found.value:.4f}; without any modality of its own and without relations "
        f"{found.nothing:.4f}.",
        samples=tuple(
            show_entities(
                run.view, found.entity, [found.row], targets=[found.target], predictions=[found.prediction]
            )
        ),
        parts=tuple(bars(found.parts, "name", "kind")),
        neighbours=tuple(bars(found.neighbours.head(_SHOWN_NEIGHBOURS), "title", "relations")),
    )
