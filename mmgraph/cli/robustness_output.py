"""What ``mmgraph evaluate --robustness`` writes: tables for people, or one JSON document."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmgraph.cli.output import write_json, write_line, write_table
from mmgraph.counted import counted
from mmgraph.readable import readable, with_spread

if TYPE_CHECKING:
    import pandas as pd

    from mmgraph.evaluation.robustness.calibration import Calibration
    from mmgraph.evaluation.robustness.robustness import Robustness

_TITLES = {
    "missing": "by the share of the entities that lack a modality",
    "noise": "by noise on the features, in standard deviations",
    "removed": "by the share of the edges removed",
    "added": "by edges added, as a share of those there",
    "rewired": "by the share of the edges rewired",
}
_COVERAGES = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


def write_robustness(found: Robustness, out: Path | None, *, json: bool) -> None:
    """Write what was tried of a run.

    Args:
        found: What was tried.
        out: The folder that it was written to, if it was.
        json: Write one JSON document.
    """
    if json:
        write_json({**found.to_json(), "folder": None if out is None else str(out)})
        return
    from mmgraph.evaluation.robustness.robustness import NAMES

    metric = found.metric[0]
    metrics = ", ".join(f"{name} {readable(value, 4)}" for name, value in found.metrics.items())
    write_line(
        f"{found.model} on {found.task}, {counted(found.entities, *NAMES[found.unit])} of {found.split}: "
        f"{metrics}"
    )
    for aspect, points in found.curves().groupby("aspect", sort=False):
        _write_curves(points, f"{metric} {_TITLES[str(aspect)]}")
    _write_all(found.combinations, f"{metric} and others with these modalities alone")
    _write_all(found.neighbours, "by the number of edges that lead to an entity")
    for column, table in found.groups.groupby("column", sort=False) if len(found.groups) else ():
        gap = found.gaps[str(column)]
        apart = "" if gap is None else f"; {gap.in_words(metric)}"
        _write_all(table.drop(columns="column"), f"by {column}{apart}")
    if found.calibration is not None:
        _write_calibration(found.calibration)
    if len(found.selective):
        _write_selective(found)
    for note in found.notes:
        write_line(note)
    if out is not None:
        write_line(f"Tables, JSON and plots are in {out}")


def _write_curves(points: pd.DataFrame, title: str) -> None:
    levels = points["level"].unique()
    rows = []
    for what, line in points.groupby("what", sort=False):
        at = {row.level: row for row in line.itertuples()}
        cells = [_point(at[level]) for level in levels]
        rows.append((what, *cells))
    write_line(title)
    write_table(("what", *(f"{level:g}" for level in levels)), rows)


def _point(row: Any) -> str:
    return with_spread(row.mean, row.std, 4) if row.repeats > 1 else readable(row.mean, 4)


def _write_all(table: pd.DataFrame, title: str) -> None:
    if table.empty:
        return
    rows = [
        [readable(v, 4) if isinstance(v, float) and v == v else ("" if v != v else v) for v in row]
        for row in table.itertuples(index=False)
    ]
    write_line(title)
    write_table([str(name) for name in table.columns], rows)


def _write_calibration(found: Calibration) -> None:
    names = list(found.measures["now"])
    rows = [
        (
            f"{found.temperature:.4g}, the run's" if scale == "now" else f"{found.fitted:.4g}, of validation",
            *(f"{values[name]:.4f}" for name in names),
        )
        for scale, values in found.measures.items()
    ]
    write_line("calibration")
    write_table(("temperature", *names), rows)


def _write_selective(found: Robustness) -> None:
    curve = found.selective
    rows = []
    for coverage in _COVERAGES:
        row = curve.iloc[max(round(coverage * len(curve)), 1) - 1]
        rows.append((f"{coverage:.0%}", f"{row['accuracy']:.4f}", f"{row['confidence']:.4f}"))
    write_line(f"answers for the surest alone; area under risk and coverage {found.risk():.4f}")
    write_table(("answered", "accuracy", "least confidence"), rows)
