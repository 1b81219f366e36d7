"""The order in which a relation's edges are read: made once for an edge index and kept with it."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from mmgraph.errors import GraphError

# From so many edges on, counting is faster than comparing.
_WORTH_COUNTING = 1 << 14


@dataclass(frozen=True, eq=False)
class EdgePlan:
    """One relation's E edges sorted by (target, source), as compressed rows and as their transpose.

    Args:
        num_source: Number of source nodes S.
        num_target: Number of target nodes N.
        order: Where each sorted edge stands in the edge index that was given, int64 [E]; None if it was
            sorted already.
        sources: Source node of each sorted edge [E], in int32 where that is enough for all numbers of a plan.
        targets: Target node of each sorted edge [E], ascending, in the same type.
    """

    num_source: int
    num_target: int
    order: Tensor | None
    sources: Tensor
    targets: Tensor

    @property
    def num_edges(self) -> int:
        """Number of edges E."""
        return self.sources.numel()

    @cached_property
    def source(self) -> Tensor:
        """Source node of each sorted edge, int64 [E]."""
        return self.sources.long()

    @cached_property
    def target(self) -> Tensor:
        """Target node of each sorted edge, int64 [E], ascending."""
        return self.targets.long()

    def arrange(self, values: Tensor) -> Tensor:
        """Return one value per edge [E, ...], given in the order of the edge index, in sorted order."""
        return values if self.order is None else values.index_select(0, self.order)

    def give_back(self, values: Tensor) -> Tensor:
        """Return one value per edge [E, ...], given in sorted order, in the order of the edge index."""
        return values if self.order is None else torch.empty_like(values).index_copy(0, self.order, values)

    def head(self, num_edges: int, num_source: int, num_target: int) -> EdgePlan:
        """Return the plan of the first edges, which name no nodes but the first ones; it shares their memory.

        Args:
            num_edges: How many edges.
            num_source: How many source nodes there are for them.
            num_target: How many target nodes.

        Raises:
            GraphError: If the edges are not sorted by target.

        Example:
            >>> import torch
            >>> plan = plan_edges(torch.tensor([[0, 1, 2], [0, 0, 1]]), 3, 2)
            >>> plan.head(2, 2, 1).source
            tensor([0, 1])
        """
        if self.order is not None:
            raise GraphError(
                "got the plan of edges in another order, whose first ones are not the first of the plan",
                where="EdgePlan.head",
                fix="Sort the edges by target and source first.",
            )
        return EdgePlan(num_source, num_target, None, self.sources[:num_edges], self.targets[:num_edges])

    @cached_property
    def narrowed(self) -> tuple[Tensor, EdgePlan]:
        """The source nodes that have an edge, ascending, int64 [U], and the plan with no others; on the CPU.

        Example:
            >>> import torch
            >>> rows, plan = plan_edges(torch.tensor([[7, 4], [0, 0]]), 9, 1).narrowed
            >>> rows, plan.num_source, plan.source
            (tensor([4, 7]), 2, tensor([0, 1]))
        """
        sources = self.sources.numpy()
        has_edge = np.zeros(self.num_source, dtype=bool)
        has_edge[sources] = True
        rows = np.flatnonzero(has_edge)
        place = np.cumsum(has_edge, dtype=sources.dtype) - 1
        plan = EdgePlan(
            len(rows), self.num_target, self.order, torch.from_numpy(place[sources]), self.targets
        )
        return torch.from_numpy(rows), plan

    @cached_property
    def target_pointer(self) -> Tensor:
        """Where each target's edges begin and end, int64 [N + 1]."""
        return _pointer(self.targets, self.num_target)

    @cached_property
    def has_edge(self) -> Tensor:
        """Whether a target has any edge, bool [N]."""
        return self.target_pointer.diff() > 0

    @cached_property
    def by_source(self) -> Tensor:
        """The sorted edges' positions, sorted by source, int64 [E]."""
        return torch.argsort(self.sources, stable=True)

    @cached_property
    def source_pointer(self) -> Tensor:
        """Where each source's edges begin and end in ``by_source``, int64 [S + 1]."""
        return _pointer(self.sources, self.num_source)

    @cached_property
    def target_by_source(self) -> Tensor:
        """Target node of each edge in the order of ``by_source``, int64 [E]."""
        return self.target.index_select(0, self.by_source)

    @cached_property
    def target_rows(self) -> tuple[Tensor, Tensor]:
        """The compressed rows as a kernel reads them, in int32 where that is enough.

        Where each target's edges begin and end [N + 1], and the source of each edge [E].
        """
        return self.target_pointer.to(self.sources.dtype), self.sources

    @cached_property
    def target_arrays(self) -> tuple[Any, ...]:
        """The same for a kernel on the CPU."""
        return tuple(part.numpy() for part in self.target_rows)

    @cached_property
    def source_arrays(self) -> tuple[Any, ...]:
        """``source_rows`` for a kernel on the CPU."""
        return tuple(part.numpy() for part in self.source_rows)

    @cached_property
    def source_rows(self) -> tuple[Tensor, Tensor, Tensor]:
        """Their transpose as a kernel reads it, in int32 where that is enough.

        Where each source's edges begin and end [S + 1], the target of each edge in that order [E], and where
        the edge stands in ``target_rows`` [E].
        """
        dtype, order = self.sources.dtype, _order_by(self.sources, self.num_source)
        pointer = _pointer(self.sources, self.num_source)
        return pointer.to(dtype), self.targets.index_select(0, order), order.to(dtype)


