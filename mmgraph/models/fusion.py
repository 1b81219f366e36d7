"""The named models that are one fusion layer, or several of the same; no relation among entities is read."""

from __future__ import annotations

import inspect
import re
from typing import Any

from mmgraph.layers import (
    Bottleneck,
    CoAttention,
    CrossModalTransformer,
    GatedFusion,
    GroupLayer,
    LowRankFusion,
    MulT,
    TensorFusion,
)
from mmgraph.layers.options import require_positive
from mmgraph.models.layer_choice import LayerChoice
from mmgraph.registry import MODELS

FUSIONS: dict[str, type[GroupLayer]] = {
    "bottleneck": Bottleneck,
    "co_attention": CoAttention,
    "cross_modal_transformer": CrossModalTransformer,
    "gated_fusion": GatedFusion,
    "low_rank_fusion": LowRankFusion,
    "mult": MulT,
    "tensor_fusion": TensorFusion,
}
"""The layers of which each is a model too, under the same name."""

_GIVEN_BY_THE_MODEL = ("heads", "dropout", "targets")


class FusionModel:
    """A named model that is one fusion layer, ``num_layers`` times, all with the same options.

    Its signature and its docstring are made from the layer's: the options are those of the layer, without
    what every model gives its layers.

    Args:
        name: The registered name of the layer and of the model.
        layer: The layer.

    Example:
        >>> [name for name, options in FusionModel("mult", MulT)(num_layers=2, depth=3)]
        ['mult', 'mult']
        >>> list(inspect.signature(FusionModel("mult", MulT)).parameters)
        ['num_layers', 'depth', 'expansion', 'norm']
    """

    def __init__(self, name: str, layer: type[GroupLayer]) -> None:
        self.name = name
        options = [
            parameter
            for parameter in inspect.signature(layer).parameters.values()
            if parameter.kind is parameter.KEYWORD_ONLY and parameter.name not in _GIVEN_BY_THE_MODEL
        ]
        num_layers = inspect.Parameter("num_layers", inspect.Parameter.KEYWORD_ONLY, default=1)
        self.__signature__ = inspect.Signature([num_layers, *options])
        text = inspect.getdoc(layer) or ""
        papers = dict.fromkeys(re.findall(r"`[^`<]+<https://[^>]+>`_", text))
        self.__doc__ = "\n\n".join(
            [
                text.partition("\n")[0],
                f"One or more layers ``{name}``, which take these options. No relation is read. "
                f"After {' and '.join(papers)}.",
            ]
        )

    def __call__(self, *, num_layers: int = 1, **options: Any) -> list[LayerChoice]:
        """Return the list of layers."""
        require_positive(self.name, "num_layers", num_layers)
        return [(self.name, options)] * num_layers


for _name, _layer in FUSIONS.items():
    MODELS.register(_name)(FusionModel(_name, _layer))
