"""Attention within many small groups at once on the CPU, without padding and without gathering.

Shapes: Q queries, T tokens, G groups, P pairs of a query and a token of its group, H heads, D width of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mmgraph.errors import GraphError
from mmgraph.ops.backends import backend_for
from mmgraph.ops.edge_plan import row_pointer
from mmgraph.worker_threads import balanced_rows, run_together, useful_threads

_MOST_TOKENS = 16
"""From here on dense products of padded groups are faster than loops."""


@dataclass(frozen=True, eq=False)
class Groups:
    """Which queries see which tokens, as compressed rows; no query and no token is in two groups.

    Args:
        query_pointer: Where each group's queries begin and end, int64 [G + 1].
        queries: The queries, group after group, int64.
        token_pointer: Where each group's tokens begin and end, int64 [G + 1].
        tokens: The tokens, group after group, int64; each group has one at least.
        pair_pointer: Where each group's pairs begin and end, int64 [G + 1].
        most_tokens: The size of the largest group.
    """

    query_pointer: Tensor
    queries: Tensor
    token_pointer: Tensor
    tokens: Tensor
    pair_pointer: Tensor
    most_tokens: int

    @property
    def num_pairs(self) -> int:
        """P."""
        return int(self.pair_pointer[-1])

    @cached_property
    def _numbers(self) -> tuple[int, int, int, int]:
        """The least and the largest number of a query and of a token; -1 and 0 where there are none."""
        ends = [torch.aminmax(part) if part.numel() else None for part in (self.queries, self.tokens)]
        query, token = ((0, -1) if end is None else (int(end[0]), int(end[1])) for end in ends)
        return (*query, *token)

    def check(self, query: Tensor, memory: Tensor, value_start: int, head_step: int) -> None:
        """Make sure that all that is read is there: what kernels do beyond an array's end nobody notices.

        Raises:
            GraphError: If not.
        """
        first_query, last_query, first_token, last_token = self._numbers
        heads, width = query.shape[1:]
        wanted = (heads - 1) * head_step + value_start + width
        if min(first_query, first_token, value_start, head_step) < 0 or (
            last_query >= query.shape[0] or last_token >= memory.shape[0] or wanted > memory.shape[1]
        ):
            raise GraphError(
                f"got query {tuple(query.shape)} and memory {tuple(memory.shape)}; wanted {last_query + 1} "
                f"queries, {last_token + 1} tokens and a width of {wanted} or more",
                where="group_attention",
                fix="Make the groups for these queries and tokens, and check value_start and head_step.",
            )

    @property
    def arrays(self) -> tuple[Any, ...]:
        """All of this, as a kernel takes it."""
        parts = (self.query_pointer, self.queries, self.token_pointer, self.tokens, self.pair_pointer)
        return tuple(part.numpy() for part in parts)


def make_groups(pairs: Sequence[tuple[Tensor, Tensor]]) -> Groups:
    """Return the groups of buckets: queries int64 [B, K] and tokens int64 [B, L] of each, below 0 for nobody.

    Example:
        >>> import torch
        >>> groups = make_groups([(torch.tensor([[0], [1]]), torch.tensor([[0, 1], [2, -1]]))])
        >>> groups.tokens, groups.token_pointer
        (tensor([0, 1, 2]), tensor([0, 2, 3]))
    """
    queries, tokens = zip(*pairs, strict=True)
    num_queries, num_tokens = (torch.cat([(p >= 0).sum(1) for p in part]) for part in (queries, tokens))
    flat_queries, flat_tokens = (torch.cat([p[p >= 0] for p in part]) for part in (queries, tokens))
    return Groups(
        row_pointer(num_queries),
        flat_queries,
        row_pointer(num_tokens),
        flat_tokens,
        row_pointer(num_queries * num_tokens),
        int(num_tokens.max()),
    )


def loops_suit(query: Tensor, memory: Tensor, most_tokens: int) -> bool:
    """Return whether :func:`group_attention` can be used, and is faster than dense products."""
    return (
        query.device.type == "cpu"
        and query.dtype == memory.dtype
        and query.dtype in (torch.float32, torch.float64)
        and most_tokens < _MOST_TOKENS
        and backend_for(query.device).name == "numba"
    )


@torch.compiler.disable  # type: ignore[untyped-decorator]
def group_attention(
    query: Tensor,
    memory: Tensor,
    groups: Groups,
    *,
    value_start: int,
    head_step: int,
    scale: float,
    dropout: float = 0.0,
) -> Tensor:
    r"""Return :math:`\sum_j \mathrm{softmax}_j(s\, q_{ih} \cdot k_{jh})\, v_{jh}`, j in the group of i.

    Args:
        query: [Q, H, D].
        memory: Keys and values, [T, W]: those of head h begin at column ``h * head_step``, and
            ``value_start`` after it.
        groups: Which queries see which tokens.
        value_start: How far a value stands behind its key; 0 if they are the same.
        head_step: How far the heads are apart; 0 if all share one key and one value.
        scale: What logits are multiplied by, s.
        dropout: Share of the weights that are dropped, the others being scaled up.

    Returns:
        [Q, H, D]; 0 for a query in no group.

    Example:
        >>> import torch
        >>> groups = make_groups([(torch.tensor([[0]]), torch.tensor([[0, 1]]))])
        >>> memory = torch.tensor([[1.0, 4.0], [1.0, 8.0]])
        >>> group_attention(torch.ones(1, 1, 1), memory, groups, value_start=1, head_step=1, scale=1.0)
        tensor([[[6.]]])
    """
    groups.check(query, memory, value_start, head_step)
    keep = query.new_empty(0)
    if dropout:
        keep = torch.rand(groups.num_pairs * query.shape[1], dtype=query.dtype).ge_(dropout).div_(1 - dropout)
    layout = (value_start, head_step, scale)
    result: Tensor = _GroupAttention.apply(query, memory, keep, groups, layout)  # type: ignore[no-untyped-call]
    return result


class _GroupAttention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, query: Tensor, memory: Tensor, keep: Tensor, groups: Groups, layout: tuple[int, int, float]
    ) -> Tensor:
        from mmgraph.ops import group_kernels

        # Queries may stand head by head, as a product with a matrix a head leaves them; so will the output.
        query, memory = (query if _is_dense(query) else query.contiguous()), memory.contiguous()
        ctx.save_for_backward(query, memory, keep)
        ctx.groups, ctx.layout = groups, layout
        out = _empty_like(query, groups.queries)
        _run(group_kernels.forward, query, memory, groups, layout, (keep, out))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        from mmgraph.ops import group_kernels

        query, memory, keep = ctx.saved_tensors
        d_query = _empty_like(query, ctx.groups.queries)
        d_memory = _empty_like(memory, ctx.groups.tokens)
        if gradient.stride() != query.stride():
            gradient = torch.empty_like(query).copy_(gradient)
        operands = (keep, gradient, d_query, d_memory)
        _run(group_kernels.backward, query, memory, ctx.groups, ctx.layout, operands)
        return d_query, d_memory, None, None, None


def _run(
    kernel: Any,
    query: Tensor,
    memory: Tensor,
    groups: Groups,
    layout: tuple[int, int, float],
    operands: Sequence[Tensor],
) -> None:
    from mmgraph.numba_vectors import lanes_of

    arrays = groups.arrays
    heads, width = query.shape[1:]
    flat = [x.detach().as_strided((x.numel(),), (1,)).numpy() for x in (query, memory, *operands)]
    scale = query.new_tensor(layout[2]).numpy()[()]
    shape = (
        heads,
        width,
        lanes_of(width),
        query.stride(0),
        query.stride(1),
        memory.shape[1],
        *layout[:2],
        scale,
    )
    threads = useful_threads(groups.num_pairs * heads * width)
    cuts = balanced_rows([arrays[4]], threads)
    rooms = query.new_empty(threads, 2, groups.most_tokens).numpy()
    work = zip(pairwise(cuts), rooms, strict=True)
    run_together([partial(kernel, *rows, *arrays, *shape, *flat, *room) for rows, room in work])


def _empty_like(rows: Tensor, members: Tensor) -> Tensor:
    """Return room for rows like these, with 0 where nothing is written as a row is in no group."""
    return torch.empty_like(rows) if members.numel() == rows.shape[0] else torch.zeros_like(rows)


def _is_dense(query: Tensor) -> bool:
    """Return whether the queries fill their memory without gaps, row after row or head after head."""
    return query.is_contiguous() or query.transpose(0, 1).is_contiguous()
