"""Means, spreads and tables of a comparison."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mmgraph.errors import ConfigError, MMGraphError, UserError
from mmgraph.evaluation.comparison import Comparison, Failure, Score, best, failed, leaders

Make = Callable[..., Comparison]


def test_spread_is_the_sample_standard_deviation() -> None:
    score = Score((1.0, 2.0, 3.0))
    assert (score.mean, score.std, str(score)) == (2.0, 1.0, "2.000 ± 1.000")


def test_one_value_has_no_spread() -> None:
    score = Score((0.5,))
    assert (score.std, str(score)) == (0.0, "0.500")


def test_table_is_long_and_summary_is_by_entry(make_comparison: Make) -> None:
    comparison = make_comparison({"mlp": [0.5, 0.7], "ridge": [0.4]})
    assert len(comparison.table()) == 3 * 2
    assert list(comparison.table()) == ["model", "draw", "seed", "split", "metric", "value"]
    summary = comparison.summary().set_index("model")
    assert summary.loc["mlp", "mean"] == pytest.approx(0.6)
    assert summary.loc["ridge", "runs"] == 1


def test_best_follows_the_direction_of_the_metric(make_comparison: Make) -> None:
    comparison = make_comparison({"a": [1.0], "b": [2.0]}, metric="mean_squared_error")
    assert best(comparison, "mean_squared_error", ["a", "b"]) == "a"
    assert best(make_comparison({"a": [1.0], "b": [2.0]}), "accuracy", ["a", "b"]) == "b"
    ranked = make_comparison({"a": [1.0], "b": [27.0]}, metric="picture_to_name_median_rank")
    assert leaders(ranked, ["a", "b"]) == {"picture_to_name_median_rank": "a"}


def test_no_entry_is_the_best_for_the_size_of_its_gallery(make_comparison: Make) -> None:
    assert leaders(make_comparison({"a": [9.0], "b": [9.0]}, metric="gallery_size"), ["a", "b"]) == {}


def test_failures_are_named_and_keep_their_kind() -> None:
    ours = failed([Failure("mlp", 3, ValueError("no")), Failure("x", 0, ValueError("neither"))])
    assert isinstance(ours, MMGraphError)
    assert not isinstance(ours, UserError)
    assert "mlp, seed 3: failed: ValueError: no" in str(ours)
    assert "x, seed 0" in str(ours)
    theirs = failed([Failure("mlp", 3, ConfigError("bad heads", where="model.heads"))])
    assert isinstance(theirs, UserError)
    assert str(theirs) == "mlp, seed 3: failed: model.heads: bad heads"
    assert isinstance(theirs.__cause__, ConfigError)
