"""Networks in which rows do not know of each other, computed in blocks of rows on the CPU.

What such a network makes in between is often several times what goes in. In blocks that stay in a processor's
cache it is never written to memory, and it is made again for the gradient and not kept: after
`Chen et al. 2016 <https://arxiv.org/abs/1604.06174>`_. The second time is made up for by what memory costs.

Shapes: N rows, C columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

from mmgraph.layers.dropout import Dropout
from mmgraph.ops.dropout import CountedMask
from mmgraph.ops.huge_pages import empty
from mmgraph.worker_threads import run_on_single_cores, useful_threads

_BLOCK_BYTES = 15 << 16
"""Size of the widest tensor of a block: some of them fit a cache, and the C library has such room at hand."""

_WORTH_BLOCKS = 8
"""From so many blocks on: fewer stay in a shared cache as they are."""

_FEWEST_ROWS = 128
"""However wide they are: each block reads all weights, and adds to the gradients of all."""

_Body = Sequence[nn.Module] | nn.Sequential

_Step = Callable[[Tensor, int, Sequence[Tensor]], Tensor]
"""A module as a function of rows, of how many stand before them, and of its own tensors."""


def row_by_row(body: _Body, x: Tensor, *, residual: bool = False) -> Tensor:
    """Return what x becomes module after module, or x and that added up.

    On the CPU, but not under autocast, that is done in blocks of rows where there are many, of which nothing
    but x is kept for the gradient. Values and gradients are those of the modules, but for rounding; a second
    gradient is not to be had in blocks, nor ``torch.func``.

    Args:
        body: Norms, linear maps, GELU and dropout; other modules are called as they are, not in blocks.
        x: [N, C].
        residual: Whether x is added.

    Example:
        >>> body = nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 8), nn.GELU())
        >>> x = torch.randn(100_000, 4)
        >>> torch.allclose(row_by_row(body, x), body(x), atol=1e-5)
        True
    """
    rows = _rows_of_a_block(body, x)
    if not rows or x.shape[0] < _WORTH_BLOCKS * rows or not _is_plain(body, x):
        y = body(x) if isinstance(body, nn.Module) else reduce(lambda y, module: module(y), body, x)
        return x + y if residual else y
    chain = _Chain(body, rows, residual=residual)
    result: Tensor = _RowBlocks.apply(chain, x, *chain.tensors)  # type: ignore[no-untyped-call]
    return result


def _rows_of_a_block(body: _Body, x: Tensor) -> int:
    """Return how many rows a block has; 0 where torch goes on as it likes."""
    if x.device.type != "cpu" or x.dim() != 2 or x.dtype not in (torch.float32, torch.float64):
        return 0
    if torch.compiler.is_compiling() or torch.is_autocast_enabled("cpu"):
        return 0
    if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
        return 0
    widths = [module.out_features for module in body if isinstance(module, nn.Linear)]
    return max(_FEWEST_ROWS, _BLOCK_BYTES // (x.element_size() * max([x.shape[1], *widths])))


def _is_plain(body: _Body, x: Tensor) -> bool:
    """Return whether the modules are what is known here, and nobody listens to one of them."""
    if isinstance(body, nn.Module) and _is_heard(body):
        return False
    if nn.modules.module._has_any_global_hook():  # type: ignore[no-untyped-call]
        return False
    return all(
        type(module) in _STEPS
        and not _is_heard(module)
        and all(each.dtype == x.dtype for each in module.parameters())
        and not (type(module) is Dropout and module.training and module.p == 1)
        for module in body
    )


def _is_heard(module: nn.Module) -> bool:
    """Return whether somebody has hooked something to a module, or put a function in place of its own."""
    hooks = (
        module._forward_hooks,
        module._forward_pre_hooks,
        module._backward_hooks,
        module._backward_pre_hooks,
    )
    return any(hooks) or "forward" in vars(module)


class _Chain:
    """A body with what is drawn for one pass: the same for a block whenever it is computed.

    A linear map at its end and the dropout after it are kept apart: their gradients need what goes into the
    map, and not what comes out.
    """

    def __init__(self, body: _Body, rows: int, *, residual: bool) -> None:
        self.rows, self.residual = rows, residual
        self.tensors: list[Tensor] = []
        steps: list[tuple[_Step, slice]] = []
        for module in body:
            step = _STEPS[type(module)](module)
            if step is not None:
                own = list(module.parameters())
                steps.append((step, slice(len(self.tensors), len(self.tensors) + len(own))))
                self.tensors += own
        end = len(steps)
        while end and isinstance(steps[end - 1][0], _Drop):
            end -= 1
        has_map = end > 0 and steps[end - 1][0] is _linear
        self._head = steps[: end - 1] if has_map else steps
        self._map = steps[end - 1][1] if has_map else None
        self._drops = [step for step, _ in steps[end:]] if has_map else []

    def head(self, x: Tensor, first: int, tensors: Sequence[Tensor]) -> Tensor:
        """Return what goes into the linear map at the end, for rows of which the first has this number."""
        for step, own in self._head:
            x = step(x, first, tensors[own])
        return x

    def __call__(self, x: Tensor, first: int, tensors: Sequence[Tensor]) -> Tensor:
        """Return what becomes of rows, the first of which has this number."""
        y = self.head(x, first, tensors)
        if self._map is not None:
            y = _linear(y, first, tensors[self._map])
        for drop in self._drops:
            y = drop(y, first, ())
        return x + y if self.residual else y

    def gradient(
        self, x: Tensor, first: int, tensors: Sequence[Tensor], sums: Mapping[int, Tensor], d_y: Tensor
    ) -> Tensor | None:
        """Add the gradients of tensors to their sums, and return that of rows; None where it is not wanted.

        Args:
            x: The rows, which require a gradient if it is wanted.
            first: The number of the first.
            tensors: The own tensors, copies for each thread, which likewise require one or not.
            sums: What has been found of those whose gradient is wanted, by their place.
            d_y: The gradient of what became of the rows.
        """
        with torch.enable_grad():
            h = self.head(x, first, tensors)
        d_h = d_y
        for drop in reversed(self._drops):
            d_h = drop(d_h, first, ())
        if self._map is not None:
            weight, bias = self._map.start, self._map.start + 1
            if weight in sums:
                sums[weight].addmm_(d_h.t(), h.detach())
            if bias < self._map.stop and bias in sums:
                sums[bias].add_(d_h.sum(0))
            d_h = d_h @ tensors[weight].detach() if h.requires_grad else d_h
        if not h.requires_grad:
            return None
        inside = [place for _, own in self._head for place in range(own.start, own.stop) if place in sums]
        asked = [tensors[place] for place in inside] + [x] * x.requires_grad
        given = torch.autograd.grad(h, asked, d_h)
        for place, part in zip(inside, given, strict=False):
            sums[place].add_(part)
        if not x.requires_grad:
            return None
        return d_y + given[-1] if self.residual else given[-1]

    def share_out(self, num_rows: int, work: Callable[[list[slice]], None]) -> None:
        """Have all blocks worked on, consecutive ones by each thread."""
        count = -(-num_rows // self.rows)
        parts = min(useful_threads(count * _BLOCK_BYTES), count)
        cuts = [count * part // parts for part in range(parts + 1)]
        run_on_single_cores(
            [partial(work, [self._block(n, num_rows) for n in range(*part)]) for part in pairwise(cuts)]
        )

    def _block(self, number: int, num_rows: int) -> slice:
        return slice(number * self.rows, min((number + 1) * self.rows, num_rows))


class _RowBlocks(Function):
    @staticmethod
    def forward(ctx: Any, chain: _Chain, x: Tensor, *tensors: Tensor) -> Tensor:
        ctx.chain = chain
        ctx.save_for_backward(x, *tensors)
        with torch.no_grad():
            width = chain(x[:1], 0, tensors).shape[1]
        result, inference = empty((x.shape[0], width), x.dtype), torch.is_inference_mode_enabled()

        def work(blocks: list[slice]) -> None:
            # A thread has modes of its own.
            with torch.inference_mode(inference), torch.no_grad():
                for rows in blocks:
                    result[rows] = chain(x[rows], rows.start, tensors)

        chain.share_out(x.shape[0], work)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, *tensors = ctx.saved_tensors
        chain, (wants_x, *wanted) = ctx.chain, ctx.needs_input_grad[1:]
        d_x = empty(x.shape, x.dtype) if wants_x else None
        found: dict[int, dict[int, Tensor]] = {}

        def work(blocks: list[slice]) -> None:
            own = [each.detach().requires_grad_(wants) for each, wants in zip(tensors, wanted, strict=True)]
            sums = {place: torch.zeros_like(own[place]) for place, wants in enumerate(wanted) if wants}
            with torch.no_grad():
                for rows in blocks:
                    some = x[rows].detach().requires_grad_(wants_x)
                    given = chain.gradient(some, rows.start, own, sums, gradient[rows])
                    if d_x is not None and given is not None:
                        d_x[rows] = given
            found[blocks[0].start] = sums

        chain.share_out(x.shape[0], work)
        total, *others = [found[begin] for begin in sorted(found)]
        for sums in others:
            for place, part in sums.items():
                total[place].add_(part)
        return None, d_x, *(total.get(place) for place in range(len(tensors)))


@dataclass(frozen=True)
class _Drop:
    mask: CountedMask

    def __call__(self, x: Tensor, first: int, _own: Sequence[Tensor]) -> Tensor:
        return self.mask.drop(x, first * x.shape[1])


def _linear(x: Tensor, _first: int, own: Sequence[Tensor]) -> Tensor:
    return functional.linear(x, *own)


def _norm(module: nn.LayerNorm) -> _Step:
    shape, eps = list(module.normalized_shape), module.eps
    return lambda x, _first, own: functional.layer_norm(x, shape, own[0], own[1], eps)


def _gelu(module: nn.GELU) -> _Step:
    return lambda x, _first, _own: functional.gelu(x, approximate=module.approximate)


def _dropout(module: Dropout) -> _Step | None:
    return _Drop(CountedMask.draw(module.p)) if module.training and module.p > 0 else None


_STEPS: dict[type[nn.Module], Callable[[Any], _Step | None]] = {
    nn.LayerNorm: _norm,
    nn.Linear: lambda module: _linear,  # noqa: ARG005
    nn.GELU: _gelu,
    Dropout: _dropout,
    nn.Identity: lambda module: None,  # noqa: ARG005
}
