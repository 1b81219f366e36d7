"""The named model ``han``."""

from __future__ import annotations

from mmgraph.models.after_fusion import after_fusion
from mmgraph.models.layer_choice import LayerChoice
from mmgraph.registry import MODELS


@MODELS.register("han")
def han(*, num_layers: int = 2, edge_dropout: float = 0.0, norm: str = "layer") -> list[LayerChoice]:
    """Fuse each entity's modalities, then attend over neighbours and over relations.

    After `Wang et al. 2019 <https://arxiv.org/abs/1903.07293>`_ (HAN).

    Args:
        num_layers: Number of attention layers after the fusion.
        edge_dropout: Share of the edges that are dropped, anew in every step.
        norm: ``layer`` or ``none``.

    Example:
        >>> [name for name, options in han(num_layers=2)]
        ['late_fusion', 'han', 'han']
    """
    return after_fusion("han", num_layers, norm, {"edge_dropout": edge_dropout})
