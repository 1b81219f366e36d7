"""The modalities of an entity are to be alike, each seen without the others.

Shapes: R entities, M modalities, C channels of the model, D of the common space.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.models.graph_batch import GraphBatch, View
from mmgraph.tasks.gathered import as_share, gather, gather_pairs
from mmgraph.tasks.gradient_cache import encode_in_chunks
from mmgraph.tasks.objectives import Contrast, Kin, not_half
from mmgraph.tasks.pretext.pretext import Pretext, Subject
from mmgraph.tasks.side import Side
from mmgraph.tasks.step import Encode, Unify


class Alignment(Pretext):
    """Contrastive alignment of every two modalities of an entity, a mean over these.

    One of the kind ``pair`` is not aligned with what it consists of, which it would be without learning. Each
    modality is seen without the others, in a pass of its own, and two of them are compared over the
    entities that have both. So several modalities come into one space, as in ImageBind (`Girdhar et al. 2023
    <https://arxiv.org/abs/2305.05665>`_), though here no modality is the one that all others are tied to.

    Args:
        subject: What is asked about.
    """

    least_modalities = 2
    reads = ("contrast",)

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self._sides = {
            name: Side(subject.schema, subject.entity, modalities={name}) for name in subject.content
        }
        parts = {t.name: {t.name, *t.made_from} for t in subject.schema.node_types}
        held = [parts[f"{subject.entity}/{name}"] for name in subject.content]
        self._compared = [
            (one, other)
            for one, other in itertools.combinations(range(len(held)), 2)
            if not held[one] & held[other]
        ]

    def make_head(self, channels: int) -> nn.Module:
        """Return a map of each modality's states into the common space, and the scale of likeness."""
        return AlignmentHead(list(self._sides), channels, self.subject.contrast)

    def step(
        self, head: nn.Module, encode: Encode, batch: GraphBatch, rows: Tensor, here: Tensor
    ) -> Tensor | None:
        """Return the contrastive loss of every two modalities of some of the rows.

        Of several processes, the rows of all stand against each other.
        """
        subject, contrast = self.subject, self.subject.contrast
        counts = [len(part) for part in gather(rows)]
        has = torch.stack([subject.has(name, rows) for name in self._sides], dim=1)
        asked = has.sum(dim=1) > 1
        if batch.seeds is None:
            asked[asked.clone()] = subject.some(rows[asked], 1 - contrast.context)
        own, rows, here, has = len(rows), rows[asked], here[asked], has[asked]
        places = []
        for number, name in enumerate(self._sides):
            seen = self._view(name, rows)(batch)
            states = encode_in_chunks(encode, seen, subject.entity, here[has[:, number]], contrast.chunk)
            places.append(head(name, not_half(states), has[:, number]))
        parts = gather(torch.stack(places, dim=1))
        kin = contrast.kin_in(batch, subject.entity, here)
        if kin is not None:
            kin = Kin(*(gather_pairs(pairs, [len(part) for part in parts]) for pairs in kin))
        loss = self._loss(torch.cat(parts), torch.cat(gather(has.byte())).bool(), kin)
        return None if loss is None or not own else as_share(loss, own, sum(counts))

    def _loss(self, places: Tensor, has: Tensor, kin: Kin | None = None) -> Tensor | None:
        """Return the mean loss of every two modalities that some entities have; nothing where none has two.

        Args:
            places: Where entities lie by each modality, [R, M, 2, D + 1]; see :class:`AlignmentHead`.
            has: Which modalities each has, bool [R, M].
            kin: What a graph says about pairs of them.
        """
        losses = []
        for one, other in self._compared:
            both = (has[:, one] & has[:, other]).nonzero().squeeze(1)
            if len(both):
                among = None if kin is None else kin.among(both, len(has))
                query, answer = places[both, one, 0], places[both, other, 1]
                losses.append(self.subject.contrast.of(query, answer, among))
        return torch.stack(losses).mean() if losses else None

    def _view(self, name: str, rows: Tensor) -> View:
        """Return what is seen from a side in a step that asks for some training entities."""
        if not self.subject.contrast.context:
            return self.side_of_measured(self._sides[name], rows, everyone=True)
        return self._sides[name].view(self.subject.mask(rows) | self.subject.held_out.to(rows.device))

    def measure(self, head: nn.Module, unify: Unify, rows: Tensor) -> Tensor | None:
        """Return the mean loss over every two modalities, each over the entities that have both."""
        subject, places = self.subject, []
        everyone = not subject.contrast.context
        has = torch.stack([subject.has(name, rows) for name in self._sides], dim=1)
        for number, (name, side) in enumerate(self._sides.items()):
            view = self.side_of_measured(side, rows, everyone=everyone)
            states = unify({subject.entity: rows}, view)[subject.entity]
            places.append(head(name, states[has[:, number]], has[:, number]))
        return self._loss(torch.stack(places, dim=1), has)


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

    def forward(self, name: str, states: Tensor, has: Tensor) -> Tensor:
        """Return vectors of one modality: as that which is compared, and as that which it is compared with.

        Args:
            name: The modality.
            states: The states of the entities that have it, as it shows them, [S, C].
            has: Which of the entities these are, bool [R].

        Returns:
            [R, 2, D + 1], 0 where an entity lacks it; inner products of a first and a second are logits.
        """
        place = self.maps[name](states)
        vectors = not_half(torch.stack(self.scale(place, place), dim=1))
        return vectors.new_zeros(len(has), *vectors.shape[1:]).index_put((has,), vectors)
