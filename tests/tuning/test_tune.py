"""Studies for real: the same seed, kills, failures, budgets, and what they leave behind."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState

from mmgraph.errors import ConfigError, MissingDependencyError, RunError, UserError
from mmgraph.training import train
from mmgraph.tuning import Parameter, SearchSpace, tune
from mmgraph.tuning.trials import Budget

SPACE = SearchSpace(
    "mine",
    {
        "optimiser.lr": Parameter(low=0.001, high=0.1, log=True),
        "model.hidden_channels": Parameter(choices=(8, 16)),
        "model.dropout": Parameter(low=0.0, high=0.5),
    },
)
QUICK = ("max_epochs=10", "device=cpu")
OBJECTIVE = importlib.import_module("mmgraph.tuning.objective")
TUNE = importlib.import_module("mmgraph.tuning.tune")


def quick(graph, trials, **arguments):
    arguments = {"space": SPACE, "model": "mlp", "overrides": QUICK} | arguments
    return tune(graph, task="thing", trials=trials, **arguments)


def without_times(trials: pd.DataFrame) -> pd.DataFrame:
    return trials.drop(columns=["seconds", "trial"])


@pytest.fixture(scope="module")
def undisturbed(graph):
    """A study long enough for the sampler to choose by what it saw, and for pruning."""
    return quick(graph, 14)


def test_the_same_arguments_give_the_same_trials(graph, undisturbed):
    pd.testing.assert_frame_equal(without_times(quick(graph, 14).trials), without_times(undisturbed.trials))
    other = quick(graph, 3, seed=1).trials.sort_values("trial")
    # The first trial is the config as it is, whatever the seed.
    assert other["model.dropout"].iloc[0] == 0.5
    assert other["model.dropout"].iloc[1] not in set(undisturbed.trials["model.dropout"])


def test_trials_are_sorted_and_some_are_pruned(undisturbed):
    trials = undisturbed.trials
    assert undisturbed.counts()["complete"] + undisturbed.counts()["pruned"] == 14
    assert undisturbed.counts()["pruned"] > 0
    assert trials["model.dropout"].nunique() == 14
    assert list(trials["state"]) == sorted(trials["state"])
    complete = trials[trials["state"] == "complete"]
    assert complete["validation_accuracy"].is_monotonic_decreasing
    assert (trials[trials["state"] == "pruned"]["epochs"] < 10).all()
    assert undisturbed.best_trial == trials["trial"].iloc[0]
    assert undisturbed.best_value == trials["validation_accuracy"].iloc[0]


def test_without_pruning_every_trial_is_whole(graph):
    assert quick(graph, 8, prune=False).counts() == {"complete": 8, "pruned": 0, "failed": 0}


def test_keys_are_weighed_once_enough_trials_tell(graph):
    assert quick(graph, 9, prune=False).importances == {}
    shares = quick(graph, 12, prune=False).importances
    assert set(shares) == set(SPACE.parameters)
    assert sum(shares.values()) == pytest.approx(1)


def test_the_best_value_is_what_its_config_gives_again(graph, undisturbed, tmp_path):
    best = undisturbed.best_config
    run = train(graph, task="thing", config=best)
    assert run.evaluate("validation")["accuracy"] == undisturbed.best_value
    row = undisturbed.trials.iloc[0]
    assert best.optimiser.lr == row["optimiser.lr"]
    assert best.max_epochs == 10


def test_test_labels_are_never_looked_at(graph, monkeypatch):
    """With other test labels all is the same, and with none at all it works."""
    nodes = {name: table.copy() for name, table in graph.nodes.items()}
    held_out = nodes["thing"]["split:thing"] == "test"
    nodes["thing"].loc[held_out, "target:thing"] = None
    without = type(graph)(graph.schema, graph.manifest, graph.tasks, nodes, graph.features, graph.edges)
    pd.testing.assert_frame_equal(
        without_times(quick(without, 4).trials), without_times(quick(graph, 4).trials)
    )


def test_a_study_that_is_resumed_is_the_undisturbed_one(graph, undisturbed, tmp_path):
    out = tmp_path / "a study"
    quick(graph, 6, out=out)
    resumed = quick(graph, 14, out=out, resume=True)
    pd.testing.assert_frame_equal(
        resumed.trials.drop(columns="seconds"), undisturbed.trials.drop(columns="seconds")
    )
    # Nothing is left to do.
    before = (out / "study.db").read_bytes()
    again = quick(graph, 14, out=out, resume=True)
    pd.testing.assert_frame_equal(again.trials, resumed.trials)
    assert (out / "study.db").read_bytes() == before


def test_what_a_study_leaves(graph, tmp_path):
    study = quick(graph, 3, out=tmp_path / "study")
    assert {file.name for file in study.folder.iterdir()} == {
        "study.json",
        "study.db",
        "trials.csv",
        "best.yaml",
        "lock",
    }
    table = pd.read_csv(study.folder / "trials.csv")
    assert list(table["trial"]) == list(study.trials["trial"])
    run = train(graph, task="thing", config=study.folder / "best.yaml")
    assert run.evaluate("validation")["accuracy"] == study.best_value
    document = study.to_json()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert len(document["trials"]) == 3
    assert str(tmp_path) not in (study.folder / "study.json").read_text()


def kill_after(folder: Path, graph_folder: Path, trials: int) -> None:
    """Start the command, and kill it in the middle of the trial after so many."""
    command = [
        Path(sys.executable).with_name("mmgraph"), "tune", graph_folder, "--task", "thing", "--model", "mlp",
        "--trials", "8", "--out", folder, "--space", folder.parent / "space.yaml", "--set", "max_epochs=10",
        "--set", "device=cpu", "--resume",
    ]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(f"trial {trials - 1}:"):
            break
    deadline = time.monotonic() + 60
    while not running(folder) and time.monotonic() < deadline:
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def running(folder: Path) -> bool:
    study = optuna.load_study(study_name="thing", storage=f"sqlite:///{folder / 'study.db'}")
    return any(
        trial.state is TrialState.RUNNING and trial.params for trial in study.get_trials(deepcopy=False)
    )


@pytest.mark.slow
def test_a_killed_study_goes_on_with_the_trial_that_was_cut_off(graph, tmp_path):
    graph.save(tmp_path / "graph")
    parameters = json.dumps({"parameters": SPACE.to_json()})
    (tmp_path / "space.yaml").write_text(parameters)
    out = tmp_path / "study"
    kill_after(out, tmp_path / "graph", 2)
    assert (out / "best.yaml").is_file()
    assert len(pd.read_csv(out / "trials.csv")) == 2
    resumed = tune(
        tmp_path / "graph",
        task="thing",
        model="mlp",
        trials=8,
        space=tmp_path / "space.yaml",
        overrides=QUICK,
        out=out,
        resume=True,
    )
    cut_off = resumed.trials[resumed.trials["reason"] == "interrupted"]
    assert list(cut_off["trial"]) == [2]
    assert list(cut_off["state"]) == ["failed"]
    wanted = without_times(quick(graph, 8).trials)
    rest = without_times(resumed.trials.drop(index=cut_off.index)).reset_index(drop=True)
    pd.testing.assert_frame_equal(rest, wanted)


@pytest.mark.parametrize("options", [{"resume": True}, {"overwrite": True}])
def test_one_process_at_a_time_works_on_a_study(graph, tmp_path, monkeypatch, options):
    out, own = tmp_path / "study", OBJECTIVE.train

    def second(*arguments, **keywords):
        monkeypatch.setattr(OBJECTIVE, "train", own)
        with pytest.raises(RunError, match="another process is at this study"):
            quick(graph, 2, out=out, **options)
        return own(*arguments, **keywords)

    monkeypatch.setattr(OBJECTIVE, "train", second)
    study = quick(graph, 2, out=out)
    assert study.counts() == {"complete": 2, "pruned": 0, "failed": 0}
    assert len(quick(graph, 3, out=out, resume=True).trials) == 3
    assert len(quick(graph, 1, out=out, overwrite=True).trials) == 1


def interrupt(*_, **__):
    raise KeyboardInterrupt


def test_an_interrupt_is_no_failure_of_the_trial(graph, tmp_path, monkeypatch):
    out = tmp_path / "study"
    quick(graph, 1, out=out)
    monkeypatch.setattr(OBJECTIVE, "train", interrupt)
    with pytest.raises(KeyboardInterrupt):
        quick(graph, 3, out=out, resume=True)
    monkeypatch.undo()
    resumed = quick(graph, 3, out=out, resume=True)
    assert len(resumed.trials) == 4
    assert resumed.counts()["complete"] == 3


def test_a_trial_that_fails_leaves_the_others(graph):
    space = SearchSpace("mine", {"optimiser.lr": Parameter(choices=(0.005, 1e30))})
    study = quick(graph, 8, space=space, overrides=[*QUICK, "optimiser.name=sgd", "optimiser.clip_norm=null"])
    failed = study.trials[study.trials["state"] == "failed"]
    assert 0 < len(failed) < 8
    assert (failed["optimiser.lr"] == 1e30).all()
    assert failed["reason"].str.contains("the loss is|finite").all()
    assert study.best_config.optimiser.lr == 0.005


def test_values_that_do_not_go_together_are_pruned_with_the_reason(graph):
    space = SearchSpace(
        "mine", {"model.heads": Parameter(choices=(2, 3)), "model.dropout": Parameter(low=0, high=0.9)}
    )
    study = quick(graph, 6, space=space, model="hetero_gat", overrides=[*QUICK, "model.hidden_channels=8"])
    impossible = study.trials[study.trials["model.heads"] == 3]
    assert len(impossible) > 0
    assert (impossible["state"] == "pruned").all()
    assert impossible["reason"].str.contains("3 heads for 8 channels").all()


def test_if_every_trial_fails_the_error_says_why(graph, monkeypatch, tmp_path):
    def fail(*_, **__):
        raise RunError("the loss is nan")

    monkeypatch.setattr(OBJECTIVE, "train", fail)
    with pytest.raises(RunError, match=r"no trial came to an end: trials 0, 1, 2: the loss is nan"):
        quick(graph, 3, out=tmp_path / "study")


def test_a_key_that_is_set_is_not_varied(graph):
    study = quick(graph, 2, overrides=[*QUICK, "model.hidden_channels=24"])
    assert study.keys == ["optimiser.lr", "model.dropout"]
    assert study.best_config.model.hidden_channels == 24


def test_the_budget():
    assert [Budget(3, None).allows(done, 0.0) for done in (2, 3)] == [True, False]
    assert [Budget(None, 60.0).allows(9, spent) for spent in (59.0, 60.0)] == [True, False]
    assert not Budget(3, 60.0).allows(3, 0.0)


def test_time_ends_a_study_after_the_trial_that_is_under_way(graph, tmp_path):
    study = quick(graph, None, minutes=1e-6, out=tmp_path / "study")
    assert len(study.trials) == 1
    assert len(quick(graph, None, minutes=1e-6, out=tmp_path / "study", resume=True).trials) == 1


def test_another_study_in_the_folder_is_not_gone_on_with(graph, tmp_path):
    out = tmp_path / "study"
    quick(graph, 1, out=out)
    with pytest.raises(
        UserError, match=r"a study is there already\. Go on with --resume, or pass --overwrite"
    ):
        quick(graph, 1, out=out)
    with pytest.raises(ConfigError) as caught:
        quick(graph, 1, out=out, resume=True, seed=1, overrides=["max_epochs=11", "device=cpu"])
    text = str(caught.value)
    for place in ("seed", "config.seed", "config.max_epochs"):
        assert f"{out}: {place}: the study there has" in text
    assert "config.device" not in text
    assert len(quick(graph, 1, out=out, overwrite=True, seed=1).trials) == 1


def test_files_that_are_not_ours_stay(graph, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    for arguments in ({}, {"resume": True}, {"overwrite": True}):
        with pytest.raises(UserError, match="not mmgraph's to replace"):
            quick(graph, 1, out=tmp_path, **arguments)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_a_broken_database_is_one_clear_error(graph, tmp_path):
    out = tmp_path / "study"
    quick(graph, 1, out=out)
    (out / "study.db").write_bytes(b"nonsense" * 1000)
    with pytest.raises(RunError, match=r"study\.db: holds no trials that can be read"):
        quick(graph, 2, out=out, resume=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"trials": 0}, "--trials: got 0; wanted a number above 0"),
        ({"minutes": -1.0}, "--minutes: got -1; wanted a number above 0"),
        ({"space": "bse"}, "there is no search space 'bse'. Did you mean 'base'"),
        ({"space": "hetero_gat", "model": "mlp"}, "the model 'mlp' has no option"),
        ({"task": "thin"}, "Did you mean 'thing'"),
        ({"overrides": ["model.heads=3"], "model": "hetero_gat"}, "3 heads"),
        ({"overrides": ["max_epoch=3"]}, "max_epoch"),
        (
            {"overrides": ["report_to=csv"]},
            "report_to: csv writes to a run folder, and the trials of a study",
        ),
        ({"overrides": ["report_to=[tensorboard]"], "out": "study"}, "tensorboard writes to a run folder"),
        ({"overrides": ["report_to=wandb"]}, "wandb cannot be loaded"),
        ({"resume": True}, "a study without a folder cannot go on"),
    ],
)
def test_what_cannot_be_used_is_said_before_any_trial(graph, arguments, message, monkeypatch, tmp_path):
    monkeypatch.setattr(OBJECTIVE, "train", lambda *_, **__: pytest.fail("it trained"))
    monkeypatch.setitem(sys.modules, "wandb", None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        tune(graph, **({"task": "thing"} | arguments))
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_a_space_needs_one(graph, monkeypatch):
    monkeypatch.setattr(TUNE, "space_names", lambda: ["base"])
    with pytest.raises(ConfigError, match=r"there is no search space for the model 'mlp'.*--space base"):
        tune(graph, task="thing", model="mlp")


def test_without_optuna_the_command_that_installs_it_is_told(graph, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'mmgraph\[tune\]'"):
        quick(graph, 1, out=tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_several_devices_are_refused_before_the_first_trial(graph):
    with pytest.raises(ConfigError, match=r"devices: got 2, but a trial trains on one\. Leave it out"):
        quick(graph, 1, overrides=["devices=2"])


def test_what_optuna_logs_is_left_as_it_was(graph):
    before = optuna.logging.get_verbosity()
    with contextlib.suppress(UserError):
        quick(graph, 1, space="bse")
    assert optuna.logging.get_verbosity() == before
