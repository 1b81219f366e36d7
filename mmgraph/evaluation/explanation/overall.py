"""What the answers for many entities or pairs rest on: of a class, or of a task."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mmgraph.errors import ConfigError, GraphError, did_you_mean
from mmgraph.evaluation.explanation.explanation import changed
from mmgraph.evaluation.explanation.game import fidelity, game_of
from mmgraph.evaluation.explanation.number import names_of
from mmgraph.evaluation.explanation.pairs import Pairs
from mmgraph.evaluation.explanation.pairs_of import pairs_of
from mmgraph.evaluation.explanation.players import modalities_and_relations
from mmgraph.evaluation.explanation.question import Question, check_class, checked_task
from mmgraph.evaluation.explanation.shapley import shapley
from mmgraph.evenly import evenly
from mmgraph.progress import Progress
from mmgraph.tasks import Classification, EntityTask, MultiLabel, Regression
from mmgraph.training.memory import memory_told
from mmgraph.training.run import Run

_Values = np.ndarray[tuple[int], np.dtype[np.float64]]
_Ask = Callable[[], Sequence[Question]]
"""Asks about one entity, or about a pair by each of its ends."""


@dataclass(frozen=True, eq=False)
class OverallExplanation:
    """What the answers for many entities rest on, or those for many pairs as one of their ends makes them.

    Args:
        task: The task.
        model: The model.
        split: The part of the split that they are from.
        answer: The class or the label that is asked about; nothing for what is true of each, or of a
            regression.
        asked: What the numbers are of.
        entities: How many entities, or pairs, were explained.
        of: Of how many that could have been.
        parts: One row for each modality and relation: ``kind``, ``name``, ``added`` (the mean Shapley
            value; 0 for an entity without it), ``error`` (its standard error over the entities), ``strength``
            (the mean of absolute values) and ``entities`` (how many have it).
        necessity: Fidelity+, the mean over the entities.
        sufficiency: Fidelity-, the mean over the entities.
        role: Of pairs, which end the entities are; see :class:`~mmgraph.evaluation.explanation.pairs.End`.
        other: Of pairs, the same of the other ends.
        measured: Whether both fidelities are of the number of a regression, and not of a probability.
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
    role: str = ""
    other: OverallExplanation | None = None
    measured: bool = False

    @property
    def changes(self) -> tuple[str, str]:
        """What becomes of the answers without what is important, and with that alone, in words."""
        return changed(self.necessity, self.sufficiency, measured=self.measured)

    @property
    def sides(self) -> tuple[OverallExplanation, ...]:
        """This one, and of pairs that of the other ends."""
        return (self,) if self.other is None else (self, self.other)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        found = {**vars(self), "parts": self.parts.to_dict("records")}
        if not self.role:
            del found["role"]
        del found["other"]
        return found if self.other is None else {**found, "other": self.other.to_json()}


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
    is asked for its number; of several labels, one has to be named. Of links, a retrieval and a matching the
    pairs are explained that are there, by either end: the links of the split, or each query with its own
    answer.

    Args:
        run: A run; of anything but a pre-training, which answers nothing.
        split: The entities.
        answer: The class or the label; by default the whole task, as always of pairs.
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
    pairs = pairs_of(run, task)
    asked, unit, roles = (
        _of_entities(run, task, split, answer) if pairs is None else _of_pairs(pairs, split, answer)
    )
    chosen = [asked[place] for place in evenly(len(asked), sample)]
    tallies = [_Tally(len(chosen)) for _ in roles]
    with (progress or Progress(quiet=True)).job("explained", total=len(chosen)) as advance:
        for number, ask in enumerate(chosen):
            with memory_told("while answers were explained", fix="Free some memory."):
                for question, tally in zip(ask(), tallies, strict=True):
                    tally.add(number, question, orders=orders, seed=seed)
            advance(1)
    found = None
    for role, tally in reversed(list(zip(roles, tallies, strict=True))):
        necessity, sufficiency = np.mean(tally.fidelities, axis=0)
        found = OverallExplanation(
            task=run.task.labels.task if task is None else task,
            model=run.config.model.name,
            split=split,
            answer=answer,
            asked=unit,
            entities=len(chosen),
            of=len(asked),
            parts=tally.table(),
            necessity=float(necessity),
            sufficiency=float(sufficiency),
            role=role,
            other=found,
            measured=tally.measured,
        )
    assert found is not None
    return found


class _Tally:
    """What things added to each of some answers.

    Args:
        count: How many answers.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._found: dict[tuple[str, str], _Values] = {}
        self._there: dict[tuple[str, str], int] = {}
        self.fidelities: list[tuple[float, float]] = []
        self.measured = False

    def add(self, number: int, question: Question, *, orders: int, seed: int) -> None:
        """Add what things added to one answer."""
        players = modalities_and_relations(question.around, question.number)
        game = game_of(question, players)
        values = shapley(game, len(players), orders=orders, seed=seed)
        for player, value in zip(players, values.values, strict=True):
            key = (player.kind, player.name)
            self._found.setdefault(key, np.zeros(self._count))[number] = value
            self._there[key] = self._there.get(key, 0) + 1
        self.measured = question.number.measured
        self.fidelities.append(fidelity(question, len(players), values, game))

    def table(self) -> pd.DataFrame:
        """Return one row for each thing, what added most first."""
        rows = [
            {
                "kind": kind,
                "name": name,
                "added": float(values.mean()),
                "error": float(values.std(ddof=1) / math.sqrt(len(values))),
                "strength": float(np.abs(values).mean()),
                "entities": self._there[kind, name],
            }
            for (kind, name), values in self._found.items()
        ]
        columns = ["kind", "name", "added", "error", "strength", "entities"]
        table = pd.DataFrame(rows, columns=columns)
        return table.sort_values("added", ascending=False, kind="stable", ignore_index=True)


def _of_entities(
    run: Run, task: str | None, split: str, answer: str | None
) -> tuple[list[_Ask], str, tuple[str, ...]]:
    """Return what is asked of each entity, what the numbers are, and the one role that there is, unnamed."""
    one = checked_task(run, task)

    def ask(row: int, name: str | None) -> Sequence[Question]:
        return (Question.of(run, one, row, name),)

    asked = [functools.partial(ask, row, name) for row, name in _asked(one.task, split, answer)]
    return list(asked), _unit(one.task, answer), ("",)


def _of_pairs(pairs: Pairs, split: str, answer: str | None) -> tuple[list[_Ask], str, tuple[str, ...]]:
    """Return what is asked of the ends of each pair, what the numbers are, and the roles of both ends."""
    if answer is not None:
        raise ConfigError(
            f"got {answer!r} and no entity; a whole task is explained by the pairs that are there",
            where="--answer",
            fix="Name an entity (--entity), or leave it out.",
        )
    true = pairs.true(split)
    if len(true) < 2:
        labels = pairs.run.task.labels
        raise GraphError(
            f"{len(true)} pairs of the {split} split can be explained; wanted two",
            where=labels.where,
            fix="Take another --split.",
        )
    return [functools.partial(pairs.questions, *rows) for rows in true], pairs.of_all, pairs.roles


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