def plan_edges(
    edge_index: Tensor, num_source: int, num_target: int, *, where: str = "edge_index"
) -> EdgePlan:
    """Return the plan of an edge index; the same tensor gets the same plan for as long as it lives.

    Args:
        edge_index: int64 [2, E], sources above targets, in any order.
        num_source: Number of source nodes.
        num_target: Number of target nodes.
        where: What to call the edge index in an error.

    Raises:
        GraphError: If it is no int64 [2, E], or names a node that is not there.

    Example:
        >>> import torch
        >>> plan = plan_edges(torch.tensor([[0, 1, 2], [1, 0, 1]]), 3, 2)
        >>> plan.source, plan.target, plan.target_pointer
        (tensor([1, 0, 2]), tensor([0, 1, 1]), tensor([0, 1, 3]))
    """
    if edge_index.is_inference():
        # Such a tensor counts no changes, so a kept plan could be stale without a sign.
        return _make_plan(edge_index, num_source, num_target, where)
    key, fingerprint = id(edge_index), _fingerprint(edge_index, num_source, num_target)
    kept = _KEPT.get(key)
    if kept is not None and kept.edge_index() is edge_index and kept.fingerprint == fingerprint:
        return kept.plan
    plan = _make_plan(edge_index, num_source, num_target, where)
    _keep(edge_index, plan)
    return plan


def adopt_plan(edge_index: Tensor, plan: EdgePlan) -> None:
    """Keep a plan that somebody else made with its edge index, so that :func:`plan_edges` need not make one.

    A sampler hands out edges that are sorted and names no node that is not there. It knows the plan then, and
    neither a check nor a sort is needed. That the plan is that of these edges is taken on trust.

    Args:
        edge_index: int64 [2, E].
        plan: Its plan, of :func:`make_plan` or :meth:`EdgePlan.head`.

    Raises:
        GraphError: If the plan has another number of edges.

    Example:
        >>> import torch
        >>> edge_index = torch.tensor([[1, 0, 2], [0, 1, 1]])
        >>> plan = make_plan(3, 2, None, *edge_index)
        >>> adopt_plan(edge_index, plan)
        >>> plan_edges(edge_index, 3, 2) is plan
        True
    """
    if tuple(edge_index.shape) != (2, plan.num_edges):
        raise GraphError(
            f"got shape {tuple(edge_index.shape)} and a plan of {plan.num_edges} edges",
            where="edge_index",
            fix="Give the plan that was made of these edges.",
        )
    if not edge_index.is_inference():
        _keep(edge_index, plan)


def _keep(edge_index: Tensor, plan: EdgePlan) -> None:
    key, fingerprint = id(edge_index), _fingerprint(edge_index, plan.num_source, plan.num_target)
    _KEPT[key] = _Kept(weakref.ref(edge_index, lambda _: _KEPT.pop(key, None)), fingerprint, plan)


