"""The task of a run that has a target of each entity: its own, or one of several that it was trained on."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from mmgraph.errors import ConfigError, did_you_mean
from mmgraph.tasks import EntityTask, LinkPrediction, MultiTask
from mmgraph.tasks.heads import Heads
from mmgraph.tasks.pair_task import PairTask
from mmgraph.training.run import Run


@dataclass(frozen=True, eq=False)
class OneTask:
    """A task with a target of each entity, and what turns unified states into its answers.

    Args:
        task: The task.
        head: Its head.
    """

    task: EntityTask
    head: nn.Module


def one_task(
    run: Run,
    name: str | None,
    *,
    doing: str,
    wanted: str = "one with a target of each entity: classification, regression or multi_label",
    fix: str = "Use a run of one such task.",
) -> OneTask:
    """Return the task of a run that is meant.

    Args:
        run: The run.
        name: One of the tasks that it was trained on; it can be left out where that is the only one.
        doing: What is asked of it, for messages: an option, or a command.
        wanted: What kind of task that takes, for messages.
        fix: What to do where it is another one, for messages.

    Raises:
        ConfigError: If it has no target of each entity, or several tasks and none of that name is meant.
    """
    task = run.task
    if isinstance(task, MultiTask):
        names = list(task.weights)
        if name is None:
            raise ConfigError(
                f"the run was trained on several tasks at once, {', '.join(names)}; wanted one of them",
                where=doing,
                fix=f"Name it: --task {names[0]}.",
            )
        if name not in names:
            raise ConfigError(f"there is no task {name!r}", where="--task", fix=did_you_mean(name, names))
        heads = run.module.head
        assert isinstance(heads, Heads)
        return OneTask(task.members[name], heads.heads[name])
    check_name(run, name)
    if not isinstance(task, EntityTask):
        raise ConfigError(
            f"the task {task.labels.task!r} is {task.labels.kind}, {_why(run)}; wanted {wanted}",
            where=doing,
            fix=fix,
        )
    return OneTask(task, run.module.head)


def check_name(run: Run, name: str | None) -> None:
    """Make sure that a task that is named is the one that a run was trained on.

    Raises:
        ConfigError: If it is another one.
    """
    if name not in (None, run.task.labels.task):
        raise ConfigError(
            f"got {name!r}, but the run was trained on {run.task.labels.task!r} alone",
            where="--task",
            fix="Leave it out.",
        )


def _why(run: Run) -> str:
    """Return why there is no target of each entity."""
    if isinstance(run.task, LinkPrediction):
        return "whose answers are of two entities each, with what lies around both"
    if isinstance(run.task, PairTask):
        return "which sees each entity twice, by one modality and by the other, and answers by comparing"
    return "which has no answers"
