"""The report's explanations: what the answers for some entities rest on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmgraph.evaluation.explanation.explain import explain
from mmgraph.evaluation.explanation.page import Bar, bars
from mmgraph.evaluation.samples import Sample, show_entities
from mmgraph.tasks import MultiTask
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
        run: The run; of several tasks at once, each that asks about an entity is explained.
        ids: The entities.

    Raises:
        ConfigError: If the task cannot be explained.
        GraphError: If there is no such entity.
    """
    return tuple(_explained(run, one, task) for one in ids for task in _tasks(run, one))


def _tasks(run: Run, entity_id: str) -> list[str | None]:
    """Return the tasks of a run that ask about an entity; where none does, the first, which says so."""
    if not isinstance(run.task, MultiTask):
        return [None]
    names: list[str | None] = list(run.task.weights)
    return [n for n in names if entity_id in run.task.members[str(n)].labels.ids.astype(str)] or names[:1]


def _explained(run: Run, entity_id: str, task: str | None) -> Explained:
    found = explain(run, entity_id, task=task)
    about = f", {found.task}" if task is not None else ""
    return Explained(
        title=f"{found.title} ({found.id}){about}",
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
