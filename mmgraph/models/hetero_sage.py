"""The named model ``hetero_sage``."""

from __future__ import annotations

from mmgraph.models.after_fusion import after_fusion
from mmgraph.models.layer_choice import LayerChoice
from mmgraph.registry import MODELS


@MODELS.register("hetero_sage")
def hetero_sage(
    *,
    num_layers: int = 2,
    reduce: str = "mean",
    aggr: str = "sum",
    edge_dropout: float = 0.0,
    norm: str = "layer",
) -> list[LayerChoice]:
    """Fuse each entity's modalities, then read the mean or maximum of the neighbours along every relation.

    After `Hamilton et al. 2017 <https://arxiv.org/abs/1706.02216>`_ (GraphSAGE).

    Args:
        num_layers: Number of GraphSAGE layers after the fusion.
        reduce: What becomes of the neighbours along one relation: ``mean`` or ``max``.
        aggr: What becomes of the messages of several relations: ``sum``, ``mean``, ``max``, ``attention`` or
            ``semantic``.
        edge_dropout: Share of the edges that are dropped, anew in every step.
        norm: ``layer`` or ``none``.

    Example:
        >>> [name for name, options in hetero_sage(num_layers=2)]
        ['late_fusion', 'hetero_sage', 'hetero_sage']
    """
    return after_fusion(
        "hetero_sage", num_layers, norm, {"reduce": reduce, "aggr": aggr, "edge_dropout": edge_dropout}
    )
