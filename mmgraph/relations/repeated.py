"""What becomes of edges that stand several times in a table."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mmgraph.counted import counted
from mmgraph.data.columns import row_numbers
from mmgraph.errors import Faults
from mmgraph.graph.edge_order import edge_order, sorted_pairs
from mmgraph.graph.edges import Groups, first_of_each
from mmgraph.graph.relation import Edges
from mmgraph.relations.edge_table import EdgeRows

Repeated = Literal["sum", "mean", "max", "first", "last", "error"]
"""What becomes of weights and features of rows that list the same edge at the same time."""


def once_each(rows: EdgeRows, repeated: Repeated, *, where: str, faults: Faults) -> Edges:
    """Return the edges of a table, each once at each time, sorted by (target, source, time).

    Args:
        rows: The rows.
        repeated: What becomes of those that list the same edge.
        where: The table, for messages.
        faults: Where to note rows that are refused.

    Raises:
        GraphError: If weights add up to more than fits into float32.
    """
    edges = rows.edges
    nodes = [int(end.max(initial=-1)) + 1 for end in (edges.source, edges.target)]
    if edges.weight is None and edges.attr is None and edges.time is None and repeated != "error":
        source, target = sorted_pairs(edges.source, edges.target, *nodes)
        new = first_of_each(Edges(source, target))
        if not new.all():
            # One after the other, so that never both forms of both are there.
            source = source[new]
            target = target[new]
        return Edges(source, target)
    # Rows of one edge stay in the order of the table.
    order = edge_order(edges.source, edges.target, nodes[0], edges.time)
    edges = edges.take(order)
    new = first_of_each(edges)
    if new.all():
        return edges
    if repeated == "error":
        again = np.sort(rows.rows_of(order[~new]))
        at = " at the same time" if edges.time is not None else ""
        faults.add(
            f"{where}: row {again[0] + 1}",
            f"lists an edge{at} for a second time ({counted(len(again), 'such row')} in all: "
            f"{row_numbers(again)})",
            "Remove the rows, or set duplicates to sum, mean, max, first or last.",
        )
        return edges
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(order)) - 1
    kept = edges.take(last if repeated == "last" else first)
    if repeated in ("first", "last"):
        return kept
    weight, attr = edges.weight, edges.attr
    if weight is not None:
        weight = (
            Groups(new).added(weight, where=where) if repeated == "sum" else _joined(weight, new, repeated)
        )
    if attr is not None:
        # Adding up features such as a distance or a rating would make no sense.
        how: Repeated = "mean" if repeated == "sum" else repeated
        attr = np.stack([_joined(column, new, how) for column in attr.T], axis=1)
    return replace(kept, weight=weight, attr=attr)


def _joined(values: NDArray[np.float32], new: NDArray[np.bool_], repeated: Repeated) -> NDArray[np.float32]:
    """Return one value for each run of them, to the bit whatever their order."""
    if repeated == "max":
        largest: NDArray[np.float32] = np.maximum.reduceat(values, np.flatnonzero(new))
        return largest
    return Groups(new).mean(values).astype(np.float32)
