"""The named model ``rgcn``."""

from __future__ import annotations

from mmgraph.models.after_fusion import after_fusion
from mmgraph.models.layer_choice import LayerChoice
from mmgraph.registry import MODELS


@MODELS.register("rgcn")
def rgcn(
    *,
    num_layers: int = 2,
    num_bases: int | None = None,
    aggr: str = "sum",
    edge_dropout: float = 0.0,
    norm: str = "layer",
) -> list[LayerChoice]:
    """Fuse each entity's modalities, then read the mean of the neighbours along every relation.

    After `Schlichtkrull et al. 2018 <https://arxiv.org/abs/1703.06103>`_ (R-GCN).

    Args:
        num_layers: Number of convolution layers after the fusion.
        num_bases: Number of matrices that the relations share; None for one for each relation.
        aggr: What becomes of the messages of several relations: ``sum``, ``mean``, ``max``, ``attention`` or
            ``semantic``.
        edge_dropout: Share of the edges that are dropped, anew in every step.
        norm: ``layer`` or ``none``.

    Example:
        >>> [name for name, options in rgcn(num_layers=2)]
        ['late_fusion', 'rgcn', 'rgcn']
    """
    return after_fusion(
        "rgcn", num_layers, norm, {"num_bases": num_bases, "aggr": aggr, "edge_dropout": edge_dropout}
    )
