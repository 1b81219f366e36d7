"""What the sampler hands to PyG's loaders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.sampler import HeteroSamplerOutput

from mmgraph.graph import Triple
from mmgraph.sampling.hops import SampledEdges, SampledNodes


@dataclass
class SortedSamplerOutput(HeteroSamplerOutput):  # type: ignore[misc]
    """PyG's sampler output, whose edges are sorted by (target, source).

    Args:
        indptr: By edge type, where the edges of each sampled target begin and end, int64 [N + 1].
    """

    indptr: dict[Triple, Tensor] | None = None


def sorted_output(
    nodes: Mapping[str, SampledNodes], edges: Mapping[Triple, SampledEdges], *, disjoint: bool
) -> SortedSamplerOutput:
    """Return what was sampled as PyG wants it.

    Args:
        nodes: By node type.
        edges: By edge type.
        disjoint: Whether each seed has nodes of its own.
    """
    return SortedSamplerOutput(
        node={name: torch.from_numpy(of_type.node) for name, of_type in nodes.items()},
        row={triple: torch.from_numpy(of_type.source) for triple, of_type in edges.items()},
        col={triple: torch.from_numpy(of_type.target) for triple, of_type in edges.items()},
        edge={triple: torch.from_numpy(of_type.edge) for triple, of_type in edges.items()},
        batch={name: torch.from_numpy(of_type.tree) for name, of_type in nodes.items()} if disjoint else None,
        num_sampled_nodes={name: of_type.per_hop for name, of_type in nodes.items()},
        num_sampled_edges={triple: of_type.per_hop for triple, of_type in edges.items()},
        indptr={triple: torch.from_numpy(of_type.indptr) for triple, of_type in edges.items()},
    )
