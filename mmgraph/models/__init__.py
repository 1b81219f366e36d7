"""Projection, layers and readout; the named models."""

from mmgraph.models import (
    fusion,
    han,
    hetero_conv,
    hetero_gat,
    hetero_gatv2,
    hetero_sage,
    hetero_transformer,
    hgt,
    mlp,
    rgcn,
)
from mmgraph.models.build import build
from mmgraph.models.layer_choice import LayerChoice
from mmgraph.models.model import MultimodalModel

__all__ = [
    "LayerChoice",
    "MultimodalModel",
    "build",
    "fusion",
    "han",
    "hetero_conv",
    "hetero_gat",
    "hetero_gatv2",
    "hetero_sage",
    "hetero_transformer",
    "hgt",
    "mlp",
    "rgcn",
]
