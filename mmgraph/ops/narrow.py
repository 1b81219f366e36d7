"""Relations whose edges start at few of their source nodes, with projections of no other nodes' states.

A hop of a sampled batch adds to a node type what each relation has found for itself. A relation then starts
at a part of the states, and a product for all of them makes rows that no edge reads.

Shapes: S source nodes, U of them with an edge, C channels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from mmgraph.numba_vectors import add_row, clear_row, kernel, lanes_of
from mmgraph.ops.edge_plan import EdgePlan
from mmgraph.ops.huge_pages import empty
from mmgraph.ops.projection import Projection
from mmgraph.ops.relation_input import RelationInput
from mmgraph.worker_threads import run_together, useful_threads

# With at most so many edges for each source node, a copy of the states that are read costs less than rows of
# the others.
_MOST_EDGES = 0.75


def narrow(relations: Mapping[str, Sequence[RelationInput]]) -> dict[str, list[RelationInput]]:
    """Return the relations with projections of only those states that an edge starts at, where they are few.

    Args:
        relations: For each target node type the relations into it, on the CPU.
    """
    everything = [relation for into in relations.values() for relation in into]
    uses = Counter(_same(rows) for relation in everything for rows in _projections(relation))
    taken = _States()
    for relation in everything:
        if _has_few_sources(relation) and all(uses[_same(rows)] == 1 for rows in _projections(relation)):
            taken.ask(relation)
    taken.take()
    return {name: [taken.narrowed(relation) for relation in into] for name, into in relations.items()}


def _projections(relation: RelationInput) -> list[Projection]:
    """Return what of a relation's source nodes is yet to be multiplied out, each once."""
    operands = dict.fromkeys((relation.values, relation.source))
    return [operand for operand in operands if isinstance(operand, Projection)]


def _same(rows: Projection) -> tuple[int, ...]:
    return (*rows.key, rows.slot)


def _has_few_sources(relation: RelationInput) -> bool:
    """Return whether states are many for the edges, and all that comes from the sources is made of them."""
    edges, rows = relation.edges, _projections(relation)
    alone = len(rows) == len({id(o) for o in (relation.values, relation.source) if o is not None})
    few = edges.num_edges <= _MOST_EDGES * edges.num_source
    return few and alone and len({id(each.x) for each in rows}) == 1


class _States:
    """The states that are asked for, taken out of each tensor by one operation."""

    def __init__(self) -> None:
        self._asked: dict[int, RelationInput] = {}
        self._parts: dict[tuple[int, EdgePlan], Tensor] = {}

    def ask(self, relation: RelationInput) -> None:
        """Have the states of this relation's sources taken."""
        self._asked[id(relation)] = relation

    def take(self) -> None:
        """Take what was asked for."""
        plans: dict[int, dict[EdgePlan, Tensor]] = {}
        for relation in self._asked.values():
            x = _projections(relation)[0].x
            plans.setdefault(id(x), {})[relation.edges] = x
        for key, found in plans.items():
            x = next(iter(found.values()))
            parts = _Take.apply(x, *(plan.narrowed[0] for plan in found))  # type: ignore[no-untyped-call]
            self._parts |= {(key, plan): part for plan, part in zip(found, parts, strict=True)}

    def narrowed(self, relation: RelationInput) -> RelationInput:
        """Return the relation with the states that were taken for it, if any were."""
        if id(relation) not in self._asked:
            return relation
        plan = relation.edges
        made = {id(rows): replace(rows, x=self._parts[id(rows.x), plan]) for rows in _projections(relation)}
        return replace(
            relation,
            values=made[id(relation.values)],
            source=None if relation.source is None else made[id(relation.source)],
            edges=plan.narrowed[1],
        )


class _Take(Function):
    """Rows of one tensor [S, C] for each of several lists of rows [U], ascending and each row once in it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *rows: Tensor) -> tuple[Tensor, ...]:
        ctx.rows, ctx.shape = [each.numpy() for each in rows], x.shape
        return tuple(x.index_select(0, each) for each in rows)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        num_rows, width = ctx.shape
        result = empty(ctx.shape, gradients[0].dtype)
        write, lanes = result.view(-1).numpy(), lanes_of(width)
        given = [(rows, d.contiguous().view(-1).numpy()) for rows, d in zip(ctx.rows, gradients, strict=True)]
        parts = useful_threads(result.numel())
        cuts = [num_rows * part // parts for part in range(parts + 1)]

        def work(begin: int, end: int) -> None:
            _clear(write, begin, end, width, lanes)
            for rows, d_rows in given:
                first, last = np.searchsorted(rows, (begin, end))
                _add(write, rows, d_rows, first, last, width, lanes)

        run_together([partial(work, begin, end) for begin, end in pairwise(cuts)])
        return result, *(None for _ in gradients)


@kernel
def _clear(write, begin, end, width, lanes):  # type: ignore[no-untyped-def]
    clear_row(write, begin * width, (end - begin) * width, lanes)


@kernel
def _add(write, rows, d_rows, begin, end, width, lanes):  # type: ignore[no-untyped-def]
    for number in range(begin, end):
        add_row(write, rows[number] * width, write.dtype.type(1), d_rows, number * width, width, lanes)
