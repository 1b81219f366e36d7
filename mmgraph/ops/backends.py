"""The backends of relational attention: which there are, which is taken, and how to take another."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from mmgraph.errors import ConfigError, did_you_mean
from mmgraph.ops.relation_input import RelationInput

Relations = Mapping[str, Sequence[RelationInput]]

Attend = Callable[[Relations, str, float, bool], dict[str, Tensor]]
"""From relations, score, negative slope and whether to sum them, to the messages to each node type."""


@dataclass(frozen=True)
class Backend:
    """One way to compute relational attention.

    Args:
        name: What it is called.
        summary: What it is, in one line.
        devices: The types of device that it works on; none for all.
        load: Import what it needs and return what computes.
        missing: Return what is missing to use it, or None.
        multiplies: Whether it multiplies projections out itself.
    """

    name: str
    summary: str
    devices: frozenset[str]
    load: Callable[[], Attend]
    missing: Callable[[], str | None]
    multiplies: bool = False

    def works_on(self, device: str) -> bool:
        """Return whether it works on tensors of this type of device."""
        return not self.devices or device in self.devices

    def attend(
        self, relations: Relations, score: str, negative_slope: float, sum_relations: bool
    ) -> dict[str, Tensor]:
        """Return the messages to each node type."""
        return self.load()(relations, score, negative_slope, sum_relations)


def _load_torch() -> Attend:
    from mmgraph.ops.composed_attention import compose_attention

    return compose_attention


def _load_scatter() -> Attend:
    from mmgraph.ops.composed_attention import compose_attention
    from mmgraph.ops.scatter_segments import scatter_segments

    ops = scatter_segments()
    return lambda relations, score, slope, summed: compose_attention(relations, score, slope, summed, ops)


def _load_kernels(module: str) -> Callable[[], Attend]:
    def load() -> Attend:
        from mmgraph.ops.fused_attention import Kernels, fuse_attention

        kernels = cast(Kernels, importlib.import_module(module))
        return lambda relations, score, slope, summed: fuse_attention(
            kernels, relations, score, slope, summed
        )

    return load


def _missing(*modules: str) -> Callable[[], str | None]:
    def missing() -> str | None:
        absent = [name for name in modules if importlib.util.find_spec(name) is None]
        return f"{', '.join(absent)} is not installed" if absent else None

    return missing


def _interpreted() -> bool:
    """Return whether Triton was asked to run its kernels in Python, on any device."""
    return os.environ.get("TRITON_INTERPRET") == "1"


_NUMBA = _load_kernels("mmgraph.ops.numba_attention")
_TRITON = _load_kernels("mmgraph.ops.triton_attention")

BACKENDS: dict[str, Backend] = {
    backend.name: backend
    for backend in (
        Backend("numba", "fused kernels in threads", frozenset({"cpu"}), _NUMBA, _missing("numba"), True),
        Backend("triton", "fused kernels on the GPU", frozenset({"cuda"}), _TRITON, _missing("triton")),
        Backend(
            "torch_scatter", "torch-scatter's segments", frozenset(), _load_scatter, _missing("torch_scatter")
        ),
        Backend("torch", "plain torch, the reference", frozenset(), _load_torch, _missing()),
    )
}
"""The backends by name."""

_AUTOMATIC = ("numba", "triton", "torch")

_chosen: ContextVar[str | None] = ContextVar("mmgraph_backend", default=None)


@contextmanager
def use_backend(name: str) -> Iterator[None]:
    """Compute relational attention by this backend, in this thread, for as long as the context lasts.

    Args:
        name: ``numba``, ``triton``, ``torch_scatter`` or ``torch``.

    Raises:
        ConfigError: If there is no such backend, or something that it needs is not installed.

    Example:
        >>> with use_backend("torch"):
        ...     backend_for(torch.device("cpu")).name
        'torch'
    """
    if name not in BACKENDS:
        raise ConfigError(
            f"there is no backend {name!r}", where="use_backend", fix=did_you_mean(name, BACKENDS)
        )
    if missing := BACKENDS[name].missing():
        raise ConfigError(
            f"the backend {name!r} cannot be used: {missing}",
            where="use_backend",
            fix="Install it, or use one of those that `mmgraph list backends` calls available.",
        )
    token = _chosen.set(name)
    try:
        yield
    finally:
        _chosen.reset(token)


def backend_for(device: torch.device) -> Backend:
    """Return the backend for tensors on this device: the chosen one, else the fastest that there is.

    Raises:
        ConfigError: If the chosen one does not work on this device.
    """
    name = _chosen.get()
    if name is None:
        return next(
            backend
            for backend in (BACKENDS[name] for name in _AUTOMATIC)
            if backend.works_on(device.type) and not backend.missing()
        )
    backend = BACKENDS[name]
    if not backend.works_on(device.type) and not (name == "triton" and _interpreted()):
        raise ConfigError(
            f"the backend {name!r} works on {' and '.join(sorted(backend.devices))}, not on {device.type}",
            where="use_backend",
            fix="Move the tensors, or choose another backend.",
        )
    return backend
