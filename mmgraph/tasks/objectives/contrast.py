"""How two kinds of states are brought together, with what a graph says about which pairs are related.

Shapes: R pairs, D width.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import torch
from torch import Tensor

from mmgraph.errors import ConfigError, did_you_mean
from mmgraph.graph.schema import GraphSchema
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.tasks.labels import Labels
from mmgraph.tasks.objectives.info_nce import info_nce
from mmgraph.tasks.objectives.logit_scale import LogitScale
from mmgraph.tasks.objectives.pair_sigmoid import pair_sigmoid
from mmgraph.tasks.objectives.related import (
    Kin,
    neighbours_in,
    related_in,
    shared_target,
    two_steps_away,
)
from mmgraph.tasks.objectives.sparse_pairs import SparsePairs
from mmgraph.tasks.refuse import refuse_set

ContrastName = Literal["info_nce", "sigmoid"]
Related = Literal["negative", "ignored", "shared"]

_FIRST_BIAS = -10.0
"""Of SigLIP."""


@dataclass(frozen=True)
class Contrast:
    """A contrastive loss.

    Args:
        loss: ``info_nce``, the symmetric loss of CLIP, or ``sigmoid``, the pairwise one of SigLIP.
        temperature: Of the logits at the beginning; it is learnt.
        related: What two entities are that an edge ties: ``negative``, as any others; ``ignored``, no
            negatives of each other; or ``shared``, right answers in part.
        related_by: The relations whose edges tie them; nothing for all between two entities.
        share: With ``shared``, the part of the target that an entity's relatives have together.
        hard_negatives: How much an entity counts as a negative that has a neighbour in common with the other
            one, of whichever type, and is no relative of it; 1 as any other.
        channels: Width of the space in which both are compared.
        context: With the whole graph in each step, the share of training entities that a step does not ask
            for, and sees as a whole.
        ridge: Of a retrieval: whether the likeness that is learnt adds to that by ridge regression and
            canonical correlations between both modalities.
        chunk: How many entities of a sampled step pass the model at a time; nothing for all.
    """

    loss: ContrastName = "info_nce"
    temperature: float = 0.07
    related: Related = "negative"
    related_by: tuple[str, ...] | None = None
    share: float = 0.1
    hard_negatives: float = 1.0
    channels: int = 128
    context: float = 0.2
    ridge: bool = True
    chunk: int | None = None

    def refuse(self, labels: Labels) -> None:
        """Refuse whatever was set, for a task that brings no two kinds of states together.

        Args:
            labels: What the graph says about the task.

        Raises:
            ConfigError: If something was set.
        """
        usual = Contrast()
        settings = {f"contrastive.{key}": (value, getattr(usual, key)) for key, value in asdict(self).items()}
        refuse_set(labels, "has no contrastive loss", settings)

    def require_relations(self, schema: GraphSchema, entity: str) -> None:
        """Refuse relations that tie no two entities of a type.

        Args:
            schema: The node types and edge types of the graph.
            entity: The entity type.

        Raises:
            ConfigError: If there are any.
        """
        tying = sorted({t.relation for t in schema.edge_types if (t.source, t.target) == (entity, entity)})
        for name in self.related_by or ():
            if name not in tying:
                raise ConfigError(
                    f"got {name!r}, which is no relation that ties two {entity!r} entities",
                    where="contrastive.related_by",
                    fix=did_you_mean(name, tying),
                )
        if self.related_by is not None and self.related == "negative" and self.hard_negatives == 1:
            raise ConfigError(
                f"got {', '.join(self.related_by)}, but nothing is made of who is tied",
                where="contrastive.related_by",
                fix="Set contrastive.related to ignored or shared, or contrastive.hard_negatives above 1.",
            )

    def kin_in(self, batch: GraphBatch, entity: str, here: Tensor) -> Kin | None:
        """Return what matters of what a graph says about pairs of entities; nothing where nothing does.

        Args:
            batch: The graph, or a sample of it.
            entity: The entity type.
            here: The entities as the batch numbers them, each once, int64 [R].
        """
        if self.related == "negative" and self.hard_negatives == 1:
            return None
        related = related_in(batch, entity, here, by=self.related_by)
        if self.hard_negatives == 1:
            return Kin(related, related[:, :0])
        return Kin(related, two_steps_away(neighbours_in(batch, entity, here), related, len(here)))

    def make_scale(self) -> LogitScale:
        """Return what makes logits of likeness, with fresh weights."""
        bias = _FIRST_BIAS if self.loss == "sigmoid" else None
        return LogitScale(temperature=self.temperature, bias=bias)

    def of(self, query: Tensor, answer: Tensor, kin: Kin | None = None, fold: Tensor | None = None) -> Tensor:
        """Return the loss of some pairs, a scalar.

        Args:
            query: Vectors whose inner products are logits, [R, D].
            answer: The answer that belongs to each, [R, D].
            kin: What a graph says about their entities; nothing if nothing is known of that.
            fold: Which of several parts each pair is in, int64 [R]: it is told apart from those of the same
                part alone. Nothing for one part.
        """
        if fold is None:
            return self._among(query, answer, kin)
        losses = []
        for number in torch.unique(fold):
            rows = (fold == number).nonzero().squeeze(1)
            part = None if kin is None else kin.among(rows, len(fold))
            losses.append(self._among(query[rows], answer[rows], part) * (len(rows) / len(fold)))
        return torch.stack(losses).sum()

    def _among(self, query: Tensor, answer: Tensor, kin: Kin | None) -> Tensor:
        loss = info_nce if self.loss == "info_nce" else pair_sigmoid
        return loss(query, answer, None if kin is None else self._said(query, kin))

    def _said(self, query: Tensor, kin: Kin) -> SparsePairs:
        """Return how right pairs are, and how much they count, by what a graph says about them."""
        own, parts = SparsePairs.own(query), []
        if self.related == "shared":
            right, target = shared_target(kin.related, len(query), self.share)
            own = own._replace(target=right.to(query))
            parts.append(SparsePairs(kin.related, target.to(query), query.new_ones(len(target))))
        if self.related == "ignored":
            nothing = query.new_zeros(kin.related.shape[1])
            parts.append(SparsePairs(kin.related, nothing, nothing))
        if self.hard_negatives != 1:
            wrong = query.new_zeros(kin.alike.shape[1])
            parts.append(SparsePairs(kin.alike, wrong, torch.full_like(wrong, self.hard_negatives)))
        return SparsePairs.of(own, *parts)
