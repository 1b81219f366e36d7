"""Message passing and fusion layers, one file each."""

from mmgraph.layers.co_attention import CoAttention
from mmgraph.layers.cross_modal_transformer import CrossModalTransformer
from mmgraph.layers.hetero_gat import HeteroGAT
from mmgraph.layers.late_fusion import LateFusion
from mmgraph.layers.layer import Layer, Metadata, Triple

__all__ = [
    "CoAttention",
    "CrossModalTransformer",
    "HeteroGAT",
    "LateFusion",
    "Layer",
    "Metadata",
    "Triple",
]
