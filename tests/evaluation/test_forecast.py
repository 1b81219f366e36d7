"""How many runs a comparison is, and how long they take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from mmgraph.evaluation.comparison import Trial
from mmgraph.evaluation.forecast import runs_in_words, time_in_words
from mmgraph.evaluation.plan import Plan, Request, plan_comparison
from mmgraph.evaluation.trials import Job
from mmgraph.graph.graph import Graph


@pytest.fixture(scope="module")
def plan(graph: Graph) -> Plan:
    """Return the plan of a model with all its controls."""
    return plan_comparison(graph, "script", Request(["hetero_gat", "mlp"], 3))


def test_controls_are_counted_and_how_to_have_fewer_is_told(graph: Graph, plan: Plan) -> None:
    # Two models; three baselines, each once; three controls of the graph and two modalities.
    assert runs_in_words(plan) == (
        "24 runs, 18 of them controls of hetero_gat (--controls few: 18, --controls none: 6)"
    )
    assert runs_in_words(replace(plan, splits=2, trials=5)) == (
        "48 runs after 14 searches of 5 configs each, 36 of them controls of hetero_gat "
        "(--controls few: 36, --controls none: 12)"
    )
    few = plan_comparison(graph, "script", Request(["hetero_gat"], 1, controls="few"))
    assert runs_in_words(few) == "8 runs, 7 of them controls of hetero_gat (--controls none: 1)"
    alone = plan_comparison(graph, "script", Request(["mlp"], 1))
    assert runs_in_words(alone) == "1 run"


def test_time_is_that_of_the_same_entry_or_else_of_the_same_model(plan: Plan) -> None:
    left = [_job(plan, name) for name in ("hetero_gat", "hetero_gat[edges=none]", "mlp", "label_propagation")]
    done = [_done("hetero_gat", 100.0), _done("hetero_gat", 140.0), _done("mlp", 60.0)]
    assert time_in_words(left, done, jobs=1) == "about 5m"
    assert time_in_words(left, done, jobs=2) == "about 2m30s"
    assert time_in_words(left[:3], done[-1:], jobs=1) == "about 3m"
    assert time_in_words([], done, jobs=1) == ""


def test_time_that_nothing_tells_is_not_told(plan: Plan) -> None:
    left = [_job(plan, name) for name in ("hetero_gat", "mlp", "label_propagation")]
    assert time_in_words(left, [replace(_done("label_propagation", 1.0), history=None)], jobs=1) == ""
    limited = [
        replace(job, config=None if job.config is None else job.config.model_copy(update={"max_time": 300.0}))
        for job in left
    ]
    assert time_in_words(limited, [], jobs=1) == "at most about 10m"


def _job(plan: Plan, name: str) -> Job:
    entry = next(entry for entry in plan.entries if entry.name == name)
    return Job(entry, 0, 0, (), plan.configs.get(name), 0, 0, Path("out"))


def _done(entry: str, seconds: float) -> Trial:
    return Trial(entry, 0, {}, pd.DataFrame(), pd.DataFrame(), {}, seconds=seconds)
