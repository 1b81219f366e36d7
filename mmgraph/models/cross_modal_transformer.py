"""The named model ``cross_modal_transformer``."""

from __future__ import annotations

from mmgraph.layers.options import require_positive
from mmgraph.models.layer_choice import LayerChoice
from mmgraph.registry import MODELS


@MODELS.register("cross_modal_transformer")
def cross_modal_transformer(
    *, num_layers: int = 1, expansion: int = 2, norm: str = "layer"
) -> list[LayerChoice]:
    """Attend across the modalities of each entity; no relation among entities is read.

    After `Vaswani et al. 2017 <https://arxiv.org/abs/1706.03762>`_ and
    `Tsai et al. 2019 <https://arxiv.org/abs/1906.00295>`_ (MulT).

    Args:
        num_layers: Number of layers; each encodes, mixes and decodes.
        expansion: Width of the feed-forward networks, in channels.
        norm: ``layer`` or ``none``.

    Example:
        >>> [name for name, options in cross_modal_transformer(num_layers=1)]
        ['cross_modal_transformer']
    """
    require_positive("cross_modal_transformer", "num_layers", num_layers)
    return [("cross_modal_transformer", {"expansion": expansion, "norm": norm})] * num_layers
