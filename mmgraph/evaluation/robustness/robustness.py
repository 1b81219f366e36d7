"""Everything that is tried of a run, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd

from mmgraph.errors import ConfigError, did_you_mean
from mmgraph.evaluation.robustness.calibration import Calibration, calibration, selective_curve
from mmgraph.evaluation.robustness.changed_graphs import combinations, measure
from mmgraph.evaluation.robustness.slices import Gap, by_degree, by_group
from mmgraph.evaluation.robustness.subject import Subject
from mmgraph.graph.known_columns import known_columns
from mmgraph.progress import Progress
from mmgraph.tasks import Classification, LinkPrediction
from mmgraph.training.run import Run

Aspect = Literal["missing", "noise", "edges", "neighbours", "groups", "calibration", "selective"]

ASPECTS: tuple[Aspect, ...] = get_args(Aspect)


NAMES = {"entity": ("entity", "entities"), "link": ("link", "links")}
"""What one of those that are measured is called, and several."""


@dataclass(frozen=True, eq=False)
class Robustness:
    """How a run fares where less is known than in training, for whom it is good, and how sure it may be.

    Args:
        task: The task.
        model: The model.
        split: The entities that it was tried on.
        entities: How many of them there are; of a link prediction, links.
        unit: What they are: ``entity`` or ``link``.
        metric: The metric that stands for the others, and whether ``max`` or ``min`` of it is better.
        metrics: All metrics of the run as it is.
        seed: What chose entities, edges and noise.
        repeats: How many draws there were.
        measurements: One row for each graph that was tried: ``aspect`` (``missing``, ``noise``, ``removed``,
            ``added``, ``rewired``), ``what`` (a modality, a relation or ``all``), ``level``, ``repeat``, and
            the metrics.
        combinations: One row for each combination of modalities that entities were left: ``left`` and the
            metrics.
        neighbours: Metrics by the number of edges, see :func:`by_degree`.
        groups: Metrics by the values of columns, see :func:`by_group`.
        gaps: By column how far the best and the worst group of at least ten entities are apart in the metric,
            and how often that is chance; nothing of fewer than two such groups.
        calibration: Of a classification.
        selective: Of a classification: ``coverage``, ``accuracy`` and ``confidence``.
        notes: What was not tried, and why.
    """

    task: str
    model: str
    split: str
    entities: int
    unit: Literal["entity", "link"]
    metric: tuple[str, str]
    metrics: dict[str, float]
    seed: int
    repeats: int
    measurements: pd.DataFrame
    combinations: pd.DataFrame
    neighbours: pd.DataFrame
    groups: pd.DataFrame
    gaps: dict[str, Gap | None]
    calibration: Calibration | None
    selective: pd.DataFrame
    notes: tuple[str, ...]

    def curves(self) -> pd.DataFrame:
        """Return mean and standard deviation over the draws of the metric: one row for each point.

        Returns:
            ``aspect``, ``what``, ``level``, ``mean``, ``std`` (over draws; 0 for one), ``repeats``.
        """
        if self.measurements.empty:
            return pd.DataFrame(columns=["aspect", "what", "level", "mean", "std", "repeats"])
        grouped = self.measurements.groupby(["aspect", "what", "level"], sort=False)[self.metric[0]]
        table = grouped.agg(["mean", "std", "count"]).reset_index()
        table["std"] = table["std"].fillna(0.0)
        return table.rename(columns={"count": "repeats"})

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON; what could not be measured is missing."""
        return {
            "task": self.task,
            "model": self.model,
            "split": self.split,
            "entities": self.entities,
            "unit": self.unit,
            "metric": self.metric[0],
            "metrics": self.metrics,
            "seed": self.seed,
            "repeats": self.repeats,
            "curves": _records(self.curves()),
            "combinations": _records(self.combinations),
            "neighbours": _records(self.neighbours),
            "groups": _records(self.groups),
            "gaps": {column: None if gap is None else asdict(gap) for column, gap in self.gaps.items()},
            "calibration": None if self.calibration is None else self.calibration.to_json(),
            "selective": {
                "area_under_risk_coverage": self.risk(),
                "curve": _records(self.selective),
            }
            if len(self.selective)
            else None,
            "notes": list(self.notes),
        }

    def risk(self) -> float | None:
        """Return the area under the risk-coverage curve: the mean share of wrong answers over all coverages.

        `Geifman and El-Yaniv 2017 <https://arxiv.org/abs/1705.08500>`_. Nothing if that was not tried.
        """
        return float((1 - self.selective["accuracy"]).mean()) if len(self.selective) else None

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write it into a folder: ``robustness.json``, a CSV for each table, an SVG and a PNG for each plot.

        Args:
            folder: Where to.
            overwrite: Replace an earlier one.

        Raises:
            UserError: If the folder is there already and must not be replaced.
        """
        from mmgraph.evaluation.robustness.folder import save_robustness

        save_robustness(self, Path(folder), overwrite=overwrite)


def robustness(
    run: Run,
    *,
    split: str = "test",
    task: str | None = None,
    aspects: Sequence[Aspect] | None = None,
    groups: Sequence[str] = (),
    table: str | Path | pd.DataFrame | None = None,
    repeats: int = 3,
    seed: int = 0,
    progress: Progress | None = None,
) -> Robustness:
    """Try a run where modalities are missing, features noisy and edges wrong, and see for whom it is good.

    Nothing is trained or fitted, but for the temperature that calibration tells, which is fitted on
    validation. The weights stay as they are, and the graph that the model sees is changed: the modalities and
    the features of the entities that are measured, and edges of all. The same seed gives the same result.

    Args:
        run: A run of any task that predicts something. A retrieval or a matching keeps the two modalities
            that it compares, and of links both ends are changed.
        split: The entities to measure on.
        task: Of several tasks that the run was trained on, the one that is measured.
        aspects: What to try; by default all that the task and the graph have: ``missing`` (each modality
            dropped for 0 to 100 % of the entities, and each combination for all), ``noise`` (on features),
            ``edges`` (removed, added, rewired), ``neighbours`` (entities by their number of edges),
            ``groups`` (by column), ``calibration`` and ``selective`` (of a classification).
        groups: Columns: targets, splits and titles that the graph keeps, or columns of ``table``.
        table: A table with further columns; rows are found by their ids.
        repeats: How many draws of entities, edges and noise.
        seed: The seed.
        progress: Told what is going on.

    Raises:
        ConfigError: If the run predicts nothing, or several tasks of which none is named; an aspect, a split
            or a column is not there, groups are asked for without a column, or a number is below what makes
            sense.
        GraphError: If nothing in the split can be measured.
        DivergedError: If an output is not finite.

    Example:
        >>> robustness(mmgraph.load_run("run"), groups=["script"]).curves()  # doctest: +SKIP
    """
    chosen = _chosen(aspects, groups)
    if repeats < 1:
        raise ConfigError(f"got {repeats}; wanted at least 1", where="--repeats")
    subject = Subject.of(run, split, task=task, doing="--robustness")
    columns = known_columns(run.graph, subject.entity, table) if groups else pd.DataFrame()
    _check_columns(groups, columns)
    notes = _notes(subject, chosen)
    output = subject.output()
    curves = measure(subject, chosen, output, repeats, seed, notes, progress or Progress(quiet=True))
    classes = isinstance(subject.task, Classification)
    held = calibration(subject, output) if classes and "calibration" in chosen else None
    if held is not None and held.fitted is None:
        notes.append("validation tells no temperature, so calibration is that of the run as it is")
    grouped = {name: by_group(subject, output, name, columns[name], seed=seed) for name in groups}
    return Robustness(
        task=subject.task.labels.task,
        model=run.config.model.name,
        split=split,
        entities=len(subject.rows),
        unit="link" if isinstance(subject.task, LinkPrediction) else "entity",
        metric=subject.task.monitor,
        metrics=subject.metrics(output),
        seed=seed,
        repeats=repeats,
        measurements=curves,
        combinations=combinations(subject) if "missing" in chosen else pd.DataFrame(),
        neighbours=by_degree(subject, output) if "neighbours" in chosen else pd.DataFrame(),
        groups=_concat([table for table, _ in grouped.values()]),
        gaps={name: gap for name, (_, gap) in grouped.items()},
        calibration=held,
        selective=selective_curve(subject, output) if classes and "selective" in chosen else pd.DataFrame(),
        notes=tuple(notes),
    )


def _chosen(aspects: Sequence[Aspect] | None, groups: Sequence[str]) -> list[Aspect]:
    for name in aspects or ():
        if name not in ASPECTS:
            raise ConfigError(
                f"there is nothing to try by the name {name!r}",
                where="--only",
                fix=did_you_mean(name, ASPECTS),
            )
    if aspects is not None and ("groups" in aspects) != bool(groups):
        raise ConfigError(
            f"got {', '.join(groups)}, but groups are not among what is to be tried"
            if groups
            else "got no column to make groups by",
            where="--group",
            fix="Add --only groups." if groups else "Name one by --group COLUMN.",
        )
    return [name for name in ASPECTS if aspects is None or name in aspects]


def _check_columns(groups: Sequence[str], columns: pd.DataFrame) -> None:
    for name in groups:
        if name not in columns:
            raise ConfigError(
                f"there is no column {name!r}",
                where="--group",
                fix=f"{did_you_mean(name, [str(c) for c in columns])} --table FILE brings others.",
            )


def _notes(subject: Subject, chosen: Sequence[Aspect]) -> list[str]:
    """Return what a task does not have, and what its tables count."""
    notes = []
    if not isinstance(subject.task, Classification) and {"calibration", "selective"} & set(chosen):
        notes.append("calibration and selective prediction were left out: they take a classification")
    if isinstance(subject.task, LinkPrediction) and {"neighbours", "groups"} & set(chosen):
        notes.append(f"tables by edges and by group count links, by the {subject.entity} that they begin at")
    return notes


def _concat(tables: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): None if v != v else v for k, v in row.items()} for row in table.to_dict("records")]
