"""The report's explanations: what the answers for some entities rest on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmgraph.evaluation.explanation.explain import explain
from mmgraph.evaluation.explanation.explanation import Explanation
from mmgraph.evaluation.explanation.page import Bar, bars
from mmgraph.evaluation.samples import Sample, show_entities
from mmgraph.evaluation.wording import listed
from mmgraph.readable import readable
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
    fidelity: str
    neighbours: tuple[Bar, ...]


def explanations_section(run: Run, ids: Sequence[str]) -> tuple[Explained, ...]:
    """Return what the answers of a run for some entities rest on; see :func:`mmgraph.explain`.

    Args:
        run: The run; of several tasks at once, each that asks about an entity is explained.
        ids: The entities; of links the sources, of a retrieval or a matching the queries, each with what is
            found first for it, and explained by both ends.

    Raises:
        ConfigError: If the task cannot be explained.
        GraphError: If there is no such entity.
    """
    return tuple(
        _explained(run, side, task)
        for one in ids
        for task in _tasks(run, one)
        for side in explain(run, one, task=task).sides
    )


def _tasks(run: Run, entity_id: str) -> list[str | None]:
    """Return the tasks of a run that ask about an entity; where none does, the first, which says so."""
    if not isinstance(run.task, MultiTask):
        return [None]
    names: list[str | None] = list(run.task.weights)
    return [n for n in names if entity_id in run.task.members[str(n)].labels.ids.astype(str)] or names[:1]


def _explained(run: Run, found: Explanation, task: str | None) -> Explained:
    """Return what one explanation says, of a pair by one of its ends."""
    pair = found.pair
    about = f", {found.task}" if task is not None else f", {found.role}" if pair is not None else ""
    says = "" if pair is None else f"{found.says}. "
    said = found if pair is None else pair
    samples = show_entities(
        run.view, found.entity, [found.row], targets=[said.target], predictions=[said.prediction]
    )
    return Explained(
        title=f"{found.title} ({found.id}){about}",
        reached=f"{says}{found.asked}: {readable(found.value, 4)}; without any modality of its own and "
        f"without relations {readable(found.nothing, 4)}.",
        samples=tuple(samples),
        parts=tuple(bars(found.parts, "name", "kind")),
        fidelity=_fidelity(found),
        neighbours=tuple(bars(found.neighbours.head(_SHOWN_NEIGHBOURS), "title", "relations")),
    )


def _fidelity(found: Explanation) -> str:
    """Return whether what counts most is needed, and enough."""
    one = found.fidelity
    if not one.important:
        return "Nothing speaks for the answer."
    names = listed([name for _, name in one.important], "and")
    return f"Without {names} {one.changes[0]} (fidelity+), with that alone {one.changes[1]} (fidelity−)."
