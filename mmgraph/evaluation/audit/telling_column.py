"""Does a single column of the table all but give the label?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmgraph.data.dataset import Dataset
from mmgraph.data.modality_spec import TabularModality
from mmgraph.errors import DataError
from mmgraph.evaluation.audit.guess import by_tree, by_value, figure_of
from mmgraph.evaluation.audit.report import Finding
from mmgraph.evaluation.audit.subject import CannotLookError, Subject

SKILL = 0.8
"""Of what chance leaves open, the column gives at least this much."""

_FEW_VALUES = 20


def telling_columns(subject: Subject) -> Iterator[Finding]:
    """Yield the columns, of those that the graph was made from, that give the label of held-out entities.

    Columns of few values are asked by one rule, numbers by a small decision tree.

    Raises:
        CannotLookError: If the dataset is not there to read columns from.
    """
    if subject.dataset is None:
        raise CannotLookError("columns are in the dataset: give it with --dataset")
    columns = _read_columns(subject, subject.dataset)
    for name, readers in columns.items():
        figure = figure_of(subject, *_guess(subject, subject.dataset, name), tests=len(columns))
        if figure is None or figure.skill < SKILL:
            continue
        yield Finding(
            severity="medium",
            where=f"column {name}",
            what=f"The column, which goes into {', '.join(readers)}, gives the label by itself: {figure}.",
            count=figure.count,
            of=int((subject.held_out & subject.labelled).sum()),
            sure=figure.sure,
            fix=(
                "If the column says the label in other words, or is known only after it, take it out of what "
                "reads it, or out of the task with without."
            ),
            figure=figure.value,
            chance=figure.chance,
            at_least=figure.at_least,
        )


def _read_columns(subject: Subject, dataset: Dataset) -> dict[str, list[str]]:
    """Return the columns that modalities and relations of the view are made from, and what reads each."""
    spec = dataset.spec.entities[subject.entity]
    seen = {t.modality for t in subject.modalities}
    readers: dict[str, list[str]] = {}
    for name, modality in spec.modalities.items():
        if name in seen and isinstance(modality, TabularModality):
            for column in modality.columns:
                readers.setdefault(column, []).append(f"the modality {name}")
    known = set(dataset.frame(subject.entity))
    for edge_type in subject.relations:
        described = subject.graph.manifest.get("relations", {}).get(edge_type.name, {})
        parameters = described.get("parameters", {})
        if parameters.get("entity", subject.entity) != subject.entity or "table" in parameters:
            continue
        named = [value for value in parameters.values() if isinstance(value, (str, list, tuple))]
        flat = [item for value in named for item in ([value] if isinstance(value, str) else value)]
        for column in dict.fromkeys(item for item in flat if item in known):
            readers.setdefault(column, []).append(f"the relation {edge_type.name}")
    return readers


def _guess(subject: Subject, dataset: Dataset, name: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    column = dataset.entity_table(subject.entity).column(name, where="dataset")
    everyone = np.ones(subject.num_entities, dtype=bool)
    try:
        numbers = column.numbers()
    except DataError:
        numbers = np.full(subject.num_entities, np.nan)
    values = np.unique(numbers[~np.isnan(numbers)])
    if len(values) > _FEW_VALUES:
        missing = np.isnan(numbers)
        asked = np.stack([np.where(missing, values[0], numbers), missing], axis=1)
        return by_tree(subject, asked, np.arange(subject.num_entities))
    codes = pd.factorize(column.text(), use_na_sentinel=False)[0]
    return by_value(subject, codes.astype(np.int64), everyone), everyone
