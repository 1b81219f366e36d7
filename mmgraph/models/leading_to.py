"""The part of a model that leads to the states of modality nodes.

Shapes: N nodes, C channels.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from mmgraph.models.model import MultimodalModel


class StateAsItIs(nn.Module):
    """Reads out the last state of a node type and changes nothing of it.

    Args:
        node_type: The node type.
    """

    readout = "last"

    def __init__(self, node_type: str) -> None:
        super().__init__()
        self.node_type = node_type

    def forward(self, states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Return the states [N, C] of the node type after the last of some layers.

        Args:
            states: The states by node type, after each layer.
        """
        return {name: x for name, x in states[-1].items() if name == self.node_type}


def leading_to(model: MultimodalModel, node_type: str) -> MultimodalModel | None:
    """Return the part of a model whose output is what its last layer to read a node type finds there.

    A model reads out entities, and its last layers need not have a state for other nodes. It shares the
    weights of the whole. Where no layer but the first reads the node type, it is the projection alone.

    Args:
        model: The model.
        node_type: A node type, such as that of a modality.

    Returns:
        The part; nothing if no layer reads nodes of this type.

    Example:
        >>> import torch
        >>> from mmgraph.graph.schema import EdgeType, GraphSchema, NodeType
        >>> schema = GraphSchema(
        ...     (NodeType("a", 2, 0, "a"), NodeType("a/x", 3, 5, "a", "x", "text")),
        ...     (EdgeType("a/x", "of", "a", 3, "of"),),
        ... )
        >>> part = leading_to(MultimodalModel(schema, layers=["late_fusion"], hidden_channels=8), "a/x")
        >>> part({"a": torch.empty(2, 0), "a/x": torch.randn(3, 5)}, {})["a/x"].shape
        torch.Size([3, 8])
    """
    reading = [number for number, layer in enumerate(model.layers) if node_type in layer.reads]  # type: ignore[operator]
    if not reading:
        return None
    part = copy.copy(model)
    # The whole one keeps what it has.
    part._modules = dict(model._modules)
    part.layers = model.layers[: reading[-1]]
    part.readout = StateAsItIs(node_type)  # type: ignore[assignment]
    part.outputs = [node_type]
    return part
