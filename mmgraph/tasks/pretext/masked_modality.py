"""A modality that is hidden is to be found again from what else is known of its entity.

Shapes: R entities, C channels, D width of the features.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.models.graph_batch import GraphBatch
from mmgraph.tasks.objectives import scaled_cosine_error
from mmgraph.tasks.pretext.pretext import Pretext, Subject
from mmgraph.tasks.side import Side
from mmgraph.tasks.step import Encode, Unify


class MaskedModality(Pretext):
    """Hides a modality of some entities, with all that was made from it, and asks for its features.

    A pair that the modality is in is hidden as well. A step takes one modality at random. The loss is the
    scaled cosine error of GraphMAE (see :func:`~mmgraph.tasks.objectives.scaled_cosine_error`) of a linear
    map of the unified states.

    Args:
        subject: What is asked about.
    """

    reads = ("mask_share",)

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self._sides = {name: self._without(name) for name in subject.content}

    def _without(self, name: str) -> Side:
        subject = self.subject
        hidden = subject.schema.holders([f"{subject.entity}/{name}"])
        others = {t.relation for t in subject.schema.edge_types if not hidden & set(t.made_from)}
        seen = {other for other in subject.content if f"{subject.entity}/{other}" not in hidden}
        return Side(subject.schema, subject.entity, modalities=seen, relations=others)

    def make_head(self, channels: int) -> nn.Module:
        """Return a linear map from unified states to the features of each modality."""
        return self.subject.make_maps(channels)

    def step(
        self, head: nn.Module, encode: Encode, batch: GraphBatch, rows: Tensor, here: Tensor
    ) -> Tensor | None:
        """Return the error of one modality of some of the rows that have it."""
        name = self.subject.any_modality()
        kept = self.subject.has(name, rows)
        rows, here = rows[kept], here[kept]
        if not len(rows):
            return None
        chosen = self.subject.some(rows, self.subject.mask_share)
        rows, here = rows[chosen], here[chosen]
        seen = self._sides[name].view(self.subject.mask(rows))(batch)
        state = encode(seen)[self.subject.entity][here].float()
        return self._error(head, name, state, rows)

    def measure(self, head: nn.Module, unify: Unify, rows: Tensor) -> Tensor | None:
        """Return the mean error over all modalities, each hidden of all held-out entities."""
        errors = []
        for name in self.subject.content:
            kept = self.subject.has(name, rows)
            if kept.any():
                view = self.side_of_measured(self._sides[name], rows)
                state = unify({self.subject.entity: rows}, view)[self.subject.entity]
                errors.append(self._error(head, name, state[kept], rows[kept]))
        return torch.stack(errors).mean() if errors else None

    def _error(self, head: nn.Module, name: str, state: Tensor, rows: Tensor) -> Tensor:
        assert isinstance(head, ModuleDict)
        return scaled_cosine_error(head[name](state), self.subject.content[name].of(rows))
