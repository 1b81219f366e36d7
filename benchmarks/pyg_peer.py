"""Which compiled package PyG's own neighbour sampling finds here, and how to get one."""

from __future__ import annotations

import torch_geometric.typing

HOW = """PyG's NeighborLoader needs torch-sparse or pyg-lib, and takes pyg-lib where both are there.
torch-sparse needs torch-scatter, and both are published as source only: with a C++ compiler, and torch
installed,

    pip install 'setuptools>=70.1' wheel
    FORCE_ONLY_CPU=1 pip install --no-build-isolation torch-scatter==2.1.2 torch-sparse==0.6.18

builds them, for ten minutes or more. pyg-lib is not in the package index; PyG's own pages say where it is."""


def peer_name() -> str | None:
    """Return what PyG's loaders sample with, or nothing if they cannot."""
    if torch_geometric.typing.WITH_PYG_LIB:
        return "pyg-lib"
    return "torch-sparse" if torch_geometric.typing.WITH_TORCH_SPARSE else None
