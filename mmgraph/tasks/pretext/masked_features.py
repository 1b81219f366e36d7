"""Values of features that are hidden are to be found again from the others and from neighbours.

Shapes: N entities, R of them that are asked for, M nodes of a modality, D width of the features.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.layers.groups import OF
from mmgraph.models.graph_batch import GraphBatch, View
from mmgraph.tasks.objectives import masked_squared_error
from mmgraph.tasks.pretext.pretext import Pretext, Subject
from mmgraph.tasks.step import Encode, Unify

_SEED = 0


class MaskedFeatures(Pretext):
    """Sets a share of the values of a modality's features to 0, and asks for them.

    A step takes one modality at random. The loss is the squared error of a linear map of the unified states,
    on the scale of the entities that are asked for: less their mean, by their standard deviation.

    Args:
        subject: What is asked about.
    """

    reads = ("mask_share",)

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self._measured: dict[tuple[str, Tensor], tuple[Tensor, View]] = {}

    def make_head(self, channels: int) -> nn.Module:
        """Return a linear map from unified states to the features of each modality."""
        return self.subject.make_maps(channels)

    def step(
        self, head: nn.Module, encode: Encode, batch: GraphBatch, rows: Tensor, here: Tensor
    ) -> Tensor | None:
        """Return the error of one modality of the rows that have it."""
        name = self.subject.any_modality()
        kept = self.subject.has(name, rows)
        rows, here = rows[kept], here[kept]
        if not len(rows):
            return None
        share = torch.rand(len(rows), self.subject.content[name].channels, device=rows.device)
        masked = share < self.subject.mask_share
        state = encode(self._view(name, rows, masked)(batch))[self.subject.entity][here].float()
        return self._error(head, name, state, rows, masked)

    def measure(self, head: nn.Module, unify: Unify, rows: Tensor) -> Tensor | None:
        """Return the mean error over all modalities, with the same values hidden each time."""
        errors = []
        for name in self.subject.content:
            kept = self.subject.has(name, rows)
            if kept.any():
                masked, view = self._fixed(name, rows, rows[kept])
                state = unify({self.subject.entity: rows}, view)[self.subject.entity][kept]
                errors.append(self._error(head, name, state, rows[kept], masked))
        return torch.stack(errors).mean() if errors else None

    def _fixed(self, name: str, key: Tensor, rows: Tensor) -> tuple[Tensor, View]:
        """Return which values are hidden where something is measured, and what is seen then."""
        if (name, key) not in self._measured:
            generator = torch.Generator().manual_seed(_SEED)
            share = torch.rand(len(rows), self.subject.content[name].channels, generator=generator)
            masked = (share < self.subject.mask_share).to(rows.device)
            self._measured[name, key] = (masked, self._view(name, rows, masked))
        return self._measured[name, key]

    def _view(self, name: str, rows: Tensor, masked: Tensor) -> View:
        """Return what is seen where values of entities are hidden.

        Args:
            name: The modality.
            rows: The entities, int64 [R].
            masked: Which of their values, bool [R, D].
        """
        entity, modality = self.subject.entity, f"{self.subject.entity}/{name}"
        place = torch.full((len(self.subject.held_out),), -1, device=rows.device)
        place[rows] = torch.arange(len(rows), device=rows.device)

        def see(batch: GraphBatch) -> GraphBatch:
            of, x = batch.edge_index_dict.get((modality, OF, entity)), batch.x_dict.get(modality)
            if of is None or x is None:
                return batch
            entities = of[1] if batch.sample is None else batch.sample.numbers[entity][of[1]]
            known = place[entities] >= 0
            hidden = torch.zeros_like(x, dtype=torch.bool)
            hidden[of[0][known]] = masked[place[entities[known]]]
            return batch._replace(x_dict={**batch.x_dict, modality: x.masked_fill(hidden, 0.0)})

        return see

    def _error(self, head: nn.Module, name: str, state: Tensor, rows: Tensor, masked: Tensor) -> Tensor:
        assert isinstance(head, ModuleDict)
        wanted = self.subject.content[name].of(rows)
        deviation, mean = torch.std_mean(wanted, dim=0, correction=0)
        # A value that all have alike is its own mean, and 0.
        scaled = (wanted - mean) / deviation.clamp_min(1e-6)
        return masked_squared_error(head[name](state), scaled, masked)
