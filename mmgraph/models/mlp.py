"""The named model ``mlp``."""

from __future__ import annotations

from mmgraph.layers.options import require_positive
from mmgraph.models.layer_choice import LayerChoice
from mmgraph.registry import MODELS


@MODELS.register("mlp")
def mlp(
    *, num_layers: int = 1, aggr: str = "mean", expansion: int = 2, norm: str = "layer"
) -> list[LayerChoice]:
    """Fuse the modalities of each entity late, each after a network of its own; no relation is read.

    See `Baltrušaitis et al. 2019 <https://arxiv.org/abs/1705.09406>`_ on late fusion.

    Args:
        num_layers: Number of fusion layers.
        aggr: What becomes of the modalities that an entity has: their ``mean`` or ``sum``.
        expansion: Width of the networks in between, in channels.
        norm: ``layer`` or ``none``.

    Example:
        >>> [name for name, options in mlp(num_layers=1)]
        ['late_fusion']
    """
    require_positive("mlp", "num_layers", num_layers)
    return [("late_fusion", {"aggr": aggr, "expansion": expansion, "norm": norm})] * num_layers
