"""The report's table of classes: how often each is found, and how often what is told of it is true."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from mmgraph.counted import counted
from mmgraph.evaluation.comparison import Comparison, Trial

_SHOWN = 100


@dataclass(frozen=True)
class ClassRow:
    """One class or label: its name, how many test entities have it, and its measures as text."""

    label: str
    support: int
    precision: str
    recall: str
    f1: str
    best: tuple[str, str]


@dataclass(frozen=True)
class Classes:
    """What the table of classes shows."""

    caption: str
    rows: tuple[ClassRow, ...]


Counts = dict[str, tuple[int, int, int]]
"""By class: how many entities have it, of how many it is told, of how many both are true."""


def classes_section(comparison: Comparison, entry: str) -> Classes | None:
    """Return precision, recall and F1 of each class or label of an entry, and who finds it best.

    Args:
        comparison: The comparison, of a classification or of several labels.
        entry: The entry, with at least one result.

    Returns:
        Nothing for a regression.
    """
    trials = comparison.of(entry)
    if pd.api.types.is_float_dtype(trials[0].predictions["target"]):
        return None
    own = [_counts(trial) for trial in trials]
    others = {
        other.name: [_counts(trial) for trial in comparison.of(other.name)]
        for other in comparison.entries
        if comparison.of(other.name)
    }
    sizes = {label: own[0][label][0] for label in own[0]}
    labels = sorted(sizes, key=lambda label: (-sizes[label], label))[:_SHOWN]
    rows = []
    for label in labels:
        f1 = {name: _mean(found, label)[2] for name, found in others.items()}
        leader = max(f1, key=lambda name: f1[name])
        precision, recall, own_f1 = _mean(own, label)
        rows.append(
            ClassRow(
                label,
                sizes[label],
                f"{precision:.3f}",
                f"{recall:.3f}",
                f"{own_f1:.3f}",
                (leader, f"{f1[leader]:.3f}"),
            )
        )
    more = f" The {_SHOWN} largest of {len(sizes):,} are shown." if len(sizes) > _SHOWN else ""
    return Classes(
        f"Precision: of those told to be of the class, the share that is. Recall: of those of the class, the "
        f"share that is told so. F1 is their harmonic mean. The mean over "
        f"{counted(len(trials), 'training')}, "
        f"on the test entities.{more}",
        tuple(rows),
    )


def _counts(trial: Trial) -> Counts:
    test = trial.on_test
    found: dict[str, list[int]] = {}
    for target, prediction in zip(test["target"], test["prediction"], strict=True):
        has, told = _labels(target), _labels(prediction)
        for label in has | told:
            counts = found.setdefault(label, [0, 0, 0])
            counts[0] += label in has
            counts[1] += label in told
            counts[2] += label in has and label in told
    return {label: (has, told, both) for label, (has, told, both) in found.items()}


def _labels(value: object) -> set[str]:
    if value is None:
        # No answer is no label.
        return set()
    if isinstance(value, str):
        return {value}
    if isinstance(value, Sequence) or hasattr(value, "tolist"):
        return {str(label) for label in value}  # type: ignore[attr-defined]
    return {str(value)}


def _mean(counts: Sequence[Counts], label: str) -> tuple[float, float, float]:
    """Return precision, recall and F1 of a class, each the mean over trainings; 0 where there is nothing."""
    measures = []
    for one in counts:
        has, told, both = one.get(label, (0, 0, 0))
        precision, recall = both / told if told else 0.0, both / has if has else 0.0
        measures.append((precision, recall, 2 * both / (has + told) if has + told else 0.0))
    return (
        statistics.fmean(m[0] for m in measures),
        statistics.fmean(m[1] for m in measures),
        statistics.fmean(m[2] for m in measures),
    )
