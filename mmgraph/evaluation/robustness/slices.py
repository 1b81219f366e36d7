"""For whom a model is good: entities by their number of neighbours, and by a column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from mmgraph.evaluation.robustness.subject import Subject
from mmgraph.graph.graph import Graph
from mmgraph.readable import readable
from mmgraph.tasks import Regression

FEWEST = 10
"""Groups with fewer entities than this do not count for the gap between groups."""

_MOST_GROUPS = 100
_GROUPINGS = 199


@dataclass(frozen=True)
class Gap:
    """How far the best and the worst group of at least :data:`FEWEST` entities are apart.

    Args:
        apart: The difference of their metrics.
        chance: The share of random groups of the same sizes that are as far apart, from 199 of them and the
            groups themselves: the p-value of a permutation test.
    """

    apart: float
    chance: float

    def in_words(self, metric: str) -> str:
        """Return it as a part of a sentence.

        Example:
            >>> Gap(0.2, 0.31).in_words("recall")
            'in recall the best and the worst with ten or more are 0.200 apart, as 31.0% of random groups are'
        """
        return (
            f"in {metric} the best and the worst with ten or more are {readable(self.apart)} apart, as "
            f"{self.chance:.1%} of random groups are"
        )


def by_degree(subject: Subject, output: Tensor) -> pd.DataFrame:
    """Return the metrics of entities by how many edges of relations lead to them or to their modalities.

    Args:
        subject: The run.
        output: Of the entities that are measured, [R, C].

    Returns:
        One row for 0, 1, 2-3, 4-7, ... edges: ``neighbours``, ``entities`` and the metrics.
    """
    names = degree_bins(degrees(subject.graph, subject.entity)[subject.entities])
    codes, found = pd.factorize(names)
    order = sorted(range(len(found)), key=lambda code: _first(str(found[code])))
    return _sliced(subject, output, codes, "neighbours", {code: found[code] for code in order})


def degree_bins(degree: NDArray[np.int64]) -> NDArray[np.object_]:
    """Return for each number of edges the name of its bin: 0, 1, 2-3, 4-7, ..., text [N].

    Example:
        >>> degree_bins(np.array([0, 1, 3, 4])).tolist()
        ['0', '1', '2-3', '4-7']
    """
    bins = np.where(degree > 0, np.floor(np.log2(np.maximum(degree, 1))) + 1, 0).astype(np.int64)
    return np.array([_range(int(number)) for number in bins], dtype=object)


def degrees(graph: Graph, entity: str) -> NDArray[np.int64]:
    """Return how many edges of relations lead to each entity or to one of its modality nodes, int64 [N].

    Args:
        graph: The graph as the model sees it.
        entity: The entity type.
    """
    total = np.zeros(graph.schema.node_type(entity).num_nodes, dtype=np.int64)
    owner = {
        t.name: graph.nodes[t.name]["entity_index"].to_numpy()
        for t in graph.schema.node_types
        if t.entity == entity and t.modality is not None
    }
    for edge_type in graph.schema.edge_types:
        if edge_type.kind == "of":
            continue
        target = graph.edges[edge_type.triple].index[1]
        if edge_type.target == entity:
            total += np.bincount(target, minlength=len(total))
        elif edge_type.target in owner:
            total += np.bincount(owner[edge_type.target][target], minlength=len(total))
    return total


def by_group(
    subject: Subject, output: Tensor, column: str, cells: pd.Series, *, seed: int = 0
) -> tuple[pd.DataFrame, Gap | None]:
    """Return the metrics of entities by the value of a column, the worst group first, and their gap.

    Args:
        subject: The run.
        output: Of the entities that are measured, [R, C].
        column: The name of the column.
        cells: Its cells, one for each entity of the type; an empty one is a group of its own. Numbers with
            more than twenty values are cut at their quartiles.
        seed: Draws the random groups that the gap is held against.

    Returns:
        ``column``, ``group``, ``entities`` and the metrics; the rarest of more than a hundred groups are one.
        Then the gap; nothing of fewer than two large groups.
    """
    codes, found = pd.factorize(group_names(cells.iloc[subject.entities]), sort=True)
    table = _sliced(subject, output, codes, "group", dict(enumerate(found)))
    table.insert(0, "column", column)
    metric, direction = subject.task.monitor
    ordered = table.sort_values(metric, ascending=direction == "max", kind="stable", ignore_index=True)
    return ordered, _gap(subject, output, codes, metric, seed)


def group_names(cells: pd.Series, *, most: int = _MOST_GROUPS) -> pd.Series:
    """Return the name of the group of each cell of a column, in the same order.

    Args:
        cells: The cells; an empty one is a group of its own. Numbers with more than twenty values are cut at
            their quartiles.
        most: The rarest of more groups than this are one.

    Example:
        >>> group_names(pd.Series(["a", None, "b"])).tolist()
        ['a', '(empty)', 'b']
    """
    values = cells.reset_index(drop=True)
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.notna().sum() == values.notna().sum() and numbers.nunique() > 20:
        shown = pd.qcut(numbers, 4, duplicates="drop").astype(object).where(numbers.notna(), "(empty)")
        named = shown.map(str)
    else:
        named = values.where(values.notna(), "(empty)").map(str).replace("", "(empty)")
    counts = named.value_counts()
    if len(counts) > most:
        named = named.where(named.isin(counts.index[: most - 1]), "(others)")
    return named


def _gap(subject: Subject, output: Tensor, codes: NDArray[np.int64], metric: str, seed: int) -> Gap | None:
    """Return how far the best and the worst of the large groups are apart, and how often that is chance."""
    large = np.flatnonzero(np.bincount(codes) >= FEWEST)
    rng = np.random.default_rng(seed)

    def apart(grouped: NDArray[np.int64]) -> float:
        found = [_metrics(subject, output, np.flatnonzero(grouped == code))[metric] for code in large]
        known = [value for value in found if value is not None]
        return max(known) - min(known) if len(known) > 1 else math.nan

    own = apart(codes)
    if math.isnan(own):
        return None
    drawn = np.array([apart(rng.permutation(codes)) for _ in range(_GROUPINGS)])
    return Gap(own, (1 + int((drawn >= own - 1e-12).sum())) / (_GROUPINGS + 1))


def _sliced(
    subject: Subject,
    output: Tensor,
    codes: NDArray[np.int64],
    what: str,
    names: dict[int, str],
) -> pd.DataFrame:
    rows = []
    for code, name in names.items():
        places = np.flatnonzero(codes == code)
        rows.append({what: name, "entities": len(places), **_metrics(subject, output, places)})
    return pd.DataFrame(rows)


def _metrics(subject: Subject, output: Tensor, places: NDArray[np.int64]) -> dict[str, float | None]:
    """Return the metrics of some entities; nothing for those that so few do not have."""
    names: Sequence[str] = list(subject.metrics(output))
    if isinstance(subject.task, Regression) and len(places) < 2:
        return dict.fromkeys(names)
    found = subject.metrics(output, places)
    # Metrics of some kinds of rows alone are not there where so few have none of the kind.
    there = {name: found.get(name, math.nan) for name in names}
    return {name: value if math.isfinite(value) else None for name, value in there.items()}


def _first(name: str) -> int:
    return int(name.partition("-")[0])


def _range(number: int) -> str:
    if number < 2:
        return str(number)
    return f"{2 ** (number - 1)}-{2**number - 1}"
