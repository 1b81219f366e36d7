"""The modalities of an entity are to be alike, each seen without the others.

Shapes: R entities, C channels of the model, D of the common space.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.models.graph_batch import GraphBatch, View
from mmgraph.tasks.objectives import Contrast
from mmgraph.tasks.pretext.pretext import Pretext, Subject
from mmgraph.tasks.side import Side
from mmgraph.tasks.step import Encode, Unify


class Alignment(Pretext):
    """Contrastive alignment of every two modalities of an entity; a step takes two of them at random.

    Args:
        subject: What is asked about.
    """

    least_modalities = 2
    reads = "contrast"

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self._pairs = list(itertools.combinations(subject.content, 2))
        self._sides = {
            name: Side(subject.schema, subject.entity, modalities={name}) for name in subject.content
        }

    def make_head(self, channels: int) -> nn.Module:
        """Return a map of each modality's states into the common space, and the scale of likeness."""
        return AlignmentHead(list(self._sides), channels, self.subject.contrast)

    def step(
        self, head: nn.Module, encode: Encode, batch: GraphBatch, rows: Tensor, here: Tensor
    ) -> Tensor | None:
        """Return the contrastive loss of two modalities of some of the rows that have both."""
        subject, contrast = self.subject, self.subject.contrast
        names = self._pairs[int(torch.randint(len(self._pairs), ()))]
        both = subject.has(names[0], rows) & subject.has(names[1], rows)
        rows, here = rows[both], here[both]
        if batch.seeds is None:
            chosen = subject.some(rows, 1 - contrast.context)
            rows, here = rows[chosen], here[chosen]
        if not len(rows):
            return None
        states = [encode(self._view(name, rows)(batch))[subject.entity][here].float() for name in names]
        return contrast.of(head(*names, *states), contrast.kin_in(batch, subject.entity, here))

    def _view(self, name: str, rows: Tensor) -> View:
        """Return what is seen from a side in a step that asks for some training entities."""
        if not self.subject.contrast.context:
            return self.side_of_measured(self._sides[name], rows, everyone=True)
        return self._sides[name].view(self.subject.mask(rows) | self.subject.held_out.to(rows.device))

    def measure(self, head: nn.Module, unify: Unify, rows: Tensor) -> Tensor | None:
        """Return the mean loss over every two modalities, each over the entities that have both."""
        subject, losses, states = self.subject, [], {}
        everyone = not subject.contrast.context
        for name, side in self._sides.items():
            view = self.side_of_measured(side, rows, everyone=everyone)
            states[name] = unify({subject.entity: rows}, view)[subject.entity]
        for names in self._pairs:
            both = subject.has(names[0], rows) & subject.has(names[1], rows)
            if both.any():
                losses.append(subject.contrast.of(head(*names, *(states[name][both] for name in names))))
        return torch.stack(losses).mean() if losses else None


class AlignmentHead(nn.Module):
    """Maps the states of several modalities into a common space.

    Args:
        modalities: Their names.
        channels: Width of the unified states, C.
        contrast: Says how wide the space is, and how likeness becomes a logit.
    """

    def __init__(self, modalities: list[str], channels: int, contrast: Contrast) -> None:
        super().__init__()
        self.maps = ModuleDict({name: nn.Linear(channels, contrast.channels) for name in modalities})
        self.scale = contrast.make_scale()

    def forward(self, one_name: str, other_name: str, one: Tensor, other: Tensor) -> Tensor:
        """Return how well each of one modality goes with each of another, [R, R].

        Args:
            one_name: A modality.
            other_name: Another one.
            one: The states of the entities as the one shows them, [R, C].
            other: As the other shows them, [R, C].
        """
        left, right = self.scale(self.maps[one_name](one), self.maps[other_name](other))
        logits: Tensor = left @ right.T
        return logits
