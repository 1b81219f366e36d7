"""What is asked of a model again and again: one number of its answer for one entity."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mmgraph.errors import ConfigError, GraphError, RunError, did_you_mean
from mmgraph.evaluation.explanation.neighbourhood import Neighbourhood, neighbourhood
from mmgraph.evaluation.one_task import OneTask, one_task
from mmgraph.graph.schema import Triple
from mmgraph.models import MultimodalModel
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.tasks import Classification, EntityTask, MultiLabel, Regression
from mmgraph.training.run import Run


@dataclass(frozen=True, eq=False)
class Question:
    """One number of the answer for one entity.

    Args:
        around: What the answer can depend on.
        model: The model.
        head: What turns states into answers.
        task: The task.
        answer: The class or the label whose log-odds are asked for; nothing of a regression. Probabilities
            would hardly move where a model is sure, whatever is added or taken.
    """

    around: Neighbourhood
    model: MultimodalModel
    head: nn.Module
    task: EntityTask
    answer: str | None

    @classmethod
    def of(cls, run: Run, asked: OneTask, row: int, answer: str | None = None) -> Question:
        """Return the question about an entity.

        Args:
            run: The run.
            asked: The task of it, from :func:`checked_task`.
            row: The entity.
            answer: The class or the label; by default what the model predicts, of labels the likeliest.

        Raises:
            ConfigError: If there is no such class or label.
        """
        task, module = asked.task, run.module.eval()
        around = neighbourhood(run.view, module.model, task.labels.entity, row)
        open_question = cls(around, module.model, asked.head, task, None)
        check_class(task, answer)
        if isinstance(task, Regression):
            return open_question
        if answer is None:
            names = names_of(task)
            with torch.no_grad():
                output = open_question.output(around.batch)
            answer = names[int(output[: len(names)].argmax())]
        return cls(around, module.model, asked.head, task, answer)

    @property
    def unit(self) -> str:
        """What the number is, in words."""
        if self.answer is None:
            return self.task.labels.column
        return f"log-odds of {self.answer}"

    def plain(self, number: float) -> float:
        """Return a number as people know it: of log-odds the probability, of a regression itself."""
        return number if self.answer is None else 1 / (1 + math.exp(-number))

    def output(self, batch: GraphBatch) -> Tensor:
        """Return the head's output for the entity, [C], of the neighbourhood as a batch shows it."""
        states = self.model(*batch[:-1])[self.around.entity]
        place = self.around.place
        return self.task.answer(self.head, states[place : place + 1])[0]

    def number(self, output: Tensor) -> Tensor:
        """Return what is asked of an output, a scalar that has gradients where the output has."""
        if isinstance(self.task, Regression):
            return self.task.rescale(output[None])[0]
        assert self.answer is not None
        place = names_of(self.task).index(self.answer)
        logits = output.double()
        if isinstance(self.task, Classification):
            others = torch.arange(len(logits)) != place
            return logits[place] - logits[others].logsumexp(dim=0)
        return logits[place]

    def ask(self, kept: Mapping[Triple, Tensor] | None = None) -> float:
        """Return the number where only some edges are there.

        Args:
            kept: By edge type, which edges stay, bool [E]; of others all do.
        """
        batch = self.around.batch if not kept else self.around.batch.keeping(kept)
        with torch.no_grad():
            return float(self.number(self.output(batch)))


def checked_task(run: Run, name: str | None = None) -> OneTask:
    """Return the task of a run whose answers can be explained.

    Args:
        run: The run.
        name: Of several tasks that it was trained on, the one that is meant.

    Raises:
        ConfigError: If it has no target of each entity, or several tasks and none is named.
        RunError: If each entity sees edges of its own, those before its time.
    """
    where = f"run {run.folder or run.task.labels.task}"
    found = one_task(run, name, doing=where)
    if not isinstance(found.task, Classification | MultiLabel | Regression):
        raise ConfigError(
            f"the task {found.task.labels.task!r} is {found.task.labels.kind}; wanted a classification, a "
            "regression or several labels",
            where=where,
            fix="Use a run of one such task.",
        )
    if run.config.temporal != "none":
        raise RunError(
            f"it was trained with temporal={run.config.temporal}: each entity sees edges of its own time",
            where=where,
            fix="Explain a run that was trained without.",
        )
    return found


def check_class(task: EntityTask, answer: str | None) -> None:
    """Make sure that a task has the class or label that is asked about, if any is.

    Raises:
        ConfigError: If it has not.
    """
    if answer is None:
        return
    if isinstance(task, Regression):
        raise ConfigError(
            f"got {answer!r}, but the task {task.labels.task!r} is a regression, which has no classes",
            where="--class",
            fix="Leave it out.",
        )
    if answer not in (names := names_of(task)):
        raise ConfigError(f"there is no class {answer!r}", where="--class", fix=did_you_mean(answer, names))


def names_of(task: EntityTask) -> tuple[str, ...]:
    """Return the names of a task's classes or labels, in the order of its output."""
    if isinstance(task, Classification):
        return task.classes
    assert isinstance(task, MultiLabel)
    return task.names


def find_row(task: EntityTask, entity_id: str) -> int:
    """Return the row of an entity of a task.

    Raises:
        GraphError: If there is none of this id.
    """
    ids = task.labels.ids.astype(str)
    found = (ids == entity_id).nonzero()[0]
    if not len(found):
        near = ids.tolist() if len(ids) < 10_000 else ids[:10_000].tolist()
        raise GraphError(
            f"there is no {task.labels.entity} with the id {entity_id!r}",
            where="--entity",
            fix=did_you_mean(entity_id, near)
            if len(near) < 20 or _like(entity_id, near)
            else "Check the id.",
        )
    return int(found[0])


def _like(name: str, known: list[str]) -> bool:
    return did_you_mean(name, known).startswith("Did")
