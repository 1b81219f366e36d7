"""How entries differ from the subject: what is paired, what is corrected together, which way is better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from mmgraph.evaluation.comparison import Comparison
from mmgraph.evaluation.contrasts import contrasts, entity_scores, interval
from mmgraph.evaluation.roles import Role
from mmgraph.evaluation.unit_scores import pseudo_values

Make = Callable[..., Comparison]


def test_splits_are_paired_and_corrected(make_comparison: Make) -> None:
    own, other = [0.7, 0.8, 0.9, 0.75], [0.65, 0.74, 0.86, 0.72]
    comparison = make_comparison({"mlp": other, "hetero_gat": own}, splits=True, overlap=0.5)
    (contrast,) = contrasts(comparison, "hetero_gat")
    differences = np.subtract(own, other)
    error = np.sqrt((1 / 4 + 0.5) * differences.var(ddof=1))
    assert contrast.gain.p == pytest.approx(2 * stats.t.sf(differences.mean() / error, 3))
    # Each by itself varies far more than the difference.
    single = interval(comparison, "hetero_gat", "accuracy")
    assert single is not None
    assert single.high - single.low > 3 * (contrast.gain.high - contrast.gain.low)


def test_seeds_of_a_split_count_as_one_value(make_comparison: Make) -> None:
    comparison = make_comparison({"mlp": [0.5, 0.6], "hetero_gat": [0.7, 0.9]}, splits=True)
    more = tuple(
        replace(trial, seed=1, metrics={"test": {"accuracy": trial.metrics["test"]["accuracy"] + 0.1}})
        for trial in comparison.trials
    )
    (contrast,) = contrasts(replace(comparison, trials=comparison.trials + more), "hetero_gat")
    assert contrast.gain.degrees == 1
    assert contrast.gain.mean == pytest.approx(0.25)


def test_splits_that_one_side_lacks_are_left_out(make_comparison: Make) -> None:
    comparison = make_comparison({"mlp": [0.5, 0.6, 0.1], "hetero_gat": [0.7, 0.9, 0.8]}, splits=True)
    kept = tuple(t for t in comparison.trials if (t.entry, t.draw) != ("mlp", 2))
    (contrast,) = contrasts(replace(comparison, trials=kept), "hetero_gat")
    assert contrast.gain.mean == pytest.approx(0.25)


def test_of_an_error_less_is_a_gain(make_comparison: Make) -> None:
    comparison = make_comparison(
        {"mlp": [0.5, 0.52], "hetero_gat": [0.3, 0.31]}, metric="mean_absolute_error"
    )
    assert contrasts(comparison, "hetero_gat")[0].gain.mean == pytest.approx(0.205)


def test_parts_and_others_are_families_of_their_own(make_comparison: Make) -> None:
    values = {
        "hetero_gat": [0.9, 0.91, 0.92],
        "a": [0.85, 0.86, 0.88],
        "b": [0.8, 0.85, 0.84],
        "x": [0.88, 0.9, 0.87],
    }
    roles = {"x": Role("relation", "likes")}
    found = {c.entry: c for c in contrasts(make_comparison(values, roles=roles), "hetero_gat")}
    assert found["x"].p_holm == found["x"].gain.p
    low, high = sorted((found["a"], found["b"]), key=lambda c: c.gain.p)
    assert low.p_holm == pytest.approx(2 * low.gain.p)
    assert high.p_holm == pytest.approx(max(high.gain.p, 2 * low.gain.p))


def test_a_single_training_tells_nothing_and_a_baseline_something(make_comparison: Make) -> None:
    assert contrasts(make_comparison({"mlp": [0.5], "hetero_gat": [0.7]}), "hetero_gat") == []
    assert contrasts(make_comparison({"ridge": [0.5], "hetero_gat": [0.7, 0.8]}), "hetero_gat")


def test_baselines_without_scores_of_entities_tell_nothing_of_chance(make_comparison: Make) -> None:
    values = {"ridge": [0.5], "label_propagation": [0.7]}
    assert contrasts(make_comparison(values, metric="mean_reciprocal_rank"), "ridge") == []
    assert contrasts(make_comparison(values), "ridge")
    agreeing = make_comparison({"ridge": [0.5], "hetero_gat": [0.7, 0.7]}, metric="mean_reciprocal_rank")
    assert contrasts(agreeing, "hetero_gat") == []
    assert interval(agreeing, "hetero_gat", "mean_reciprocal_rank") is None


@pytest.mark.parametrize("of", ["links", "entities"])
def test_reciprocal_ranks_have_the_doubt_which_of_them_are_tested(make_comparison: Make, of: str) -> None:
    plain = make_comparison({"mlp": [0.40, 0.41], "hetero_gat": [0.50, 0.51]}, metric="mrr")
    rng, trials = np.random.default_rng(0), []
    for trial in plain.trials:
        mean = trial.metrics["test"]["mrr"]
        ranks = rng.choice([1.0, 1e9], len(trial.on_test), p=[mean, 1 - mean])
        if of == "links":
            trials.append(replace(trial, unit_scores=1 / ranks))
            continue
        table = trial.predictions.assign(rank=np.nan, rank_back=np.nan)
        table.loc[trial.on_test.index, "rank"] = ranks
        table.loc[trial.on_test.index, "rank_back"] = ranks[::-1]
        trials.append(replace(trial, predictions=table))
    (before,), (after,) = (
        contrasts(one, "hetero_gat") for one in (plain, replace(plain, trials=tuple(trials)))
    )
    assert before.gain.mean == pytest.approx(after.gain.mean) == pytest.approx(0.1)
    # Thirty of 0 or 1 leave a share open by a tenth, and more.
    assert before.gain.p < 0.05 < after.gain.p
    assert interval(replace(plain, trials=tuple(trials)), "hetero_gat", "mrr") is not None


def _answered(comparison: Comparison, entry: str, right: float, seed: int) -> Comparison:
    """Return a comparison in which an entry is right on some share of the test entities."""
    trials = []
    for trial in comparison.trials:
        if trial.entry == entry:
            table = trial.predictions.copy()
            rng = np.random.default_rng([seed, trial.seed])
            hit = pd.Series(rng.random(len(table)) < right)
            table["prediction"] = table["target"].where(hit, "wrong")
            trial = replace(trial, predictions=table)
        trials.append(trial)
    return replace(comparison, trials=tuple(trials))


def test_which_entities_are_tested_counts_on_one_split(make_comparison: Make) -> None:
    comparison = make_comparison({"mlp": [0.70, 0.71], "hetero_gat": [0.80, 0.81]})
    known = contrasts(comparison, "hetero_gat")[0].gain
    both = _answered(_answered(comparison, "mlp", 0.7, 1), "hetero_gat", 0.8, 2)
    drawn = contrasts(both, "hetero_gat")[0].gain
    scores = [entity_scores(both.of(name), "accuracy") for name in ("hetero_gat", "mlp")]
    assert scores[0] is not None
    assert scores[1] is not None
    assert len(scores[0]) == 30
    assert drawn.mean == known.mean
    assert drawn.p > 10 * known.p


def test_splits_that_agree_by_chance_are_not_certain(make_comparison: Make) -> None:
    comparison = make_comparison({"mlp": [0.70, 0.75], "hetero_gat": [0.80, 0.85]}, splits=True)
    assert contrasts(comparison, "hetero_gat")[0].gain.p == 0.0
    both = _answered(_answered(comparison, "mlp", 0.7, 1), "hetero_gat", 0.8, 2)
    gain = contrasts(both, "hetero_gat")[0].gain
    scores = [entity_scores(both.of(name)[:1], "accuracy") for name in ("hetero_gat", "mlp")]
    assert scores[0] is not None
    assert scores[1] is not None
    # Both splits have the same answers here, so their mean is what either has.
    least = (scores[0] - scores[1]).var(ddof=1) / 30
    error = np.sqrt((1 / 2 + 0.25) * least)
    assert gain.p == pytest.approx(2 * stats.t.sf(0.1 / error, 1))
    assert gain.p > 0.2


@pytest.mark.parametrize("metric", ["r2_score", "mean_absolute_error", "mean_squared_error"])
def test_scores_of_entities_average_to_the_metric(make_comparison: Make, metric: str) -> None:
    comparison = make_comparison({"mlp": [0.5, 0.6]}, metric=metric)
    rng = np.random.default_rng(0)
    table = comparison.trials[0].predictions
    table = table.assign(target=rng.normal(size=len(table)), prediction=rng.normal(size=len(table)))
    test = table[table["split"] == "test"]
    wrong = (test["prediction"] - test["target"]).to_numpy()
    wanted = {
        "mean_absolute_error": -np.abs(wrong).mean(),
        "mean_squared_error": -np.square(wrong).mean(),
        "r2_score": -np.square(wrong).sum() / np.square(test["target"] - test["target"].mean()).sum(),
    }
    scores = entity_scores([replace(comparison.trials[0], predictions=table)], metric)
    assert scores is not None
    assert scores.mean() == pytest.approx(wanted[metric])


def test_pseudo_values_have_the_variance_of_an_auroc() -> None:
    rng = np.random.default_rng(0)
    drawn, told = [], []
    for _ in range(200):
        right, wrong = torch.from_numpy(rng.normal(0.5, 1, 60)), torch.from_numpy(rng.normal(0, 1, (60, 3)))

        def auroc(kept: torch.Tensor, right: torch.Tensor = right, wrong: torch.Tensor = wrong) -> float:
            return float((right[kept, None] > wrong[kept].flatten()).double().mean())

        found = pseudo_values(auroc, 60)
        assert found.mean() == pytest.approx(auroc(torch.arange(60)))
        drawn.append(found.mean())
        told.append(found.var(ddof=1) / len(found))
    assert np.mean(told) == pytest.approx(np.var(drawn), rel=0.2)
