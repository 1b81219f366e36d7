"""The named model ``co_attention``."""

from __future__ import annotations

from mmgraph.layers.options import require_positive
from mmgraph.models.layer_choice import LayerChoice
from mmgraph.registry import MODELS


@MODELS.register("co_attention")
def co_attention(*, num_layers: int = 1, expansion: int = 2, norm: str = "layer") -> list[LayerChoice]:
    """Let each modality weigh the others into itself, pair by pair; no relation among entities is read.

    After `Lu et al. 2016 <https://arxiv.org/abs/1606.00061>`_ (parallel co-attention).

    Args:
        num_layers: Number of layers.
        expansion: Width of the feed-forward networks, in channels.
        norm: ``layer`` or ``none``.

    Example:
        >>> [name for name, options in co_attention(num_layers=1)]
        ['co_attention']
    """
    require_positive("co_attention", "num_layers", num_layers)
    return [("co_attention", {"expansion": expansion, "norm": norm})] * num_layers
