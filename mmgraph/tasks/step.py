"""What a task works with while it is trained and measured: the model on a batch, and on the whole graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from torch import Tensor

from mmgraph.models.graph_batch import GraphBatch, View

Encode = Callable[[GraphBatch], Mapping[str, Tensor]]
"""The model in a training step: from a batch to the unified states [N, C] of its nodes, by entity type."""


class Unify(Protocol):
    """The trained model on the whole graph, exactly, whatever the size of it; without gradients."""

    def __call__(self, rows: Mapping[str, Tensor], view: View | None = None) -> Mapping[str, Tensor]:
        """Return the unified states of entities, [R, C] by entity type.

        Args:
            rows: By entity type, which entities, int64 [R].
            view: What the model sees of the graph; by default all.

        What is worked out about rows and views is kept with these very objects, so a task that asks again
        asks with the same ones.
        """


class Step(NamedTuple):
    """What a task makes of a batch in training.

    Args:
        loss: The mean over what is learnt from, a scalar of float32.
        num_rows: How many rows the mean is over: steps are weighed by it. 0 where a process has none, whose
            loss is then 0, with gradients.
        output: What the loss was made of, of any shape: it is looked at where the loss is not finite.
    """

    loss: Tensor
    num_rows: int
    output: Tensor
