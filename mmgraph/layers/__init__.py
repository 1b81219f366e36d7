"""Message passing and fusion layers, one file each."""

from mmgraph.layers.attention_weights import AttentionWeights, record_attention
from mmgraph.layers.bottleneck import Bottleneck
from mmgraph.layers.co_attention import CoAttention
from mmgraph.layers.cross_modal_transformer import CrossModalTransformer
from mmgraph.layers.gated_fusion import GatedFusion
from mmgraph.layers.group_layer import GroupLayer
from mmgraph.layers.han import HAN
from mmgraph.layers.hetero_conv import HeteroConv
from mmgraph.layers.hetero_gat import HeteroGAT
from mmgraph.layers.hetero_gatv2 import HeteroGATv2
from mmgraph.layers.hetero_sage import HeteroSAGE
from mmgraph.layers.hetero_transformer import HeteroTransformer
from mmgraph.layers.hgt import HGT
from mmgraph.layers.late_fusion import LateFusion
from mmgraph.layers.layer import Layer, Metadata, Triple
from mmgraph.layers.low_rank_fusion import LowRankFusion
from mmgraph.layers.mult import MulT
from mmgraph.layers.multimodal_transformer import MultimodalTransformer
from mmgraph.layers.rgcn import RGCN
from mmgraph.layers.tensor_fusion import TensorFusion

__all__ = [
    "HAN",
    "HGT",
    "RGCN",
    "AttentionWeights",
    "Bottleneck",
    "CoAttention",
    "CrossModalTransformer",
    "GatedFusion",
    "GroupLayer",
    "HeteroConv",
    "HeteroGAT",
    "HeteroGATv2",
    "HeteroSAGE",
    "HeteroTransformer",
    "LateFusion",
    "Layer",
    "LowRankFusion",
    "Metadata",
    "MulT",
    "MultimodalTransformer",
    "TensorFusion",
    "Triple",
    "record_attention",
]
