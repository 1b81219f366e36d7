"""PyG's own sampler, which calls pyg-lib, behind the interface of mmgraph's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch_geometric.typing
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.sampler import HeteroSamplerOutput
from torch_geometric.sampler import NeighborSampler as PyGSampler

from mmgraph.errors import ConfigError, MissingDependencyError, did_you_mean
from mmgraph.graph import Triple


def pyg_lib_is_installed() -> bool:
    """Return whether PyG has found pyg-lib."""
    return bool(torch_geometric.typing.WITH_PYG_LIB)


def choose_backend(backend: str, seed: int | None, *, both_times: bool = False) -> str:
    """Return ``numba`` or ``pyg_lib``.

    Args:
        backend: One of them, or ``auto``.
        seed: The seed, if one is asked for.
        both_times: Whether entities and edges may have times: pyg-lib knows those of nodes or those of edges.

    Raises:
        ConfigError: If there is no such backend, or pyg-lib shall keep a seed, or to both kinds of times.
        MissingDependencyError: If it is not installed.
    """
    known = ["auto", "numba", "pyg_lib"]
    if backend not in known:
        raise ConfigError(f"got {backend!r}", where="backend", fix=did_you_mean(backend, known))
    if both_times and backend == "pyg_lib":
        raise ConfigError(
            "pyg-lib cannot keep to times of entities and of edges", where="backend", fix="Choose 'numba'."
        )
    if both_times:
        return "numba"
    if backend == "auto":
        return "pyg_lib" if pyg_lib_is_installed() and seed is None else "numba"
    if backend == "pyg_lib" and not pyg_lib_is_installed():
        raise MissingDependencyError(
            "pyg-lib is not installed", where="backend", fix="Choose 'numba', which needs nothing."
        )
    if backend == "pyg_lib" and seed is not None:
        raise ConfigError("pyg-lib keeps no seed", where="seed", fix="Leave it out, or choose 'numba'.")
    return backend


class PyGBackend:
    """Samples by pyg-lib, and sorts the edges of each hop by (target, source).

    Args:
        data: The graph.
        fanout: By edge type, how many neighbours at each hop.
        **options: What PyG's ``NeighborSampler`` takes.
    """

    def __init__(
        self, data: HeteroData, fanout: Mapping[Triple, list[int]], options: Mapping[str, Any]
    ) -> None:
        self._sampler = PyGSampler(data, dict(fanout), **options)

    def sample(self, seeds: Mapping[str, Tensor], times: Mapping[str, Tensor] | None) -> HeteroSamplerOutput:
        """Return the neighbourhood of seeds.

        Args:
            seeds: Nodes by node type.
            times: The time of each, if there are any.
        """
        out = self._sampler._sample(dict(seeds), None if times is None else dict(times))
        for triple, permutation in (self._sampler.edge_permutation or {}).items():
            if permutation is not None and triple in out.edge:
                out.edge[triple] = permutation[out.edge[triple]]
        for triple, target in out.col.items():
            order = torch.argsort(target * max(out.node[triple[0]].numel(), 1) + out.row[triple], stable=True)
            out.row[triple], out.col[triple] = out.row[triple][order], target[order]
            out.edge[triple] = out.edge[triple][order]
        return out
