"""The base of what a model can be asked for without labels.

Shapes: N entities, R of them that are asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.graph.schema import GraphSchema, Triple
from mmgraph.models.graph_batch import GraphBatch, View
from mmgraph.tasks.content import Content
from mmgraph.tasks.objectives import Contrast
from mmgraph.tasks.side import Side
from mmgraph.tasks.step import Encode, Unify

Option = Literal["contrast", "mask_share", "classes"]


@dataclass(frozen=True, eq=False)
class Subject:
    """What is asked about.

    Args:
        entity: The entity type.
        schema: The node types and edge types of the graph.
        content: What each modality holds, by its name.
        held_out: Which entities are held out, bool [N].
        contrast: How two kinds of states are brought together.
        mask_share: The share that is hidden of what is to be found again.
        links: The relations that tie entities to entities, in their own direction, int64 [2, E]; nothing
            where no objective asks for them.
        classes: The class of each entity, int64 [N], below 0 where it is not known; nothing where no
            objective reads it.
    """

    entity: str
    schema: GraphSchema
    content: Mapping[str, Content]
    held_out: Tensor
    contrast: Contrast
    mask_share: float
    links: Mapping[Triple, Tensor] = field(default_factory=dict)
    classes: Tensor | None = None

    def some(self, rows: Tensor, share: float) -> Tensor:
        """Return about a share of some rows, at random; all where that would be less than two."""
        chosen = torch.rand(len(rows), device=rows.device) < share
        return chosen if int(chosen.sum()) > 1 else torch.ones_like(chosen)

    def mask(self, rows: Tensor) -> Tensor:
        """Return which entities some rows are, bool [N]."""
        asked = torch.zeros(len(self.held_out), dtype=torch.bool, device=rows.device)
        asked[rows] = True
        return asked

    def has(self, modality: str, rows: Tensor) -> Tensor:
        """Return which of some entities have a modality, bool [R]."""
        return self.content[modality].has.to(rows.device)[rows]

    def make_maps(self, channels: int) -> nn.Module:
        """Return a linear map from unified states to the features of each modality, with fresh weights.

        Args:
            channels: The width of the unified states.
        """
        maps: nn.Module = ModuleDict(
            {name: nn.Linear(channels, held.channels) for name, held in self.content.items()}
        )
        return maps

    def any_modality(self) -> str:
        """Return a modality at random."""
        names = list(self.content)
        return names[int(torch.randint(len(names), ()))]


class Pretext(ABC):
    """Something to be asked of entities to which the graph itself has the answer.

    Args:
        subject: What is asked about.
    """

    least_modalities = 1
    """How many modalities the entity type must have."""
    reads: tuple[Option, ...] = ()
    """Which options of the subject it reads, beside what is asked about."""
    needs_links = False
    """Whether it asks for edges between entities."""
    only_whole: str | None = None
    """Why a step must see the whole graph; nothing where a sample does."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self._views: dict[tuple[Side, bool, torch.device], View] = {}

    @abstractmethod
    def make_head(self, channels: int) -> nn.Module:
        """Return what is learnt beside the model, with fresh weights.

        Args:
            channels: The width of the unified states.
        """

    @abstractmethod
    def step(
        self, head: nn.Module, encode: Encode, batch: GraphBatch, rows: Tensor, here: Tensor
    ) -> Tensor | None:
        """Return the loss of a batch of training, a scalar of float32; nothing where it asks for nothing.

        Args:
            head: What :meth:`make_head` made.
            encode: The model.
            batch: The whole graph, or a sample for the rows.
            rows: The training entities, int64 [R].
            here: Their numbers in the batch, int64 [R].
        """

    def side_of_measured(self, side: Side, rows: Tensor, *, everyone: bool = False) -> View:
        """Return what is seen where entities are measured from a side: held-out ones, or else everyone.

        Args:
            side: The side.
            rows: The entities that are measured, int64 [R].
            everyone: Whether all entities are looked at from the side in any case.
        """
        held_out = self.subject.held_out.to(rows.device)
        everyone = everyone or not bool(held_out[rows].all())
        key = (side, everyone, rows.device)
        if key not in self._views:
            self._views[key] = side.view(held_out | everyone)
        return self._views[key]

    @abstractmethod
    def measure(self, head: nn.Module, unify: Unify, rows: Tensor) -> Tensor | None:
        """Return the loss of entities, which is always the same for the same weights.

        Args:
            head: What :meth:`make_head` made.
            unify: The trained model.
            rows: Which entities, int64 [R].
        """
