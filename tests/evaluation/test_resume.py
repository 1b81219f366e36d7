"""A comparison that is cut off goes on where it was, to the same table; what is done is not done again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mmgraph.errors import ConfigError, DivergedError, RunError, UserError
from mmgraph.evaluation import schedule
from mmgraph.evaluation.compare import compare
from mmgraph.graph.graph import Graph

SHORT = ["max_epochs=2", "model.hidden_channels=8", "model.heads=2", "device=cpu"]
MODELS = ["logistic_regression", "mlp", "hetero_gat"]
ASKED: dict[str, Any] = {
    "task": "script",
    "models": MODELS,
    "controls": "none",
    "seeds": 2,
    "overrides": SHORT,
}


class Stopped(BaseException):
    """Stands for a Ctrl-C."""


@pytest.fixture(scope="module")
def place(graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the graph."""
    folder = tmp_path_factory.mktemp("resume") / "graph"
    graph.save(folder)
    return folder


@pytest.fixture(scope="module")
def whole(place: Path) -> pd.DataFrame:
    """Return the table of a comparison that was never cut off."""
    out = place.parent / "whole"
    return compare(place, **ASKED, out=out).table()


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, int]]]:
    """Return the trials that are run, and stop before the one that ``stop`` in its place names."""
    done: list[tuple[str, int]] = []
    real = schedule.run_trial

    def run(job: Any, *others: Any) -> Any:
        if done[:1] == [("stop", len(done) - 1)]:
            raise Stopped
        trial = real(job, *others)
        done.append((job.entry.name, job.seed))
        return trial

    monkeypatch.setattr(schedule, "run_trial", run)
    return done


