"""The report's results: the chart and the table of means and spreads, and the learning curves."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mmgraph.counted import counted
from mmgraph.evaluation.charts import LineChart, StripChart, line_charts, strip_chart
from mmgraph.evaluation.comparison import Comparison, Score, best


@dataclass(frozen=True)
class Cell:
    """One number of the table: its text, the length of its bar in per cent, and whether it is the best."""

    text: str
    width: float | None
    best: bool


@dataclass(frozen=True)
class Row:
    """One entry of the table; a cell without a result is ``None``."""

    name: str
    runs: int
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class Results:
    """What the section of results shows."""

    caption: str
    headline: str
    seeds: str
    best: str
    tested: str
    metrics: tuple[str, ...]
    chart: StripChart | None
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Curves:
    """What the section of learning curves shows."""

    caption: str
    charts: tuple[LineChart, ...]


def results_section(comparison: Comparison, *, num_tested: int) -> Results:
    """Return the chart and the table of a comparison.

    Args:
        comparison: The comparison, with at least one result.
        num_tested: How many entities, or links, the metrics were measured on.
    """
    metric = comparison.headline
    names = [entry.name for entry in comparison.entries if comparison.of(entry.name)]
    leaders = {m: best(comparison, m, names) for m in comparison.metrics}
    rows = []
    for entry in comparison.entries:
        cells = tuple(_cell(comparison, entry.name, m, leaders[m]) for m in comparison.metrics)
        rows.append(Row(entry.name, len(comparison.of(entry.name)), cells))
    strips = {}
    for name in names:
        score = comparison.score(name, metric)
        assert score is not None
        strips[name] = (score.mean, score.std, score.values, str(score))
    leader = comparison.score(leaders[metric], metric)
    assert leader is not None
    return Results(
        caption=(
            "Every entry has the same features, the same split and the same "
            f"{num_tested:,} test {comparison.tested}; the spread is over seeds, that is over where training "
            "starts and what it drops. A baseline has no seed and runs once."
            f"{_sampling_error(metric, leader.mean, num_tested)}"
        ),
        headline=_words(metric),
        seeds=counted(len(comparison.seeds), "seed"),
        best=leaders[metric],
        tested=comparison.tested,
        metrics=tuple(_words(m) for m in comparison.metrics),
        chart=strip_chart(strips),
        rows=tuple(rows),
    )


def curves_section(comparison: Comparison) -> Curves | None:
    """Return one chart of the watched metric for each entry that has epochs, or ``None`` if none has."""
    metric, _ = comparison.monitor
    column = f"validation_{metric}"
    curves: dict[str, list[list[tuple[float, float]]]] = {}
    for trial in comparison.trials:
        if trial.history is not None and column in trial.history:
            points = trial.history[["epoch", column]].dropna()
            curves.setdefault(trial.entry, []).append(
                [(float(epoch), float(value)) for epoch, value in points.itertuples(index=False)]
            )
    charts = line_charts(curves)
    if not charts:
        return None
    return Curves(
        f"{_words(metric).capitalize()} on the validation {comparison.tested} by epoch, one line for each "
        "seed. Training stops when it no longer rises; the best epoch's weights are kept.",
        tuple(charts),
    )


def _sampling_error(metric: str, mean: float, count: int) -> str:
    """Return what another draw of the test entities would do, for a metric that is a share of them."""
    if metric != "accuracy":
        return ""
    error = math.sqrt(mean * (1 - mean) / count)
    return (
        f" Nor does the spread hold the luck of the draw: as many other test entities would move an accuracy "
        f"of {mean:.3f} by about {error:.3f}."
    )


def _cell(comparison: Comparison, name: str, metric: str, leader: str) -> Cell | None:
    score = comparison.score(name, metric)
    if score is None:
        return None
    return Cell(str(score), _bar(score) if metric == comparison.headline else None, name == leader)


def _bar(score: Score) -> float | None:
    """Return the bar's length in per cent, for a metric between 0 and 1."""
    return round(100 * score.mean, 1) if 0 <= score.mean <= 1 else None


def _words(metric: str) -> str:
    return metric.replace("_", " ")
