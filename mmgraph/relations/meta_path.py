"""Edges along a path of other relations: from country over export to export's receiver, and so on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from pydantic import Field

from mmgraph.errors import GraphError
from mmgraph.evenly import evenly
from mmgraph.graph.context import BuildContext
from mmgraph.graph.relation import Edges, RelationBuilder
from mmgraph.registry import RELATIONS
from mmgraph.relations.edge_limit import refuse_too_many

_PATHS_AT_A_TIME = 4_000_000
_SAMPLE = 256


@RELATIONS.register("meta_path")
@dataclass(frozen=True)
class MetaPath(RelationBuilder):
    """Edges between the ends of a path of given relations, weighed by how many such paths there are.

    A path counts pairs, whatever the weights and times of their edges. By ``scope: training`` it passes
    through training entities only. A node that a path leads back to gets an edge to itself; the filter
    ``self_loops: drop`` removes those.

    Args:
        path: The relations in order; ``rev_`` before a name turns the relation round.
        weight: ``count`` for the number of paths; ``normalised`` for PathSim, twice that number over the
            numbers of paths from either end to itself
            (`Sun et al. 2011 <https://doi.org/10.14778/3402707.3402736>`_); ``none`` for no weights.
        max_edges: Refuse to build more edges than this.

    Example:
        >>> MetaPath(["borders", "exports_to"]).default_name
        'borders_exports_to'
    """

    kind: ClassVar[Literal["given", "derived"]] = "derived"

    path: Annotated[tuple[str, ...], Field(min_length=2, description="The relations in order.")]
    weight: Annotated[
        Literal["count", "normalised", "none"], Field(description="Weigh edges by the number of paths.")
    ] = "count"
    max_edges: Annotated[int, Field(ge=1, description="Refuse to build more edges.")] = 20_000_000

    @property
    def default_name(self) -> str:
        """The names of the relations."""
        return "_".join(name.removeprefix("rev_") for name in self.path)

    def needs(self) -> tuple[str, ...]:
        """Return the relations of the path, each once."""
        return tuple(dict.fromkeys(name.removeprefix("rev_") for name in self.path))

    def endpoints(self, context: BuildContext) -> tuple[str, str]:
        """Return where the path begins and ends.

        Raises:
            GraphError: If a relation does not begin where the one before it ends, or PathSim is asked for
                between two node types.
        """
        ends = [context.ends_of(name) for name in self.path]
        for position in range(1, len(ends)):
            before, after = ends[position - 1][1], ends[position][0]
            if before != after:
                one, other = self.path[position - 1], self.path[position]
                raise GraphError(
                    f"{other!r} begins at {after}, but {one!r} ends at {before}",
                    where=context.at(f"path[{position}]"),
                    fix="Choose another relation, or turn it round with rev_.",
                )
        source, target = ends[0][0], ends[-1][1]
        if self.weight == "normalised" and source != target:
            raise GraphError(
                f"got 'normalised', but the path leads from {source} to {target}; wanted one node type",
                where=context.at("weight"),
                fix="Choose count or none.",
            )
        return source, target

    def made_from(self, context: BuildContext) -> tuple[str, ...]:  # noqa: ARG002
        """Return none: what the relations of the path were made from is known of them."""
        return ()

    def build(self, context: BuildContext) -> Edges:
        """Return the edges between the ends of paths.

        Raises:
            GraphError: If there are more than ``max_edges``, or PathSim is asked for of a path that leads
                forth otherwise than back.
        """
        steps = [self._step(name, context) for name in self.path]
        per_row = paths_from(steps)
        context.count("paths", int(per_row.sum()))
        if per_row.sum() > self.max_edges:
            refuse_too_many(estimate_pairs(steps), self.max_edges, "another path or filters", context)
        rows, columns, counts, total = [], [], [], 0
        for first, block in blocks(steps, per_row):
            total += block.nnz
            refuse_too_many(total, self.max_edges, "another path or filters", context)
            found = block.tocoo()
            rows.append(found.coords[0].astype(np.int64) + first)
            columns.append(found.coords[1].astype(np.int64))
            counts.append(found.data)
        source, target, count = (np.concatenate(part) for part in (rows, columns, counts))
        return Edges(source, target, self._weight(source, target, count, context))

    def why_empty(self, context: BuildContext) -> str:  # noqa: ARG002
        """Return why there is no path."""
        return f"no path leads along {' -> '.join(self.path)}"

    def _step(self, name: str, context: BuildContext) -> Any:
        """Return a relation as a sparse matrix of ones, sources by targets."""
        edges = context.edges_of(name)
        source, target = context.ends_of(name)
        may_send = context.permitted(source)[edges.source]
        shape = context.num_nodes(source), context.num_nodes(target)
        ends = edges.source[may_send], edges.target[may_send]
        matrix = scipy.sparse.csr_array((np.ones(len(ends[0])), ends), shape=shape)
        matrix.sum_duplicates()
        # The same pair at several times is one step.
        matrix.data[:] = 1
        return matrix

    def _weight(
        self,
        source: NDArray[np.int64],
        target: NDArray[np.int64],
        count: NDArray[np.float64],
        context: BuildContext,
    ) -> NDArray[np.float32] | None:
        if self.weight == "none":
            return None
        if self.weight == "count":
            return count.astype(np.float32)
        size = context.num_nodes(context.ends_of(self.path[0])[0])
        matrix = scipy.sparse.csr_array((count, (source, target)), shape=(size, size))
        if (matrix != matrix.T).nnz:
            raise GraphError(
                "got 'normalised', but the path leads forth otherwise than back: that has no PathSim",
                where=context.at("weight"),
                fix="Let the path run back as it came, e.g. [made_by, rev_made_by], or choose count.",
            )
        own = matrix.diagonal()
        similarity: NDArray[np.float64] = 2 * count / (own[source] + own[target])
        return similarity.astype(np.float32)


def paths_from(steps: list[Any]) -> NDArray[np.float64]:
    """Return how many paths begin at each node, float64 [N]; no node has more edges than paths."""
    number = np.ones(steps[-1].shape[1])
    for step in reversed(steps):
        number = step @ number
    return number


def estimate_pairs(steps: list[Any]) -> int:
    """Return about how many pairs of ends there are, from some of the first nodes, spread evenly."""
    size = steps[0].shape[0]
    chosen = evenly(size, _SAMPLE)
    block = steps[0][chosen]
    for step in steps[1:]:
        block = block @ step
    return int(block.nnz / len(chosen) * size)


def blocks(steps: list[Any], per_row: NDArray[np.float64]) -> Iterator[tuple[int, Any]]:
    """Yield the product of the steps by blocks of rows, so that no intermediate one need fit at once.

    Args:
        steps: Sparse matrices.
        per_row: How many paths begin at each row.

    Yields:
        The first row of a block, and its product.
    """
    number = (np.cumsum(per_row) // _PATHS_AT_A_TIME).astype(np.int64)
    edges = np.flatnonzero(np.diff(number, prepend=-1))
    for first, last in zip(edges, [*edges[1:], len(per_row)], strict=True):
        block = steps[0][first:last]
        for step in steps[1:]:
            block = block @ step
        yield int(first), block
