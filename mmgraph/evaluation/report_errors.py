"""The report's errors: the confusion matrix or the scatter of the best entry, and entities it gets wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmgraph.counted import agreed, counted
from mmgraph.data.task_spec import MultiLabelTaskSpec, TaskSpec
from mmgraph.evaluation.charts import ScatterChart, scatter_chart
from mmgraph.evaluation.comparison import Comparison, Trial, best
from mmgraph.evaluation.report_classes import Classes, classes_section
from mmgraph.evaluation.report_confusion import Confusion, confusion_of
from mmgraph.evaluation.samples import Sample, rows_of, show_entities, spread_over
from mmgraph.graph.graph import Graph
from mmgraph.readable import readable

_SHOWN_ERRORS = 12


@dataclass(frozen=True)
class Errors:
    """What the section of errors shows."""

    model: str
    caption: str
    confusion: Confusion | None
    classes: Classes | None
    scatter: ScatterChart | None
    samples_title: str
    samples: tuple[Sample, ...]


def errors_section(comparison: Comparison, graph: Graph) -> Errors | None:
    """Return where the entry with the best headline metric errs on the test entities; of links nothing.

    Args:
        comparison: The comparison, with at least one result.
        graph: The graph as the task sees it.
    """
    spec = comparison.spec
    if not isinstance(spec, TaskSpec):
        return None
    names = comparison.finished
    name = best(comparison, comparison.headline, names)
    trial = comparison.of(name)[0]
    test = trial.on_test.reset_index(drop=True)
    if pd.api.types.is_float_dtype(test["target"]):
        return _numeric_errors(comparison, graph, spec.entity, trial, test)
    if isinstance(spec, MultiLabelTaskSpec):
        return _label_errors(comparison, graph, spec.entity, trial, test)
    wrong = test[test["target"].astype(str) != test["prediction"].astype(str)]
    confusion = confusion_of(test, graph, spec.entity)
    more = f" Of all classes, the {len(confusion.labels)} largest are shown." if confusion.left_out else ""
    return Errors(
        model=name,
        caption=(
            f"{_which(comparison, trial)}: "
            f"{len(wrong):,} of {counted(len(test), 'test entity', 'test entities')} "
            f"{agreed(len(wrong), 'is', 'are')} wrong.{more}"
        ),
        confusion=confusion,
        classes=classes_section(comparison, name),
        scatter=None,
        samples_title="Some test entities that it got wrong",
        samples=_samples(graph, spec.entity, _spread(wrong)),
    )


def _label_errors(
    comparison: Comparison, graph: Graph, entity: str, trial: Trial, test: pd.DataFrame
) -> Errors:
    # No answer is no label.
    answers = [() if told is None else told for told in test["prediction"]]
    pairs = [(set(has), set(told)) for has, told in zip(test["target"], answers, strict=True)]
    missed, added = ([len(one - other) for one, other in pairs], [len(other - one) for one, other in pairs])
    wrong = pd.Series(missed) + pd.Series(added)
    most = test.loc[wrong.sort_values(ascending=False, kind="stable").index[:_SHOWN_ERRORS]]
    of_all = sum(len(has) for has, _ in pairs)
    return Errors(
        model=trial.entry,
        caption=(
            f"{_which(comparison, trial)}, "
            f"on {counted(len(test), 'test entity', 'test entities')}: {sum(missed):,} of their "
            f"{counted(of_all, 'label')} {agreed(sum(missed), 'is', 'are')} missed, {sum(added):,} "
            f"{agreed(sum(added), 'is', 'are')} told that they do not have."
        ),
        confusion=None,
        classes=classes_section(comparison, trial.entry),
        scatter=None,
        samples_title="The test entities with the most wrong labels",
        samples=_samples(graph, entity, most),
    )


def _numeric_errors(
    comparison: Comparison, graph: Graph, entity: str, trial: Trial, test: pd.DataFrame
) -> Errors:
    distance = (test["target"] - test["prediction"]).abs()
    largest = test.loc[distance.sort_values(ascending=False, kind="stable").index[:_SHOWN_ERRORS]]
    return Errors(
        model=trial.entry,
        caption=(
            f"{_which(comparison, trial)}, "
            f"on {counted(len(test), 'test entity', 'test entities')}; half of the errors are below "
            f"{readable(distance.median())}."
        ),
        confusion=None,
        classes=None,
        scatter=scatter_chart(list(zip(test["target"], test["prediction"], strict=True))),
        samples_title="The test entities with the largest errors",
        samples=_samples(graph, entity, largest),
    )


def _which(comparison: Comparison, trial: Trial) -> str:
    """Return which training the section is about; a baseline has no seed."""
    several = len(comparison.entries) > 1
    who = f"The entry with the best {comparison.headline.replace('_', ' ')}" if several else trial.entry
    first = ", on the first split" if len(comparison.draws) > 1 else ""
    return f"{who}{first}" if trial.history is None else f"{who}{first}, seed {trial.seed}"


def _spread(wrong: pd.DataFrame) -> pd.DataFrame:
    """Return some of the wrong predictions, by turns from each true class."""
    chosen = spread_over(wrong["target"].astype(str).tolist(), np.asarray(wrong.index), _SHOWN_ERRORS)
    return wrong.loc[chosen]


def _samples(graph: Graph, entity: str, predictions: pd.DataFrame) -> tuple[Sample, ...]:
    return tuple(
        show_entities(
            graph,
            entity,
            rows_of(graph, entity, predictions["id"]),
            targets=predictions["target"].tolist(),
            predictions=predictions["prediction"].tolist(),
        )
    )
