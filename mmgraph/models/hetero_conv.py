"""The named model ``hetero_conv``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmgraph.layers.hetero_conv import ConvChoice
from mmgraph.models.after_fusion import after_fusion
from mmgraph.models.layer_choice import LayerChoice
from mmgraph.registry import MODELS


@MODELS.register("hetero_conv")
def hetero_conv(
    *,
    num_layers: int = 2,
    conv: ConvChoice = "SAGEConv",
    conv_options: Mapping[str, Any] | None = None,
    aggr: str = "sum",
    edge_dropout: float = 0.0,
    norm: str = "layer",
) -> list[LayerChoice]:
    """Fuse each entity's modalities, then convolve over every relation by any convolution of PyG.

    After `Fey and Lenssen 2019 <https://arxiv.org/abs/1903.02428>`_ (PyTorch Geometric).

    Args:
        num_layers: Number of convolution layers after the fusion.
        conv: The name of a convolution in ``torch_geometric.nn``, or one for each relation; see the layer.
        conv_options: Keyword arguments of every convolution that has none of its own.
        aggr: What becomes of the messages of several relations: ``sum``, ``mean``, ``max``, ``attention`` or
            ``semantic``.
        edge_dropout: Share of the edges that are dropped, anew in every step.
        norm: ``layer`` or ``none``.

    Example:
        >>> [name for name, options in hetero_conv(num_layers=2)]
        ['late_fusion', 'hetero_conv', 'hetero_conv']
    """
    return after_fusion(
        "hetero_conv",
        num_layers,
        norm,
        {"conv": conv, "options": conv_options, "aggr": aggr, "edge_dropout": edge_dropout},
    )