def _fingerprint(edge_index: Tensor, num_source: int, num_target: int) -> tuple[int, ...]:
    # Whoever sets edge_index.data gives a tensor other memory, and torch counts no change.
    return num_source, num_target, edge_index._version, edge_index.data_ptr(), *edge_index.shape


class _Kept(NamedTuple):
    edge_index: weakref.ref[Tensor]
    fingerprint: tuple[int, ...]
    plan: EdgePlan


_KEPT: dict[int, _Kept] = {}


def _make_plan(edge_index: Tensor, num_source: int, num_target: int, where: str) -> EdgePlan:
    _check(edge_index, num_source, num_target, where)
    source, target = edge_index
    rises = target[1:] > target[:-1]
    rises |= (target[1:] == target[:-1]) & (source[1:] >= source[:-1])
    if bool(rises.all()):
        return make_plan(num_source, num_target, None, source, target)
    order = torch.argsort(target * num_source + source, stable=True)
    return make_plan(num_source, num_target, order, source[order], target[order])


def make_plan(
    num_source: int, num_target: int, order: Tensor | None, source: Tensor, target: Tensor
) -> EdgePlan:
    """Return the plan of edges that are sorted, int64 [E] each; see :class:`EdgePlan`."""
    largest = max(source.numel(), num_source, num_target)
    dtype = torch.int32 if largest < 2**31 else torch.int64
    # Copies: a view would keep the edge index alive, and so the plan that is kept with it; and a change to
    # the edge index after forward would change what backward reads.
    sources, targets = (nodes.to(dtype, copy=True) for nodes in (source, target))
    return EdgePlan(num_source, num_target, order, sources, targets)


def check_edge_index(edge_index: Tensor, *, where: str) -> None:
    """Make sure that edges are int64 [2, E].

    Raises:
        GraphError: If not.
    """
    if edge_index.dtype != torch.int64 or edge_index.dim() != 2 or edge_index.shape[0] != 2:
        raise GraphError(
            f"got {edge_index.dtype} of shape {tuple(edge_index.shape)}; wanted torch.int64 of shape (2, E)",
            where=where,
            fix="Put the sources into the first row and the targets into the second.",
        )


def _check(edge_index: Tensor, num_source: int, num_target: int, where: str) -> None:
    check_edge_index(edge_index, where=where)
    for name, nodes, count in (("source", edge_index[0], num_source), ("target", edge_index[1], num_target)):
        if nodes.numel() == 0:
            continue
        low, high = (int(bound) for bound in torch.aminmax(nodes))
        if low < 0 or high >= count:
            raise GraphError(
                f"an edge names the {name} node {low if low < 0 else high}; wanted 0 to {count - 1}",
                where=where,
                fix="Check that the edges belong to these nodes.",
            )


def _order_by(nodes: Tensor, num_nodes: int) -> Tensor:
    """Return the order that sorts edges by a node, int32 or int64 [E]; those of one node stay in theirs."""
    if nodes.device.type != "cpu" or nodes.numel() < _WORTH_COUNTING:
        return torch.argsort(nodes, stable=True)
    # A matrix with one element in each row, turned round: its elements stand by column, then by row. That is
    # sorting by counting, in a fraction of the time and the memory.
    size, columns = nodes.numel(), nodes.numpy()
    matrix = csr_array(
        (np.ones(size, dtype=np.int8), columns, np.arange(size + 1, dtype=columns.dtype)),
        shape=(size, num_nodes),
    )
    return torch.from_numpy(matrix.tocsc().indices)


def _pointer(nodes: Tensor, num_nodes: int) -> Tensor:
    return row_pointer(torch.bincount(nodes, minlength=num_nodes))


def row_pointer(count: Tensor) -> Tensor:
    """Return where each row begins and ends, int64 [N + 1], from the number of its members, int64 [N].

    Example:
        >>> row_pointer(torch.tensor([2, 0, 1]))
        tensor([0, 2, 2, 3])
    """
    return torch.cat([count.new_zeros(1), count.cumsum(0)])
