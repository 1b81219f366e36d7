"""The report's robustness: what a run was tried with, as its folder holds it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmgraph.counted import counted
from mmgraph.errors import RunError
from mmgraph.evaluation.line_charts import LineChart, series_chart
from mmgraph.evaluation.metric_groups import spoken
from mmgraph.evaluation.robustness.folder import MARKER
from mmgraph.evaluation.robustness.plots import AXES
from mmgraph.evaluation.robustness.robustness import NAMES
from mmgraph.evaluation.robustness.slices import Gap
from mmgraph.readable import readable
from mmgraph.tasks import MultiTask, Task
from mmgraph.tasks.heads import Heads
from mmgraph.training.run import Run

FOLDER = "robustness"
"""Where a run keeps what ``mmgraph evaluate --robustness`` found, if it was told to write it there."""

_TITLES = {
    "missing": "Modalities missing",
    "noise": "Noise on features",
    "removed": "Edges removed",
    "added": "Edges added",
    "rewired": "Edges rewired",
}
_POINTS = 60


@dataclass(frozen=True)
class RobustnessTable:
    """Metrics by what is left or who is asked: headings and cells as text."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class RobustnessSection:
    """What the section of robustness shows.

    Args:
        charts: Pairs of a caption and a chart.
        notes: What was not tried, and why.
    """

    caption: str
    charts: tuple[tuple[str, LineChart], ...]
    tables: tuple[RobustnessTable, ...]
    notes: tuple[str, ...]


def robustness_section(run: Run, folder: str | Path | None = None) -> RobustnessSection | None:
    """Return what became of a run where less is known than in training.

    Args:
        run: The run.
        folder: What ``mmgraph evaluate --robustness --out`` wrote; by default ``robustness`` in the run's
            folder, if it is there.

    Raises:
        RunError: If the folder cannot be read, or was made of another run, other weights or another
            temperature.
    """
    if folder is None:
        if run.folder is None or not (run.folder / FOLDER / MARKER).is_file():
            return None
        folder = run.folder / FOLDER
    file = Path(folder) / MARKER
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        _require_same(found, run, file)
        return _section(found)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"cannot be read: {error!r}",
            where=str(file),
            fix="Make it again: mmgraph evaluate RUN --robustness --out DIR --overwrite.",
        ) from None


def _require_same(found: Mapping[str, Any], run: Run, file: Path) -> None:
    """Raise unless the figures of the run as it is are those of this run."""
    there = dict(found["metrics"])
    one = _task(run, found["task"])
    same = one is not None and found["model"] == run.config.model.name
    now = run.evaluate(found["split"]) if same else {}
    begin = f"{found['task']}/" if one is not run.task else ""
    own = {name.removeprefix(begin): value for name, value in now.items() if name.startswith(begin)}
    if not same or not all(_alike(value, there[name]) for name, value in own.items()):
        raise RunError(
            f"was made of another run: {found['model']} on {found['task']}, {there}",
            where=str(file),
            fix="Make it anew for this one: mmgraph evaluate RUN --robustness --out DIR --overwrite.",
        )
    if held := found["calibration"]:
        head = run.module.head
        named = head.heads[found["task"]] if isinstance(head, Heads) else head
        temperature = float(named.temperature)  # type: ignore[arg-type]
        if not math.isclose(held["temperature"], temperature, rel_tol=1e-6):
            raise RunError(
                f"was made at the temperature {held['temperature']:.4g}, and the run has {temperature:.4g} "
                "now",
                where=str(file),
                fix="Make it anew: mmgraph evaluate RUN --robustness --out DIR --overwrite.",
            )


def _task(run: Run, name: str) -> Task | None:
    """Return the task of a run that has a name, or the one of several that has."""
    if isinstance(run.task, MultiTask):
        return run.task.members[name] if name in run.task.weights else None
    return run.task if run.task.labels.task == name else None


def _alike(one: float, other: float) -> bool:
    # Another number of threads adds up in another order.
    return math.isclose(one, other, rel_tol=1e-5, abs_tol=1e-6) or (math.isnan(one) and math.isnan(other))


def _section(found: Mapping[str, Any]) -> RobustnessSection:
    metric = spoken(found["metric"])
    draws = found["repeats"]
    spread = (
        f"bars are the standard deviation over {draws} draws" if draws > 1 else "each value is of one draw"
    )
    return RobustnessSection(
        caption=(
            f"{metric.capitalize()} of {found['model']} on "
            f"{counted(found['entities'], *NAMES[found['unit']])} of {found['split']}, the weights as they "
            f"are, where less is known than in training; {spread}."
        ),
        charts=(*_curves(found["curves"]), *_sureness(found)),
        tables=tuple(
            table
            for title, records in (
                ("With these modalities alone", found["combinations"]),
                ("By the number of edges that lead to an entity", found["neighbours"]),
                ("By group", found["groups"]),
            )
            if (table := _table(title, records)) is not None
        ),
        notes=(*_gaps(found), *found["notes"]),
    )


def _gaps(found: Mapping[str, Any]) -> list[str]:
    """Return how far groups are apart, in sentences."""
    metric = spoken(found["metric"])
    gaps = {column: Gap(**gap) for column, gap in found["gaps"].items() if isinstance(gap, dict)}
    return [f"By {column}, {gap.in_words(metric)}." for column, gap in gaps.items()]


def _curves(points: Sequence[Mapping[str, Any]]) -> list[tuple[str, LineChart]]:
    by_aspect: dict[str, dict[str, list[tuple[float, float, float]]]] = {}
    for point in points:
        line = by_aspect.setdefault(point["aspect"], {}).setdefault(point["what"], [])
        value = math.nan if point["mean"] is None else point["mean"]
        line.append((point["level"], value, point["std"] or 0.0))
    charts = []
    for aspect, series in by_aspect.items():
        chart = series_chart(_TITLES[aspect], series)
        if chart is not None:
            charts.append((f"by {AXES[aspect]}", chart))
    return charts


def _sureness(found: Mapping[str, Any]) -> list[tuple[str, LineChart]]:
    """Return the charts of how sure a classification may be."""
    charts = []
    if held := found["calibration"]:
        named = {"now": held["temperature"], "fitted": held["fitted_temperature"]}
        series: dict[str, list[tuple[float, float, float]]] = {}
        for row in held["reliability"]:
            name = f"temperature {named[row['scale']]:.3g}"
            series.setdefault(name, []).append((row["confidence"], row["accuracy"], 0.0))
        chart = series_chart("Calibration", series, unit=True)
        if chart is not None:
            error = held["now"]["expected_calibration_error"]
            charts.append(
                (f"accuracy by confidence; expected calibration error {error:.3f} as the run is", chart)
            )
    if chosen := found["selective"]:
        curve = chosen["curve"]
        step = max(len(curve) // _POINTS, 1)
        line = [(row["coverage"], row["accuracy"], 0.0) for row in curve[step - 1 :: step]]
        chart = series_chart("The surest answers alone", {"accuracy": line})
        if chart is not None:
            charts.append(("accuracy by the share of the entities that are answered", chart))
    return charts


def _table(title: str, records: Sequence[Mapping[str, Any]]) -> RobustnessTable | None:
    if not records:
        return None
    columns = tuple(records[0])
    rows = tuple(tuple(_text(record[name]) for name in columns) for record in records)
    return RobustnessTable(title, tuple(name.replace("_", " ") for name in columns), rows)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return (
        readable(value)
        if isinstance(value, float)
        else f"{value:,}"
        if isinstance(value, int)
        else str(value)
    )
