"""Rounds of trials that others run: what their time is, and what a kill leaves of one."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from mmgraph.errors import GraphError
from mmgraph.progress import Progress
from mmgraph.ray_cluster import Workers
from mmgraph.tuning.trials import Budget, run_trials
from mmgraph.tuning.trials_on_ray import RayWorkers, _run_trial

optuna = pytest.importorskip("optuna")
exceptions = pytest.importorskip("ray.exceptions")

FAIL = optuna.trial.TrialState.FAIL
OBJECTIVE: Any = SimpleNamespace(
    config=SimpleNamespace(seed=0, model=SimpleNamespace(name="mlp")),
    monitor=("accuracy", "max"),
    present=dict,
    draw=lambda trial: {},
)


class Others:
    """Others whose rounds of two trials take a tenth of a second, whatever the trials note."""

    number = 2

    def __init__(self, noted: float) -> None:
        self.noted, self.rounds = noted, 0

    def run(self, study, values):
        self.rounds += 1
        assert self.rounds < 10, "without end"
        time.sleep(0.1)
        for _ in values:
            yield optuna.trial.create_trial(state=FAIL, user_attrs={"reason": "lost", "seconds": self.noted})


@pytest.fixture
def study():
    return optuna.create_study(direction="maximize")


@pytest.mark.parametrize("noted", [0.0, 100.0])
def test_the_time_of_a_round_is_that_on_the_clock(study, noted):
    others = Others(noted)
    done = list(run_trials(study, OBJECTIVE, Budget(None, 0.25), Progress(quiet=True), others))
    assert others.rounds == 3
    assert [trial.user_attrs["seconds"] for trial in done] == [noted] * 6
    # Resumed, with no time left.
    assert not list(run_trials(study, OBJECTIVE, Budget(None, 0.25), Progress(quiet=True), others))


def test_a_round_that_is_cut_off_while_it_is_noted_leaves_no_trial_that_counts(study, monkeypatch):
    note = optuna.trial.Trial.set_user_attr

    def killed_at_the_second(trial, name, value):
        if trial.number == 1:
            raise KeyboardInterrupt
        note(trial, name, value)

    monkeypatch.setattr(optuna.trial.Trial, "set_user_attr", killed_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        list(run_trials(study, OBJECTIVE, Budget(2, None), Progress(quiet=True), Others(1.0)))
    assert not any(trial.state.is_finished() for trial in study.trials)


def test_a_trial_whose_worker_is_lost_has_taken_the_time_until_then(study):
    def lose(running):
        time.sleep(0.05)
        raise exceptions.WorkerCrashedError

    task = SimpleNamespace(options=lambda **_: SimpleNamespace(remote=lambda *_: None))
    ray = SimpleNamespace(remote=lambda _: task, get=lose)
    objective: Any = SimpleNamespace(
        graph=SimpleNamespace(place="graph"), task="thing", config=None, space=None, monitor=None
    )
    workers = RayWorkers(ray, Workers(1, cpus=1, gpus=0), objective, prune=False)
    (trial,) = workers.run(study, [{}])
    assert trial.user_attrs["seconds"] >= 0.05
    assert trial.user_attrs["reason"] == "its worker was lost 6 times: WorkerCrashedError"


def test_a_node_that_does_not_see_the_graph_is_named(tmp_path):
    surroundings = SimpleNamespace(take_over=lambda: None)
    sent: Any = SimpleNamespace(surroundings=surroundings, graph=tmp_path / "graph")
    with pytest.raises(GraphError, match=r"graph: is not there on the node .* that every node sees"):
        _run_trial(sent, [], {})
