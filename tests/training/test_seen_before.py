"""A training that begins from a run says what that run has seen and this task must not see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmgraph.data.split_spec import HoldOut
from mmgraph.data.task_spec import LinkTaskSpec, PretrainingTaskSpec, Without
from mmgraph.errors import GraphError, RunError
from mmgraph.tasks import Task
from mmgraph.training import train
from mmgraph.training.seen_before import seen_before


@pytest.fixture
def hiding(graph):
    """Return the graph with a task that hides something, and a pre-training that hides the same."""
    hidden = Without(modalities=("image",), relations=("beside",))
    colour = graph.tasks["colour"].model_copy(update={"without": hidden})
    alike = PretrainingTaskSpec(kind="pretraining", entity="thing", split="random", without=hidden)
    return replace(graph, tasks={**graph.tasks, "colour": colour, "alike": alike})


@pytest.fixture
def begin(quick, tmp_path):
    """Return a function that trains a run to begin from, and returns its folder."""

    def begin(graph, task, *overrides):
        train(
            graph,
            task=task,
            model="mlp",
            overrides=[*quick, "max_epochs=1", *overrides],
            out=tmp_path / "run",
        )
        return tmp_path / "run"

    return begin


def notes(graph, task, folder):
    return seen_before(graph, Task.from_graph(graph, task), folder)


def test_modalities_and_relations_that_the_run_saw_are_named(hiding, quick, begin):
    folder = begin(hiding, "pretrain:thing")
    note = "the run pretrain:thing has seen thing/image, beside, which colour must not see"
    assert notes(hiding, "colour", folder) == [note]
    run = train(hiding, task="colour", overrides=[*quick, "max_epochs=1"], init_from=folder)
    assert note in run.module.notes
    # The other task hides nothing.
    assert notes(hiding, "size", folder) == []


def test_a_run_that_saw_no_more_is_none_to_speak_of(hiding, begin):
    assert notes(hiding, "colour", begin(hiding, "alike")) == []


def test_a_run_without_edges_saw_none(hiding, begin):
    folder = begin(hiding, "pretrain:thing", "edges=none")
    assert notes(hiding, "colour", folder) == [
        "the run pretrain:thing has seen thing/image, which colour must not see"
    ]


@pytest.mark.parametrize(
    ("task", "why"),
    [("alike", "there is no task 'alike'"), ("link:beside", "the graph has no relation 'beside'")],
)
def test_a_task_that_the_graph_has_not_is_told(hiding, begin, task, why):
    folder = begin(hiding, task)
    other = replace(hiding.without(relations=["beside"]), tasks={"size": hiding.tasks["size"]})
    told = f"whether the run {task} has seen what size must not see is not known: {why}"
    assert notes(other, "size", folder) == [told]


def test_links_that_are_held_out_were_seen_by_whoever_holds_out_others(graph, begin):
    other = LinkTaskSpec(kind="link_prediction", relation="beside", hold_out=HoldOut(seed=7))
    graph = replace(graph, tasks={**graph.tasks, "other": other})
    folder = begin(graph, "link:beside")
    assert notes(graph, "link:beside", folder) == []
    seen = "the run link:beside has seen links of beside that are held out, which other must not see"
    assert notes(graph, "other", folder) == [seen]


def test_entities_that_the_run_learnt_from_are_counted_where_they_are_held_out(graph, begin):
    folder, table = begin(graph, "colour"), graph.nodes["thing"]
    assert notes(graph, "size", folder) == []
    moved = table.assign(**{"split:size": np.roll(table["split:size"], 1)})
    both = ((moved["split:size"] != "train") & (moved["split:colour"] == "train")).sum()
    assert both > 10
    split_anew = replace(graph, nodes={**graph.nodes, "thing": moved})
    assert notes(split_anew, "size", folder) == [
        f"the run colour has learnt from {both} of the 60 entities that size is validated and tested on"
    ]


def test_predictions_that_cannot_be_read_are_told(graph, begin):
    folder = begin(graph, "colour")
    (folder / "predictions.parquet").write_bytes(b"nothing")
    with pytest.raises(RunError, match=r"predictions\.parquet: cannot be read"):
        notes(graph, "size", folder)


def test_what_several_tasks_have_learnt_from_is_counted(graph, begin, quick):
    folder = begin(graph, "colour,size")
    nodes = dict(graph.nodes)
    parts = {"train": "test", "test": "train"}
    table = nodes["thing"].copy()
    table["split:colour"] = table["split:colour"].replace(parts)
    turned = replace(graph, nodes={**nodes, "thing": table})
    (note,) = notes(turned, "colour", folder)
    trained = int((graph.nodes["thing"]["split:colour"] == "train").sum())
    held_out = int((table["split:colour"] != "train").sum())
    assert note == (
        f"the run colour,size has learnt from {trained} of the {held_out} entities that colour is validated "
        "and tested on"
    )
    with pytest.raises(GraphError, match="entities are in one part of the split of 'colour' and in another"):
        train(turned, task="colour,size", overrides=[*quick])
