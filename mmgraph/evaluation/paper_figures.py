"""Figures for a paper: means with their intervals, learning curves, the confusion matrix."""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from mmgraph.evaluation.comparison import Comparison
from mmgraph.evaluation.contrasts import interval
from mmgraph.evaluation.report_results import validation_curves

_MOST_CLASSES = 30
_COLUMNS = 3
_LONGEST = 50
"""Characters of a name that there is room for."""


def means_figure(comparison: Comparison) -> Figure:
    """Return the mean of the headline metric of each entry, its interval, and every training."""
    names = comparison.finished
    figure = Figure(figsize=(6.5, 0.8 + 0.3 * len(names)), layout="constrained")
    axes = figure.add_subplot()
    for place, name in enumerate(names):
        score = comparison.score(name, comparison.headline)
        assert score is not None
        reach = interval(comparison, name, comparison.headline)
        if reach is not None:
            axes.plot([reach.low, reach.high], [place, place], color="C0", alpha=0.35, linewidth=5)
        axes.plot(score.values, [place] * len(score.values), "o", color="C0", alpha=0.5, markersize=3)
        axes.plot([score.mean], [place], "o", color="C0", markersize=6)
    axes.set_yticks(range(len(names)), [plain(name) for name in names])
    axes.invert_yaxis()
    axes.set_xlabel(f"{plain(comparison.headline.replace('_', ' '))} on test, with 95% CI")
    axes.grid(axis="x", alpha=0.3)
    return figure


def curves_figure(comparison: Comparison) -> Figure | None:
    """Return the watched metric by epoch, one panel for each entry; nothing where no entry has epochs."""
    metric, _ = comparison.monitor
    measured = {
        name: [line for line in lines.values() if line]
        for name, lines in validation_curves(comparison).items()
    }
    curves = {name: lines for name, lines in measured.items() if lines}
    if not curves:
        return None
    columns = min(_COLUMNS, len(curves))
    rows = math.ceil(len(curves) / columns)
    figure = Figure(figsize=(0.6 + 2.6 * columns, 0.4 + 2.0 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flatten()
    for panel, (name, lines) in zip(panels, curves.items(), strict=False):
        for points in lines:
            panel.plot(*zip(*points, strict=True), color="C0", alpha=0.6, linewidth=1)
        panel.set_title(plain(name), fontsize="small")
        panel.grid(alpha=0.3)
    for panel in panels[len(curves) :]:
        panel.set_visible(False)
    figure.supxlabel("epoch", fontsize="medium")
    figure.supylabel(f"validation {plain(metric.replace('_', ' '))}", fontsize="medium")
    return figure


def confusion_figure(comparison: Comparison, entry: str) -> Figure | None:
    """Return how often each class was taken for which by the first training of an entry.

    Returns:
        Nothing for what is no classification, or has too many classes to be read.
    """
    test = comparison.of(entry)[0].on_test
    if not len(test) or not isinstance(test["target"].iloc[0], str):
        return None
    labels = sorted({*test["target"], *test["prediction"].astype(str)})
    if len(labels) > _MOST_CLASSES:
        return None
    counts = pd.crosstab(test["target"], test["prediction"]).reindex(
        index=labels, columns=labels, fill_value=0
    )
    shares = counts.div(counts.sum(axis=1).clip(lower=1), axis=0)
    named = [plain(label) for label in labels]
    side = 1.2 + 0.34 * len(labels) + 0.075 * max(8, *map(len, named))
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, label in enumerate(labels):
        for column, other in enumerate(labels):
            if count := int(counts.loc[label, other]):
                colour = "white" if shares.loc[label, other] > 0.5 else "black"
                axes.text(column, row, f"{count}", ha="center", va="center", color=colour, fontsize="x-small")
    axes.set_xticks(range(len(labels)), named, rotation=90, fontsize="small")
    axes.set_yticks(range(len(labels)), named, fontsize="small")
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    return figure


def save_figure(figure: Figure, folder: Path, name: str) -> None:
    """Write a figure as SVG and as PNG; the same numbers are the same bytes.

    Args:
        figure: The figure.
        folder: Where to.
        name: The name of both files, without ending.
    """
    # Without a date, the version of matplotlib, and names that are drawn by chance.
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})
    figure.savefig(folder / f"{name}.png", dpi=150, metadata={"Software": None})


def plain(text: object) -> str:
    """Return a text that matplotlib draws as it is, cut where it would leave no room for the figure.

    A dollar sign would begin a formula.

    Example:
        >>> plain("5 $"), len(plain("x" * 300))
        ('5 \\\\$', 50)
    """
    whole = str(text)
    return (whole if len(whole) <= _LONGEST else f"{whole[: _LONGEST - 1]}…").replace("$", r"\$")
