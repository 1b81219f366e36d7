"""Plots of what was tried of a run, for people and papers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.figure import Figure

from mmgraph.evaluation.paper_figures import plain

if TYPE_CHECKING:
    from mmgraph.evaluation.robustness.calibration import Calibration
    from mmgraph.evaluation.robustness.robustness import Robustness

AXES = {
    "missing": "share of the entities that lack it",
    "noise": "noise, in standard deviations of the features",
    "removed": "share of the edges removed",
    "added": "edges added, as a share of those there",
    "rewired": "share of the edges rewired",
}
"""What the horizontal axis of each curve is."""


def plots(found: Robustness) -> dict[str, Figure]:
    """Return a figure for each aspect that was tried, by its name.

    Args:
        found: What was tried.
    """
    figures = {}
    curves = found.curves()
    for aspect, table in curves.groupby("aspect", sort=False):
        figures[str(aspect)] = _curves(table, found.metric[0], AXES[str(aspect)])
    if found.calibration is not None:
        figures["calibration"] = _reliability(found.calibration)
    if len(found.selective):
        figures["selective"] = _selective(found.selective)
    return figures


def _figure(x: str, y: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=(5, 3.6), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.3)
    return figure, axes


def _curves(table: pd.DataFrame, metric: str, x: str) -> Figure:
    figure, axes = _figure(x, metric)
    for what, points in table.groupby("what", sort=False):
        axes.errorbar(
            points["level"], points["mean"], yerr=points["std"], marker="o", markersize=3, label=plain(what)
        )
    axes.legend(fontsize="small")
    return figure


def _reliability(found: Calibration) -> Figure:
    figure, axes = _figure("confidence", "accuracy")
    axes.plot([0, 1], [0, 1], linestyle="--", color="grey", linewidth=1)
    for name, table in found.reliability.groupby("scale", sort=False):
        error = found.measures[str(name)]["expected_calibration_error"]
        temperature = found.temperature if name == "now" else found.fitted
        axes.plot(
            table["confidence"],
            table["accuracy"],
            marker="o",
            markersize=3,
            label=f"temperature {temperature:.2f}: ECE {error:.3f}",
        )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.legend(fontsize="small")
    return figure


def _selective(curve: pd.DataFrame) -> Figure:
    figure, axes = _figure("share of the entities that are answered", "accuracy of the answers")
    axes.plot(curve["coverage"], curve["accuracy"])
    axes.set_xlim(0, 1)
    return figure
