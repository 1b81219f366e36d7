"""Entities of one class are to be alike.

Shapes: R entities, C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmgraph.models.graph_batch import GraphBatch
from mmgraph.tasks.objectives import supervised_contrastive
from mmgraph.tasks.pretext.pretext import Pretext
from mmgraph.tasks.step import Encode, Unify

_MOST = 1 << 12
"""How many entities stand against each other at the most: their likeness is a square."""
_SEED = 0


class SupervisedContrast(Pretext):
    """Brings a linear map of the states of entities of one class together, and those of others apart.

    See :func:`~mmgraph.tasks.objectives.supervised_contrastive`. The classes of training entities alone are
    learnt from. Whose class is not known takes no part.
    """

    reads = ("classes",)

    def make_head(self, channels: int) -> nn.Module:
        """Return the map, with fresh weights; states themselves stay free to hold more than the class."""
        return nn.Linear(channels, channels)

    def step(
        self, head: nn.Module, encode: Encode, batch: GraphBatch, rows: Tensor, here: Tensor
    ) -> Tensor | None:
        """Return the loss of those of the rows whose class is known."""
        classes = self._classes(rows)
        known = (classes >= 0).nonzero().flatten()
        known = (
            known[torch.randperm(len(known), device=known.device)[:_MOST]] if len(known) > _MOST else known
        )
        if not len(known):
            return None
        state = encode(batch)[self.subject.entity][here[known]].float()
        return supervised_contrastive(head(state), classes[known])

    def measure(self, head: nn.Module, unify: Unify, rows: Tensor) -> Tensor | None:
        """Return the loss of entities; where there are many, of the same ones each time."""
        classes = self._classes(rows)
        known = (classes >= 0).nonzero().flatten().cpu()
        if not len(known):
            return None
        chosen = known[torch.randperm(len(known), generator=torch.Generator().manual_seed(_SEED))[:_MOST]]
        state = unify({self.subject.entity: rows})[self.subject.entity][chosen.to(rows.device)]
        return supervised_contrastive(head(state), classes[chosen.to(rows.device)])

    def _classes(self, rows: Tensor) -> Tensor:
        assert self.subject.classes is not None
        return self.subject.classes.to(rows.device)[rows]
