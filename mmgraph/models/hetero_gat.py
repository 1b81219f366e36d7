"""The named model ``hetero_gat``."""

from __future__ import annotations

from mmgraph.layers.options import require_positive
from mmgraph.models.layer_choice import LayerChoice
from mmgraph.registry import MODELS


@MODELS.register("hetero_gat")
def hetero_gat(
    *, num_layers: int = 2, aggr: str = "sum", edge_dropout: float = 0.0, norm: str = "layer"
) -> list[LayerChoice]:
    """Fuse each entity's modalities, then attend over every relation of the graph.

    Graph attention is that of `Veličković et al. 2018 <https://arxiv.org/abs/1710.10903>`_, for each
    relation as in the relational networks of
    `Schlichtkrull et al. 2018 <https://arxiv.org/abs/1703.06103>`_. The fusion comes first because entity
    nodes have no features of their own: without it, the first layer's messages among entities were empty.

    Args:
        num_layers: Number of graph attention layers after the fusion.
        aggr: What becomes of the messages of several relations: ``sum``, ``mean`` or ``attention``.
        edge_dropout: Share of the edges that are dropped, anew in every step.
        norm: ``layer`` or ``none``.

    Example:
        >>> [name for name, options in hetero_gat(num_layers=2)]
        ['late_fusion', 'hetero_gat', 'hetero_gat']
    """
    attention = {"aggr": aggr, "edge_dropout": edge_dropout, "norm": norm}
    require_positive("hetero_gat", "num_layers", num_layers)
    return [("late_fusion", {"norm": norm}), *[("hetero_gat", attention)] * num_layers]
