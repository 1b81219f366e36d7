"""Rounds of trials on a Ray cluster: the same whoever is done first, and when a worker is killed."""

from __future__ import annotations

import signal
import threading
import time

import pandas as pd
import psutil
import pytest

from mmgraph.errors import ConfigError
from mmgraph.tuning import Parameter, SearchSpace, tune

SPACE = SearchSpace(
    "mine",
    {
        "optimiser.lr": Parameter(low=0.001, high=0.1, log=True),
        "model.dropout": Parameter(low=0.0, high=0.5),
    },
)
OPTIONS = {"task": "thing", "model": "mlp", "space": SPACE}
ON_RAY = {"engine": "ray", "workers": 2}


@pytest.fixture
def folder(graph, tmp_path, monkeypatch):
    graph.save(tmp_path / "graph")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def without_times(trials: pd.DataFrame) -> pd.DataFrame:
    return trials.drop(columns="seconds")


def trial_workers() -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "_run_trial" in " ".join(process.cmdline()):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


@pytest.mark.slow
def test_a_killed_worker_changes_no_trial_and_a_resumed_study_is_the_undisturbed_one(
    folder, two_nodes, monkeypatch
):
    overrides = ["max_epochs=60", "patience=60", "device=cpu"]
    undisturbed = tune("graph", trials=6, overrides=overrides, **OPTIONS, **ON_RAY)
    killed = []

    def kill_one() -> None:
        end = time.monotonic() + 120
        while not (running := trial_workers()) and time.monotonic() < end:
            time.sleep(0.01)
        killed.append(running[0].pid)
        running[0].send_signal(signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    first = tune("graph", trials=4, overrides=overrides, out="study", **OPTIONS, **ON_RAY)
    killer.join()
    assert len(killed) == 1
    assert len(first.trials) == 4
    whole = tune("graph", trials=6, overrides=overrides, out="study", resume=True, **OPTIONS, **ON_RAY)
    pd.testing.assert_frame_equal(without_times(whole.trials), without_times(undisturbed.trials))
    # The first trial is the config as it is, and the second is drawn before anything is known of the first.
    alone = tune("graph", trials=2, overrides=overrides, **OPTIONS)
    assert set(alone.trials["optimiser.lr"]) == set(
        undisturbed.trials.sort_values("trial")["optimiser.lr"].iloc[:2]
    )


def test_several_trials_at_a_time_need_a_cluster(folder, graph):
    with pytest.raises(
        ConfigError, match=r"workers: got 2, but trials run one after the other.*engine to ray"
    ):
        tune("graph", trials=2, workers=2, **OPTIONS)
    with pytest.raises(ConfigError, match=r"workers: got 0; wanted at least 1"):
        tune("graph", trials=2, workers=0, **OPTIONS)
    with pytest.raises(ConfigError, match=r"engine: got ray, but the graph is in the memory .* Save it"):
        tune(graph, trials=2, engine="ray", **OPTIONS)
