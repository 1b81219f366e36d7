"""What is asked of a model again and again: one number that it makes of one entity."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmgraph.errors import ConfigError, GraphError, RunError, did_you_mean
from mmgraph.evaluation.explanation.neighbourhood import Neighbourhood, neighbourhood
from mmgraph.evaluation.explanation.number import Beside, EntityNumber, Number, names_of
from mmgraph.evaluation.one_task import OneTask, one_task
from mmgraph.graph.schema import Triple
from mmgraph.models import MultimodalModel
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.tasks import Classification, EntityTask, MultiLabel, Regression, Task
from mmgraph.training.run import Run


@dataclass(frozen=True, eq=False)
class Question:
    """One number that a model makes of one entity.

    Args:
        around: What the state of the entity can depend on.
        model: The model.
        task: The task.
        number: What is made of the state.
    """

    around: Neighbourhood
    model: MultimodalModel
    task: Task
    number: Number

    @classmethod
    def of(cls, run: Run, asked: OneTask, row: int, answer: str | None = None) -> Question:
        """Return the question about a target of an entity.

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
        check_class(task, answer)
        number = EntityNumber(task, asked.head, answer)
        question = cls(around, module.model, task, number)
        if isinstance(task, Regression) or answer is not None:
            return question
        names = names_of(task)
        with torch.no_grad():
            output = number.output(question.state(around.batch))
        answer = names[int(output[: len(names)].argmax())]
        return cls(around, module.model, task, EntityNumber(task, asked.head, answer))

    def plain(self, number: float) -> float:
        """Return a number as people know it: of log-odds the probability, of a regression itself."""
        return self.number.plain(number)

    def state(self, batch: GraphBatch) -> Tensor:
        """Return the state of the entity, [1, C], of the neighbourhood as a batch shows it."""
        place = self.around.place
        state: Tensor = self.model(*batch[:-1])[self.around.entity][place : place + 1]
        return state

    def value(self, batch: GraphBatch, features: Tensor | None = None) -> Tensor:
        """Return the number, a scalar that has gradients where a batch has.

        Args:
            batch: The neighbourhood, with other features or edges.
            features: In the place of those of the number's content; see :class:`Number`.
        """
        return self.number.of(self.state(batch), features=features)

    def ask(self, kept: Mapping[Triple, Tensor] | None = None, lost: Collection[Beside] = ()) -> float:
        """Return the number where only some edges are there.

        Args:
            kept: By edge type, which edges stay, bool [E]; of others all do.
            lost: What the number is to do without beside the state.
        """
        with torch.no_grad():
            return float(self.number.of(self.state(self._keeping(kept)), lost))

    def rank(
        self, kept: Mapping[Triple, Tensor] | None = None, lost: Collection[Beside] = ()
    ) -> float | None:
        """Return the rank of the answer there; nothing where it is not compared with others."""
        with torch.no_grad():
            return self.number.rank(self.state(self._keeping(kept)), lost)

    def _keeping(self, kept: Mapping[Triple, Tensor] | None) -> GraphBatch:
        return self.around.batch.keeping(kept) if kept else self.around.batch


def checked_task(run: Run, name: str | None = None) -> OneTask:
    """Return the task of a run whose answers are targets of entities, and can be explained.

    Args:
        run: The run.
        name: Of several tasks that it was trained on, the one that is meant.

    Raises:
        ConfigError: If it has no target of each entity, or several tasks and none is named.
        RunError: If each entity sees edges of its own, those before its time.
    """
    where = f"run {run.folder or run.task.labels.task}"
    found = one_task(
        run,
        name,
        doing=where,
        wanted="one that answers something",
        fix="Fine-tune it on such a task (mmgraph train --task TASK --init-from RUN), and explain that.",
    )
    if not isinstance(found.task, Classification | MultiLabel | Regression):
        raise ConfigError(
            f"the task {found.task.labels.task!r} is {found.task.labels.kind}; wanted a classification, a "
            "regression, several labels, links, a retrieval or a matching",
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


def find_row(entity: str, ids: NDArray[np.str_], entity_id: str, *, where: str = "--entity") -> int:
    """Return the row of an entity.

    Args:
        entity: The entity type.
        ids: Those of all of its entities, text [N].
        entity_id: The id.
        where: What names it, for messages.

    Raises:
        GraphError: If there is none of this id.
    """
    found = (ids == entity_id).nonzero()[0]
    if not len(found):
        near = ids.tolist() if len(ids) < 10_000 else ids[:10_000].tolist()
        raise GraphError(
            f"there is no {entity} with the id {entity_id!r}",
            where=where,
            fix=did_you_mean(entity_id, near)
            if len(near) < 20 or _like(entity_id, near)
            else "Check the id.",
        )
    return int(found[0])


def _like(name: str, known: list[str]) -> bool:
    return did_you_mean(name, known).startswith("Did")
