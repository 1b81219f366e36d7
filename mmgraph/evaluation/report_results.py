"""The report's results: the chart and the table of means and spreads, and the learning curves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mmgraph.counted import counted
from mmgraph.evaluation.charts import Point, StripChart, strip_chart
from mmgraph.evaluation.comparison import Comparison, Score, Trial, leaders
from mmgraph.evaluation.contrasts import interval
from mmgraph.evaluation.line_charts import LineChart, line_charts
from mmgraph.evaluation.metric_groups import MetricGroup, metric_groups, spoken
from mmgraph.readable import interval_text


@dataclass(frozen=True)
class Cell:
    """One number of the table: its text, the length of its bar in per cent, and whether it is the best."""

    text: str
    width: float | None
    best: bool


@dataclass(frozen=True)
class Row:
    """One entry of the table; a cell without a result is ``None``.

    Args:
        name: The entry.
        runs: How many trials ended well.
        interval: The 95% interval of the headline metric, or nothing.
        weights: How many weights it trains, or nothing.
        time: How long all of its trials took.
        seconds: The same as a number, to sort by.
        cells: One for each metric of the first table.
    """

    name: str
    runs: int
    interval: str
    weights: str
    time: str
    seconds: float
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class FurtherTable:
    """Metrics that have no room in the first table.

    Args:
        title: What they have in common.
        metrics: The headings.
        rows: Of each entry, its name and its cells.
    """

    title: str
    metrics: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell | None, ...]], ...]


@dataclass(frozen=True)
class Results:
    """What the section of results shows."""

    caption: str
    headline: str
    seeds: str
    best: str
    tested: str
    metrics: tuple[str, ...]
    charts: tuple[StripChart, ...]
    rows: tuple[Row, ...]
    further: tuple[FurtherTable, ...]


@dataclass(frozen=True)
class Curves:
    """What the section of learning curves shows."""

    caption: str
    charts: tuple[LineChart, ...]


def results_section(comparison: Comparison, *, num_tested: int) -> Results:
    """Return the chart and the table of a comparison, with 95% intervals of the headline metric.

    Args:
        comparison: The comparison, with at least one result.
        num_tested: How many entities, or links, the metrics were measured on.
    """
    metric = comparison.headline
    names = comparison.finished
    first = leaders(comparison, names)
    rows = []
    together, *others = metric_groups(comparison.metrics)
    reaches = {name: interval(comparison, name, metric) for name in names}
    for entry in comparison.entries:
        own, weights = reaches.get(entry.name), comparison.parameters(entry.name)
        rows.append(
            Row(
                name=entry.name,
                runs=len(comparison.of(entry.name)),
                interval="" if own is None else interval_text(own.low, own.high),
                weights="" if weights is None else f"{weights:,}",
                time=_time(comparison.seconds(entry.name)),
                seconds=round(comparison.seconds(entry.name), 3),
                cells=_cells(comparison, entry.name, together, first),
            )
        )
    strips = {}
    for name in names:
        score, own = comparison.score(name, metric), reaches[name]
        assert score is not None
        reach = (score.mean, score.mean) if own is None else (own.low, own.high)
        single = {_named(trial, comparison): trial.metrics["test"][metric] for trial in comparison.of(name)}
        strips[name] = (score.mean, reach, single, str(score))
    leader = comparison.score(first[metric], metric)
    assert leader is not None
    return Results(
        caption=(
            f"{_design(comparison, num_tested)} A baseline has no seed and runs once."
            f"{'' if len(comparison.draws) > 1 else _sampling_error(metric, leader.mean, num_tested)}"
        ),
        headline=spoken(metric),
        seeds=_repeated(comparison),
        best=first[metric],
        tested=comparison.tested,
        metrics=together.headings,
        charts=(strip_chart(strips), strip_chart(strips, narrow=True)),
        rows=tuple(rows),
        further=tuple(_further(comparison, group, first) for group in others),
    )


def _further(comparison: Comparison, group: MetricGroup, first: Mapping[str, str]) -> FurtherTable:
    names = [entry.name for entry in comparison.entries]
    rows = tuple((name, _cells(comparison, name, group, first)) for name in names)
    return FurtherTable(group.title, group.headings, rows)


def _repeated(comparison: Comparison) -> str:
    """Return what the spread is over."""
    seeds = counted(len(comparison.seeds), "seed")
    splits = len(comparison.draws)
    return f"{splits} random splits and {seeds}" if splits > 1 else seeds


def _design(comparison: Comparison, num_tested: int) -> str:
    """Return what the entries have in common, and what the spread is over."""
    splits, searched = len(comparison.draws), comparison.searched
    if splits > 1:
        text = (
            f"Every entry has the same {splits} random splits and, on the first of them, the same "
            f"{num_tested:,} test {comparison.tested}; the spread is over splits and seeds."
        )
    else:
        text = (
            f"Every entry has the same split and the same {num_tested:,} test {comparison.tested}; the "
            "spread is over seeds, that is over where training starts and what it drops."
        )
    text += " Features are the same for all, but for what the name of an entry says that it is without."
    if searched:
        text += (
            f" For each model {counted(searched, 'config')} {'were' if searched > 1 else 'was'} tried on "
            "validation on each split, and the best one trained."
        )
    return text


def _named(trial: Trial, comparison: Comparison) -> str:
    """Return which of the trials of its entry this is."""
    seed = f"seed {trial.seed}" if trial.history is not None else "no seed"
    return f"split {trial.draw}, {seed}" if len(comparison.draws) > 1 else seed


def _time(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.1f} s"


def validation_curves(comparison: Comparison) -> dict[str, dict[str, list[Point]]]:
    """Return the watched metric by epoch: of each entry that has epochs, the points of each training."""
    column = f"validation_{comparison.monitor[0]}"
    curves: dict[str, dict[str, list[Point]]] = {}
    for trial in comparison.trials:
        if trial.history is not None and column in trial.history:
            points = trial.history[["epoch", column]].dropna()
            curves.setdefault(trial.entry, {})[_named(trial, comparison)] = [
                (float(epoch), float(value)) for epoch, value in points.itertuples(index=False)
            ]
    return curves


def curves_section(comparison: Comparison) -> Curves | None:
    """Return one chart of the watched metric for each entry that has epochs, or ``None`` if none has."""
    metric, _ = comparison.monitor
    charts = line_charts(validation_curves(comparison))
    if not charts:
        return None
    cut = " What lies far from all else is drawn at the edge." if charts[0].cut else ""
    return Curves(
        f"{spoken(metric).capitalize()} on the validation {comparison.tested} by epoch, one line for each "
        f"training. Training stops when it no longer gets better; the best epoch's weights are kept.{cut}",
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


def _cells(
    comparison: Comparison, name: str, group: MetricGroup, first: Mapping[str, str]
) -> tuple[Cell | None, ...]:
    return tuple(_cell(comparison, name, metric, first.get(metric)) for metric in group.metrics)


def _cell(comparison: Comparison, name: str, metric: str, leader: str | None) -> Cell | None:
    score = comparison.score(name, metric)
    if score is None:
        return None
    text = comparison.score_text(name, metric)
    return Cell(text, _bar(score) if metric == comparison.headline else None, name == leader)


def _bar(score: Score) -> float | None:
    """Return the bar's length in per cent, for a metric between 0 and 1."""
    return round(100 * score.mean, 1) if 0 <= score.mean <= 1 else None
