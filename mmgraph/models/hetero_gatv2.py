"""The named model ``hetero_gatv2``."""

from __future__ import annotations

from mmgraph.models.after_fusion import after_fusion
from mmgraph.models.layer_choice import LayerChoice
from mmgraph.registry import MODELS


@MODELS.register("hetero_gatv2")
def hetero_gatv2(
    *, num_layers: int = 2, aggr: str = "sum", edge_dropout: float = 0.0, norm: str = "layer"
) -> list[LayerChoice]:
    """Fuse each entity's modalities, then attend over every relation with dynamic scores.

    After `Brody et al. 2022 <https://arxiv.org/abs/2105.14491>`_ (GATv2).

    Args:
        num_layers: Number of graph attention layers after the fusion.
        aggr: What becomes of the messages of several relations: ``sum``, ``mean``, ``max``, ``attention`` or
            ``semantic``.
        edge_dropout: Share of the edges that are dropped, anew in every step.
        norm: ``layer`` or ``none``.

    Example:
        >>> [name for name, options in hetero_gatv2(num_layers=2)]
        ['late_fusion', 'hetero_gatv2', 'hetero_gatv2']
    """
    return after_fusion("hetero_gatv2", num_layers, norm, {"aggr": aggr, "edge_dropout": edge_dropout})
