"""Projection, layers and readout; the named models."""

from mmgraph.models import fusion, hetero_gat, mlp
from mmgraph.models.build import build
from mmgraph.models.layer_choice import LayerChoice
from mmgraph.models.model import MultimodalModel

__all__ = [
    "LayerChoice",
    "MultimodalModel",
    "build",
    "fusion",
    "hetero_gat",
    "mlp",
]
