"""What the graph models share: each entity's modalities are fused, then its relations are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmgraph.layers.options import require_positive
from mmgraph.models.layer_choice import LayerChoice


def after_fusion(
    name: str, num_layers: int, norm: str, options: Mapping[str, Any] | None = None
) -> list[LayerChoice]:
    """Return late fusion and then a layer, several times.

    The fusion comes first because entity nodes have no features of their own: without it, the first layer's
    messages among entities were empty.

    Args:
        name: The layer, and the model that consists of it.
        num_layers: Number of times that the layer comes.
        norm: The norm of all of them.
        options: Further options of the layer.

    Raises:
        ConfigError: If ``num_layers`` is below 1.

    Example:
        >>> after_fusion("hgt", 1, "layer")
        [('late_fusion', {'norm': 'layer'}), ('hgt', {'norm': 'layer'})]
    """
    require_positive(name, "num_layers", num_layers)
    return [("late_fusion", {"norm": norm}), *[(name, {**(options or {}), "norm": norm})] * num_layers]
