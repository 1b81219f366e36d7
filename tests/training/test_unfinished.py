"""Whose an unfinished training is, what is refused, and what becomes of the folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from mmgraph.errors import ConfigError, RunError, UserError
from mmgraph.progress import Progress
from mmgraph.training import train
from tests.training.conftest import kill, stopped


def test_an_unfinished_training_is_not_lost_by_accident(start, tmp_path):
    folder = stopped(start, tmp_path)
    before = content_of(folder)
    with pytest.raises(RunError, match=r"not finished\. Go on with --resume, or start anew with --overwrite"):
        start(tmp_path / "run")
    assert content_of(folder) == before
    start(tmp_path / "run", overwrite=True)
    assert not folder.exists()


def content_of(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"overrides": ["model.heads=2"]}, "model.heads is 4 there and 2 here"),
        ({"seed": 1}, "seed is 0 there and 1 here"),
        ({"batch_size": 16}, r"batch_size is \w.* there and 16 here"),
        ({"overrides": ["max_epochs=7", "model.heads=2"]}, "max_epochs is 6 there and 7 here; model.heads"),
    ],
)
def test_another_training_is_not_resumed(start, tmp_path, options, message):
    folder = stopped(start, tmp_path)
    before = content_of(folder)
    with pytest.raises(RunError, match=message):
        start(tmp_path / "run", resume=True, **options)
    assert content_of(folder) == before
    start(tmp_path / "run", resume=True)
    with pytest.raises(RunError, match=f"is complete, and another one: {message}.*--overwrite"):
        start(tmp_path / "run", resume=True, **options)


def test_another_graph_or_task_is_not_resumed(start, tmp_path, graph, quick, make_graph):
    stopped(start, tmp_path)
    options = {"overrides": [*quick, "max_epochs=6"], "out": tmp_path / "run", "resume": True}
    with pytest.raises(RunError, match="task is colour there and size here"):
        train(graph, task="size", **options)
    with pytest.raises(RunError, match=r"graph is .* there and .* here"):
        train(make_graph(np.arange(60) % 3), task="colour", **options)


def test_other_versions_are_noted(start, tmp_path, capsys):
    folder = stopped(start, tmp_path)
    record = json.loads((folder / "training.json").read_text())
    record["environment"]["torch"] = "0.1"
    (folder / "training.json").write_text(json.dumps(record))
    run = start(tmp_path / "run", resume=True, progress=Progress())
    note = f"resumed where the last digits may be others: torch is 0.1 there and {torch.__version__} here"
    assert f"note: {note}" in capsys.readouterr().err
    assert note in run.describe()["notes"]


def test_it_may_go_on_on_another_device(start, tmp_path):
    folder = stopped(start, tmp_path, overrides=["device=auto"])
    record = json.loads((folder / "training.json").read_text())
    record["environment"]["device"] = "cuda"
    (folder / "training.json").write_text(json.dumps(record))
    run = start(tmp_path / "run", resume=True, overrides=["device=cpu"])
    assert run.config.device == "cpu"
    assert any("device is cuda there and cpu here" in note for note in run.describe()["notes"])
    with pytest.raises(RunError, match="is complete, and another one: device is cpu there and auto here"):
        start(tmp_path / "run", resume=True, overrides=["device=auto"])


def test_more_time_may_be_given_to_what_is_not_done(start, tmp_path):
    stopped(start, tmp_path, overrides=["max_time=1000"])
    start(tmp_path / "run", resume=True, overrides=["max_time=2000"])
    with pytest.raises(RunError, match=r"is complete, and another one: max_time is 2000.* there and 3000"):
        start(tmp_path / "run", resume=True, overrides=["max_time=3000"])


def test_nothing_to_resume_starts_anew_and_a_complete_run_is_not_trained_again(start, tmp_path, capsys):
    first = start(tmp_path / "run", resume=True, progress=Progress())
    assert "nothing to resume: the training starts anew" in capsys.readouterr().err
    again = start(tmp_path / "run", resume=True, at=1, act=kill, progress=Progress())
    assert capsys.readouterr().err == f"{tmp_path / 'run'} is complete already\n"
    assert again.metrics() == first.metrics()


def test_what_is_left_of_a_training_that_was_killed_after_its_run_was_there_goes(start, tmp_path):
    folder = stopped(start, tmp_path)
    shutil.copytree(folder, tmp_path / "copy")
    start(tmp_path / "run", resume=True)
    (tmp_path / "copy").rename(folder)
    start(tmp_path / "run", resume=True, at=1, act=kill)
    assert not folder.exists()


def test_a_complete_run_that_is_another_is_replaced_if_that_is_asked_for(start, tmp_path):
    start(tmp_path / "run", seed=1)
    run = start(tmp_path / "run", resume=True, overwrite=True)
    assert run.config.seed == 0
    assert run.folder == tmp_path / "run"


def test_resuming_needs_a_place(start):
    with pytest.raises(ConfigError, match=r"nowhere to resume from\. Give --out"):
        start(None, resume=True)


def test_somebody_elses_folder_stays(start, tmp_path):
    (tmp_path / "run.unfinished").mkdir()
    (tmp_path / "run.unfinished" / "thesis.txt").write_text("mine")
    for options in ({}, {"resume": True}, {"overwrite": True}):
        with pytest.raises(UserError, match="not the folder of an unfinished training"):
            start(tmp_path / "run", **options)
    assert (tmp_path / "run.unfinished" / "thesis.txt").read_text() == "mine"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_a_place_where_nothing_can_be_made_is_named_as_it_was_given(start):
    # Whoever may write there by name, as root may, finds out in another way.
    with pytest.raises(UserError, match=r"^/proc/nowhere/run: cannot be written: .* Choose another --out"):
        start(Path("/proc/nowhere/run"))


def test_one_process_at_a_time(start, tmp_path):
    def second():
        with pytest.raises(RunError, match="another process is at this training"):
            start(tmp_path / "run", overwrite=True)

    start(tmp_path / "run", at=2, act=second)
