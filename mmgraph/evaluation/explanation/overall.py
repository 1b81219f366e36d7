"""What the answers for many entities rest on: of a class, or of a task."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmgraph.errors import ConfigError, GraphError, did_you_mean
from mmgraph.evaluation.explanation.explain import fidelity, game_of
from mmgraph.evaluation.explanation.players import modalities_and_relations
from mmgraph.evaluation.explanation.question import Question, check_class, checked_task, names_of
from mmgraph.evaluation.explanation.shapley import shapley
from mmgraph.evenly import evenly
from mmgraph.progress import Progress
from mmgraph.tasks import Classification, EntityTask, MultiLabel, Regression
from mmgraph.training.memory import memory_told
from mmgraph.training.run import Run


@dataclass(frozen=True, eq=False)
class OverallExplanation:
    """What the answers for many entities rest on.

    Args:
        task: The task.
        model: The model.
        split: The part of the split that they are from.
        answer: The class or the label that is asked about; nothing for what is true of each, or of a
            regression.
        asked: What the numbers are of.
        entities: How many entities were explained.
        of: Of how many that could have been.
        parts: One row for each modality and relation: ``kind``, ``name``, ``added`` (the mean Shapley
            value; 0 for an entity without it), ``error`` (its standard error over the entities), ``strength``
            (the mean of absolute values) and ``entities`` (how many have it).
        necessity: Fidelity+, the mean over the entities.
        sufficiency: Fidelity-, the mean over the entities.
    """

    task: str
    model: str
    split: str
    answer: str | None
    asked: str
    entities: int
    of: int
    parts: pd.DataFrame
    necessity: float
    sufficiency: float

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {**vars(self), "parts": self.parts.to_dict("records")}


def explain_all(
    run: Run,
    *,
    split: str = "test",
    answer: str | None = None,
    task: str | None = None,
    sample: int = 50,
    orders: int = 64,
    seed: int = 0,
    progress: Progress | None = None,
) -> OverallExplanation:
    """Say what the answers of a run for a class, or for a whole task, rest on.

    The entities of a class are those that have it; asked about are the log-odds of the class. Of a whole
    task, they are those of what is true of each entity, so that what adds is what helps. A regression
    is asked for its number; of several labels, one has to be named.

    Args:
        run: A run of a classification, a regression, a task of several labels, or several such tasks.
        split: The entities.
        answer: The class or the label; by default the whole task.
        task: Of several tasks that the run was trained on, the one whose answers are explained.
        sample: How many entities are explained at most; of more, some that spread evenly over their order.
        orders: How many orders are sampled where Shapley values are not exact.
        seed: Draws them.
        progress: Told what is going on.

    Raises:
        ConfigError: If the task cannot be explained, or there is no such class or split, or a number
            is too small.
        GraphError: If no entity of the split has the class, or one that was learnt.
        RunError: If the run keeps to times, or memory runs out.

    Example:
        >>> explain_all(mmgraph.load_run("run"), answer="LATIN").parts  # doctest: +SKIP
    """
    for name, number, least in (("--sample", sample, 2), ("--orders", orders, 4)):
        if number < least:
            raise ConfigError(f"got {number}; wanted at least {least}", where=name)
    one = checked_task(run, task)
    asked = _asked(one.task, split, answer)
    chosen = [asked[place] for place in evenly(len(asked), sample)]
    found: dict[tuple[str, str], NDArray[np.float64]] = {}
    there: dict[tuple[str, str], int] = {}
    fidelities = []
    with (progress or Progress(quiet=True)).job("explained", total=len(chosen)) as advance:
        for number, (row, name) in enumerate(chosen):
            with memory_told("while answers were explained", fix="Free some memory."):
                question = Question.of(run, one, row, name)
                players = modalities_and_relations(question.around)
                game = game_of(question, players)
                values = shapley(game, len(players), orders=orders, seed=seed)
            for player, value in zip(players, values.values, strict=True):
                key = (player.kind, player.name)
                found.setdefault(key, np.zeros(len(chosen)))[number] = value
                there[key] = there.get(key, 0) + 1
            fidelities.append(fidelity(question, len(players), values, game))
            advance(1)
    parts = pd.DataFrame(
        [
            {
                "kind": kind,
                "name": name,
                "added": float(values.mean()),
                "error": float(values.std(ddof=1) / math.sqrt(len(values))),
                "strength": float(np.abs(values).mean()),
                "entities": there[kind, name],
            }
            for (kind, name), values in found.items()
        ],
        columns=["kind", "name", "added", "error", "strength", "entities"],
    )
    necessity, sufficiency = np.mean(fidelities, axis=0)
    return OverallExplanation(
        task=one.task.labels.task,
        model=run.config.model.name,
        split=split,
        answer=answer,
        asked=_unit(one.task, answer),
        entities=len(chosen),
        of=len(asked),
        parts=parts.sort_values("added", ascending=False, kind="stable", ignore_index=True),
        necessity=float(necessity),
        sufficiency=float(sufficiency),
    )


def _asked(task: EntityTask, split: str, answer: str | None) -> list[tuple[int, str | None]]:
    """Return the entities that can be explained, each with the class or label that is asked about."""
    rows = task.rows(split).tolist()
    check_class(task, answer)
    if isinstance(task, Regression):
        return _enough([(row, None) for row in rows], task, split, answer)
    if answer is None and isinstance(task, MultiLabel):
        raise ConfigError(
            f"the task {task.labels.task!r} has several labels for each entity, and none is named",
            where="--class",
            fix=did_you_mean("", names_of(task)),
        )
    asked: list[tuple[int, str | None]] = []
    for row in rows:
        own = _true(task, row)
        if answer is None and own:
            asked.append((row, own[0]))
        elif answer in own:
            asked.append((row, answer))
    return _enough(asked, task, split, answer)


def _true(task: EntityTask, row: int) -> list[str]:
    """Return the learnt classes or labels that an entity has."""
    if isinstance(task, Classification):
        place = int(task.target[row])
        return [task.classes[place]] if 0 <= place < len(task.classes) else []
    assert isinstance(task, MultiLabel)
    return [task.names[place] for place in task.target[row].nonzero().flatten().tolist()]


def _enough(
    asked: list[tuple[int, str | None]], task: EntityTask, split: str, answer: str | None
) -> list[tuple[int, str | None]]:
    if len(asked) < 2:
        of = "one that was learnt" if answer is None else repr(answer)
        raise GraphError(
            f"{len(asked)} entities of the {split} split have {of} in {task.labels.column!r}; wanted two",
            where=task.labels.where,
            fix="Take another --split or --class.",
        )
    return asked


def _unit(task: EntityTask, answer: str | None) -> str:
    if isinstance(task, Regression):
        return task.labels.column
    return f"log-odds of {answer}" if answer is not None else "log-odds of what is true"
