"""Reading a task's labels from a graph."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mmgraph.data.task_spec import TaskSpec
from mmgraph.errors import ConfigError, GraphError
from mmgraph.tasks.labels import read_labels

SPLIT = ["train", "train", "validation", "test", ""]


def graph_with(values, split=SPLIT):
    """Return what the labels are read from: a graph's tasks and its entity table."""
    table = pd.DataFrame(
        {"id": list("abcde"), "target:colour": pd.Series(values, dtype="str"), "split:colour": split}
    )
    return SimpleNamespace(
        tasks={"colour": TaskSpec(entity="thing", target="hue", split="random")},
        columns=lambda entity, names: {"thing": table}[entity][names],
    )


def test_labelled_rows_are_found_by_split():
    labels = read_labels(graph_with(["red", None, "red", "red", "blue"]), "colour")
    assert labels.ids.tolist() == list("abcde")
    assert {name: labels.rows(name).tolist() for name in ("train", "validation", "test")} == {
        "train": [0],
        "validation": [2],
        "test": [3],
    }


def test_an_empty_text_is_no_answer():
    labels = read_labels(graph_with(["red", " ", "red", "red", ""]), "colour")
    assert np.flatnonzero(labels.values.isna()).tolist() == [1, 4]


def test_a_misspelt_task_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match=r"the graph has no task 'color'\. Did you mean 'colour'\?"):
        read_labels(graph_with(["red"] * 5), "color")


@pytest.mark.parametrize(
    ("values", "split", "message"),
    [
        ([None, None, "red", "red", "red"], SPLIT, "no entity of the train split has a value in 'hue'"),
        (["red", "red", None, "red", "red"], SPLIT, "no entity of the validation split has a value in 'hue'"),
        ([None] * 5, SPLIT, "0 of 5 have a value"),
        (["red"] * 5, ["test"] * 5, "0 entities are in the split, 5 of 5 have a value"),
    ],
)
def test_a_task_that_cannot_be_learnt_is_a_fault(values, split, message):
    with pytest.raises(GraphError, match=message):
        read_labels(graph_with(values, split), "colour")


def test_labels_that_differ_in_spaces_alone_are_refused():
    with pytest.raises(GraphError, match="holds ' red' and 'red', which differ in spaces alone"):
        read_labels(graph_with(["red", " red", "red", "red", None]), "colour")


@pytest.mark.parametrize(
    ("values", "split"), [("abcde", "validation"), ("aabcd", "validation"), ("aaabc", "test")]
)
def test_labels_that_training_never_shows_are_refused(values, split):
    graph = graph_with(list(values), ["train", "train", "validation", "test", "test"])
    with pytest.raises(GraphError, match=f"in the {split} split is among the"):
        read_labels(graph, "colour")
