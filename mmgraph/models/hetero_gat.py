"""The named model ``hetero_gat``."""

from __future__ import annotations

from mmgraph.models.after_fusion import after_fusion
from mmgraph.models.layer_choice import LayerChoice
from mmgraph.registry import MODELS


@MODELS.register("hetero_gat")
def hetero_gat(
    *, num_layers: int = 2, aggr: str = "sum", edge_dropout: float = 0.0, norm: str = "layer"
) -> list[LayerChoice]:
    """Fuse each entity's modalities, then attend over every relation of the graph.

    Graph attention is that of `Veličković et al. 2018 <https://arxiv.org/abs/1710.10903>`_, for each
    relation as in the relational networks of
    `Schlichtkrull et al. 2018 <https://arxiv.org/abs/1703.06103>`_.

    Args:
        num_layers: Number of graph attention layers after the fusion.
        aggr: What becomes of the messages of several relations: ``sum``, ``mean``, ``max``, ``attention`` or
            ``semantic``.
        edge_dropout: Share of the edges that are dropped, anew in every step.
        norm: ``layer`` or ``none``.

    Example:
        >>> [name for name, options in hetero_gat(num_layers=2)]
        ['late_fusion', 'hetero_gat', 'hetero_gat']
    """
    return after_fusion("hetero_gat", num_layers, norm, {"aggr": aggr, "edge_dropout": edge_dropout})
