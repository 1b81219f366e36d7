"""What an edge tells about the labels at its ends: homophily, adjusted homophily, label informativeness."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse
from numpy.typing import NDArray
from scipy.special import entr, xlogy

from mmgraph.data.label_sets import read_label_set
from mmgraph.data.references import MULTI_LABEL
from mmgraph.data.task_spec import TaskSpec
from mmgraph.graph.graph import Graph
from mmgraph.graph.schema import EdgeType

_DRAWN = 20_000
"""How many pairs of nodes stand for chance."""


def label_statistics(graph: Graph, edge_type: EdgeType, name: str, task: TaskSpec) -> dict[str, Any]:
    """Return what the labels at the two ends of edges among training entities have to do with each other.

    Args:
        graph: The graph.
        edge_type: A relation between nodes of the task's entity type, or of its modalities.
        name: The name of the task.
        task: The task.

    Returns:
        ``edges``, how many were counted: no edge between two nodes of one entity, and none with an end whose
        label is held out or unknown. For a regression the ``correlation`` of the two ends, for several labels
        what :func:`overlap_statistics` returns, for others what :func:`class_statistics` does.
    """
    table = graph.nodes[task.entity]
    label = table[f"target:{name}"]
    known = (label.notna() & (table[f"split:{name}"] == "train")).to_numpy()
    source, target = (
        _rows(graph, end)[ends]
        for end, ends in zip(
            (edge_type.source, edge_type.target), graph.edge_index[edge_type.triple], strict=True
        )
    )
    # An edge between two nodes of one entity, or from a node to itself, says nothing about neighbours.
    counted = known[source] & known[target] & (source != target)
    source, target = source[counted], target[counted]
    summary: dict[str, Any] = {"edges": len(source)}
    if task.kind == "regression":
        numbers = label.to_numpy(float)
        return summary | {"correlation": _correlation(numbers[source], numbers[target])}
    if task.kind == MULTI_LABEL:
        return summary | overlap_statistics(label[known], np.cumsum(known)[[source, target]] - 1)
    codes = np.full(len(label), -1, dtype=np.int64)
    codes[known], classes = pd.factorize(label[known])
    return summary | class_statistics(codes[source], codes[target], np.bincount(codes[known]), len(classes))


def class_statistics(
    source: NDArray[np.int64], target: NDArray[np.int64], counts: NDArray[np.int64], num_classes: int
) -> dict[str, float | None]:
    """Return what the classes at the two ends of edges have to do with each other.

    An edge counts in both directions. Adjusted homophily and label informativeness are those of `Platonov et
    al. 2022 <https://arxiv.org/abs/2209.06177>`_: with p(c, d) the share of edges with classes c and d at
    their ends, and p(c) that of ends of class c,

    .. math::
        h_{adj} = \\frac{\\sum_c p(c, c) - \\sum_c p(c)^2}{1 - \\sum_c p(c)^2}, \\quad
        LI = \\frac{I(c; d)}{H(c)} = 2 - \\frac{\\sum_{c, d} p(c, d) \\log p(c, d)}{\\sum_c p(c) \\log p(c)}

    Both are 1 where the ends always agree and about 0 by chance; unlike homophily, LI is high as well where
    the class of one end tells the class of the other without being the same.

    Args:
        source: The class of each edge's source, int64 [E].
        target: The class of each edge's target, int64 [E].
        counts: How many nodes there are of each class, [C].
        num_classes: C.

    Returns:
        ``same_label``: the share of edges whose ends have the same class; ``by_chance``: what it would be
        between random nodes; ``adjusted`` and ``informativeness``. Nothing where there is nothing to measure.

    Example:
        >>> ends = np.array([0, 1, 0, 1]), np.array([1, 0, 1, 0])
        >>> class_statistics(*ends, np.array([2, 2]), 2)
        {'same_label': 0.0, 'by_chance': 0.5, 'adjusted': -1.0, 'informativeness': 1.0}
    """
    shares = counts / max(counts.sum(), 1)
    by_chance = float((shares**2).sum()) if counts.sum() else None
    if not len(source):
        return {"same_label": None, "by_chance": by_chance, "adjusted": None, "informativeness": None}
    pairs, times = np.unique(
        np.concatenate([source * num_classes + target, target * num_classes + source]), return_counts=True
    )
    joint = times / times.sum()
    ends = np.bincount(pairs // num_classes, weights=joint, minlength=num_classes)
    same = float(joint[pairs // num_classes == pairs % num_classes].sum())
    expected = float((ends**2).sum())
    entropy = float(entr(ends).sum())
    one_class = np.count_nonzero(ends) == 1
    return {
        "same_label": same,
        "by_chance": by_chance,
        "adjusted": None if one_class else (same - expected) / (1 - expected),
        "informativeness": None if one_class else 2 + float(xlogy(joint, joint).sum()) / entropy,
    }


def overlap_statistics(sets: pd.Series[Any], ends: NDArray[np.int64]) -> dict[str, float | None]:
    """Return how much the sets of labels at the two ends of edges have in common.

    Args:
        sets: The labels of each node, as JSON lists, [N].
        ends: The nodes at both ends of each edge, int64 [2, E].

    Returns:
        ``overlap``: the mean Jaccard index, of how many labels of either end both have; ``by_chance``: that
        of 20,000 pairs of nodes drawn at random. Nothing where there is nothing to measure.

    Example:
        >>> overlap_statistics(pd.Series(['["a", "b"]', '["b"]']), np.array([[0], [1]]))["overlap"]
        0.5
    """
    rows = [read_label_set(text) for text in sets]
    codes = pd.factorize(np.array([label for row in rows for label in row], dtype=object))[0]
    owner = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    size = (len(rows), int(codes.max(initial=-1)) + 1)
    has = scipy.sparse.csr_array((np.ones(len(codes)), (owner, codes)), shape=size)
    pairs = np.random.default_rng(0).integers(0, max(len(rows), 1), size=(2, _DRAWN))
    drawn = pairs[:, pairs[0] != pairs[1]]
    return {"overlap": _mean_jaccard(has, ends), "by_chance": _mean_jaccard(has, drawn)}


def _mean_jaccard(has: scipy.sparse.csr_array, ends: NDArray[np.int64]) -> float | None:
    if not ends.shape[1]:
        return None
    counts = has.sum(axis=1)
    both = has[ends[0]].multiply(has[ends[1]]).sum(axis=1)
    either = counts[ends[0]] + counts[ends[1]] - both
    return float((both / np.maximum(either, 1)).mean())


def _rows(graph: Graph, node_type: str) -> NDArray[np.int64]:
    """Return the row of each node's entity in the entity table."""
    table = graph.nodes[node_type]
    rows = table["entity_index"] if "entity_index" in table else pd.RangeIndex(len(table))
    return rows.to_numpy()


def _correlation(left: NDArray[np.float64], right: NDArray[np.float64]) -> float | None:
    if len(left) < 2 or left.std() == 0 or right.std() == 0:
        return None
    return float(np.corrcoef(left, right)[0, 1])
