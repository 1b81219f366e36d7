"""The named model ``hgt``."""

from __future__ import annotations

from mmgraph.models.after_fusion import after_fusion
from mmgraph.models.layer_choice import LayerChoice
from mmgraph.registry import MODELS


@MODELS.register("hgt")
def hgt(*, num_layers: int = 2, edge_dropout: float = 0.0, norm: str = "layer") -> list[LayerChoice]:
    """Fuse each entity's modalities, then attend over all relations into a node together.

    After `Hu et al. 2020 <https://arxiv.org/abs/2003.01332>`_ (HGT).

    Args:
        num_layers: Number of transformer layers after the fusion.
        edge_dropout: Share of the edges that are dropped, anew in every step.
        norm: ``layer`` or ``none``.

    Example:
        >>> [name for name, options in hgt(num_layers=2)]
        ['late_fusion', 'hgt', 'hgt']
    """
    return after_fusion("hgt", num_layers, norm, {"edge_dropout": edge_dropout})
