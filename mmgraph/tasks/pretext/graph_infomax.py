"""Whether a state is of this graph is to be told from the state.

Shapes: N nodes, R entities.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmgraph.models.graph_batch import GraphBatch
from mmgraph.tasks.objectives import Infomax, shuffle_features
from mmgraph.tasks.pretext.pretext import Pretext
from mmgraph.tasks.step import Encode, Unify

_SEED = 0


class GraphInfomax(Pretext):
    """Deep graph infomax: tells states from those of a graph whose nodes have each other's features."""

    def make_head(self, channels: int) -> nn.Module:
        """Return what tells them apart, with fresh weights."""
        return Infomax(channels)

    def step(
        self, head: nn.Module, encode: Encode, batch: GraphBatch, rows: Tensor, here: Tensor
    ) -> Tensor | None:
        """Return the loss of the rows."""
        if not len(rows):
            return None
        corrupted = batch._replace(x_dict=shuffle_features(batch.x_dict))
        states = [encode(each)[self.subject.entity][here].float() for each in (batch, corrupted)]
        loss: Tensor = head(*states)
        return loss

    def measure(self, head: nn.Module, unify: Unify, rows: Tensor) -> Tensor | None:
        """Return the loss of entities, against the same corrupted graph each time.

        Where nodes pass the model in parts, features are dealt out within each, so that the loss is another
        one for parts of another size.
        """
        states = [unify({self.subject.entity: rows}, view) for view in (None, _corrupted)]
        loss: Tensor = head(*(state[self.subject.entity] for state in states))
        return loss


def _corrupted(batch: GraphBatch) -> GraphBatch:
    """Return a batch whose features are dealt out anew, alike each time."""
    generator = torch.Generator().manual_seed(_SEED)
    return batch._replace(x_dict=shuffle_features(batch.x_dict, generator))
