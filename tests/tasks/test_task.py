"""Finding the class of a task by what the graph says."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from mmgraph.data.task_spec import TaskSpec
from mmgraph.errors import UnknownNameError
from mmgraph.tasks import Classification, ClassLoss, Regression, Task, TaskOptions


def graph_with(kind: str):
    table = pd.DataFrame(
        {
            "id": list("abcde"),
            "target:size": [1.0, 2.0, 2.0, 4.0, 4.0],
            "split:size": ["train", "train", "validation", "validation", ""],
        }
    )
    task = TaskSpec(entity="thing", target="width", split="random", kind=kind)
    return SimpleNamespace(tasks={"size": task}, columns=lambda _, names: table[names])


@pytest.mark.parametrize(("kind", "wanted"), [("classification", Classification), ("regression", Regression)])
def test_the_kind_of_the_graph_decides(kind, wanted):
    assert type(Task.from_graph(graph_with(kind), "size")) is wanted


def test_a_kind_that_nobody_registered_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match=r"no task 'regresion'\. Did you mean 'regression'\?"):
        Task.from_graph(graph_with("regresion"), "size")


def test_options_reach_the_task():
    loss = ClassLoss(label_smoothing=0.3)
    task = Task.from_graph(graph_with("classification"), "size", TaskOptions(loss))
    assert isinstance(task, Classification)
    assert task.class_loss is loss
