"""Message passing and fusion layers, one file each."""

from mmgraph.layers.co_attention import CoAttention
from mmgraph.layers.cross_modal_transformer import CrossModalTransformer
from mmgraph.layers.han import HAN
from mmgraph.layers.hetero_conv import HeteroConv
from mmgraph.layers.hetero_gat import HeteroGAT
from mmgraph.layers.hetero_gatv2 import HeteroGATv2
from mmgraph.layers.hetero_sage import HeteroSAGE
from mmgraph.layers.hetero_transformer import HeteroTransformer
from mmgraph.layers.hgt import HGT
from mmgraph.layers.late_fusion import LateFusion
from mmgraph.layers.layer import Layer, Metadata, Triple
from mmgraph.layers.rgcn import RGCN

__all__ = [
    "HAN",
    "HGT",
    "RGCN",
    "CoAttention",
    "CrossModalTransformer",
    "HeteroConv",
    "HeteroGAT",
    "HeteroGATv2",
    "HeteroSAGE",
    "HeteroTransformer",
    "LateFusion",
    "Layer",
    "Metadata",
    "Triple",
]