def test_goes_on_to_the_same_table(
    place: Path, whole: pd.DataFrame, ran: list[tuple[str, int]], tmp_path: Path
) -> None:
    ran.append(("stop", 3))
    with pytest.raises(Stopped):
        compare(place, **ASKED, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(RunError, match="Go on with --resume"):
        compare(place, **ASKED, out=tmp_path / "out")
    ran.clear()
    found = compare(place, **ASKED, out=tmp_path / "out", resume=True)
    assert ran == [("hetero_gat", 0), ("hetero_gat", 1)]
    pd.testing.assert_frame_equal(found.table(), whole)
    assert not (tmp_path / "out.unfinished").exists()
    ran.clear()
    again = compare(place, **ASKED, out=tmp_path / "out", resume=True)
    assert ran == []
    pd.testing.assert_frame_equal(again.table(), whole)


def test_models_and_seeds_can_be_added(
    place: Path, whole: pd.DataFrame, ran: list[tuple[str, int]], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    compare(place, task="script", models=MODELS[:2], seeds=1, overrides=SHORT, out=out)
    ran.clear()
    found = compare(place, **ASKED, out=out, resume=True)
    assert ran == [("mlp", 1), ("hetero_gat", 0), ("hetero_gat", 1)]
    pd.testing.assert_frame_equal(found.table(), whole)


def test_what_a_killed_training_leaves_beside_its_run_is_removed(place: Path, tmp_path: Path) -> None:
    asked = {**ASKED, "models": ["mlp"], "seeds": 1}
    compare(place, **asked, out=tmp_path / "out")
    left = tmp_path / "out" / "runs" / "mlp" / "0.unfinished"
    left.mkdir()
    (left / "lock").touch()
    compare(place, **asked, out=tmp_path / "out", resume=True)
    assert [folder.name for folder in (tmp_path / "out" / "runs" / "mlp").iterdir()] == ["0"]


def test_another_comparison_is_refused(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    compare(place, task="script", models=["logistic_regression"], seeds=1, out=out)
    with pytest.raises(ConfigError, match=r"out: overrides: .*this one 'max_epochs=3'"):
        compare(place, task="script", models=["mlp"], overrides=["max_epochs=3"], out=out, resume=True)
    with pytest.raises(ConfigError, match="out: task: "):
        compare(place, task="size", models=["ridge"], out=out, resume=True)
    with pytest.raises(UserError, match="is there already"):
        compare(place, task="size", models=["ridge"], out=out)


def test_a_config_that_has_changed_is_trained_anew(
    place: Path, ran: list[tuple[str, int]], tmp_path: Path
) -> None:
    own = tmp_path / "own.yaml"
    for layers in (1, 2):
        own.write_text(
            f"model: {{name: mlp, num_layers: {layers}, hidden_channels: 8, heads: 2}}\nmax_epochs: 1\n"
        )
        compare(
            place,
            task="script",
            models=[str(own), "mlp"],
            seeds=1,
            overrides=SHORT,
            out=tmp_path / "out",
            resume=True,
        )
    assert ran == [(str(own), 0), ("mlp", 0), (str(own), 0)]


def test_a_config_of_before_a_key_was_there_is_the_same(
    place: Path, ran: list[tuple[str, int]], tmp_path: Path
) -> None:
    asked: dict[str, Any] = {**ASKED, "models": ["mlp"], "out": tmp_path / "out"}
    compare(place, **asked)
    for seed, key in enumerate(("ema", "max_epochs")):
        file = tmp_path / "out" / "runs" / "mlp" / str(seed) / "trial.json"
        note = json.loads(file.read_text())
        del note["asked"]["config"][key]
        file.write_text(json.dumps(note))
    ran.clear()
    compare(place, **asked, resume=True)
    # Without the key, max_epochs is the default, which it was not.
    assert ran == [("mlp", 1)]


def test_nothing_is_left_where_nothing_was_done(
    place: Path, ran: list[tuple[str, int]], tmp_path: Path
) -> None:
    ran.append(("stop", 0))
    with pytest.raises(Stopped):
        compare(place, task="script", models=["mlp"], overrides=SHORT, out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_stranger_s_folder_is_left_alone(place: Path, tmp_path: Path) -> None:
    (tmp_path / "out.unfinished").mkdir()
    (tmp_path / "out.unfinished" / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="is not mmgraph's to write to"):
        compare(place, task="script", models=["mlp"], out=tmp_path / "out", overwrite=True)
    assert (tmp_path / "out.unfinished" / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"jobs": 0}, "--jobs: got 0"),
        ({"jobs": 2}, "what other processes find would stay in them"),
        ({"resume": True}, "there is nowhere to resume from"),
    ],
)
def test_what_cannot_be_is_refused(place: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        compare(place, task="script", models=["mlp"], **change)


def test_other_processes_need_a_folder(graph: Graph, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the graph is in the memory of this process"):
        compare(graph, task="script", models=["mlp"], jobs=2, out=tmp_path / "out")


KILLED = """
import os, sys
import mmgraph as mg
from mmgraph import atomic

left, real = [int(sys.argv[1])], atomic._move_into_place
replace = os.replace

def kill(event, args):
    # Before every file or folder that is put in its place.
    if event == "os.rename":
        left[0] -= 1
        if left[0] < 0:
            os._exit(9)

sys.addaudithook(kill)
mg.compare(sys.argv[2], task="script", models=sys.argv[4].split(","), controls="none", seeds=2,
           overrides=sys.argv[5].split(","), out=sys.argv[3], resume=True)
"""


@pytest.mark.slow
def test_killed_at_any_point_it_ends_with_the_same_table(
    place: Path, whole: pd.DataFrame, tmp_path: Path
) -> None:
    out, kills = tmp_path / "out", 0
    for step in (0, 1, 2, 3, 5, 8, 1000):
        command = [
            sys.executable,
            "-c",
            KILLED,
            str(step),
            str(place),
            str(out),
            ",".join(MODELS),
            ",".join(SHORT),
        ]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if ended.returncode != 9:
            assert ended.returncode == 0, ended.stderr
            break
        kills += 1
        assert not out.exists()
    assert kills >= 4
    table = pd.read_csv(out / "results.csv")
    pd.testing.assert_frame_equal(table, pd.read_csv(place.parent / "whole" / "results.csv"))
    assert json.loads((out / "comparison.json").read_text())["failures"] == []


@pytest.mark.slow
def test_several_processes_find_the_same(place: Path, whole: pd.DataFrame, tmp_path: Path) -> None:
    found = compare(
        place,
        **{**ASKED, "models": [*MODELS, "mlp[optimiser.lr=1e30]"]},
        out=tmp_path / "two",
        jobs=2,
    )
    alone = compare(place, **ASKED, out=tmp_path / "one")
    own = found.table()
    pd.testing.assert_frame_equal(
        own[own["model"].isin(MODELS)].reset_index(drop=True), alone.table(), atol=1e-4
    )
    assert [failure.name for failure in found.failures] == [
        "mlp[optimiser.lr=1e30], seed 0",
        "mlp[optimiser.lr=1e30], seed 1",
    ]
    assert isinstance(found.failures[0].error, DivergedError)
