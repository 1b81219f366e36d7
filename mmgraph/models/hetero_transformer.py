"""The named model ``hetero_transformer``."""

from __future__ import annotations

from mmgraph.models.after_fusion import after_fusion
from mmgraph.models.layer_choice import LayerChoice
from mmgraph.registry import MODELS


@MODELS.register("hetero_transformer")
def hetero_transformer(
    *, num_layers: int = 2, aggr: str = "sum", edge_dropout: float = 0.0, norm: str = "layer"
) -> list[LayerChoice]:
    """Fuse each entity's modalities, then attend over every relation by dot products.

    After `Shi et al. 2021 <https://arxiv.org/abs/2009.03509>`_ (the graph transformer of UniMP).

    Args:
        num_layers: Number of attention layers after the fusion.
        aggr: What becomes of the messages of several relations: ``sum``, ``mean``, ``max``, ``attention`` or
            ``semantic``.
        edge_dropout: Share of the edges that are dropped, anew in every step.
        norm: ``layer`` or ``none``.

    Example:
        >>> [name for name, options in hetero_transformer(num_layers=2)]
        ['late_fusion', 'hetero_transformer', 'hetero_transformer']
    """
    return after_fusion("hetero_transformer", num_layers, norm, {"aggr": aggr, "edge_dropout": edge_dropout})
