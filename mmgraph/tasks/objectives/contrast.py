"""How two kinds of states are brought together, with what a graph says about which pairs are related.

Shapes: R pairs, D width.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import torch
from torch import Tensor

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
        share: With ``shared``, the part of the target that an entity's relatives have together.
        hard_negatives: How much an entity counts as a negative that has a neighbour in common with the other
            one, of whichever type, and is no relative of it; 1 as any other.
        channels: Width of the space in which both are compared.
        context: With the whole graph in each step, the share of training entities that a step does not ask
            for, and sees as a whole.
        ridge: Of a retrieval: whether the likeness that is learnt adds to that by ridge regression and
            canonical correlations between both modalities.
    """

    loss: ContrastName = "info_nce"
    temperature: float = 0.07
    related: Related = "negative"
    share: float = 0.1
    hard_negatives: float = 1.0
    channels: int = 128
    context: float = 0.2
    ridge: bool = True

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

    def kin_in(self, batch: GraphBatch, entity: str, here: Tensor) -> Kin | None:
        """Return what matters of what a graph says about pairs of entities; nothing where nothing does.

        Args:
            batch: The graph, or a sample of it.
            entity: The entity type.
            here: The entities as the batch numbers them, each once, int64 [R].
        """
        if self.related == "negative" and self.hard_negatives == 1:
            return None
        related = related_in(batch, entity, here)
        if self.hard_negatives == 1:
            return Kin(related, torch.zeros_like(related))
        return Kin(related, two_steps_away(neighbours_in(batch, entity, here), related))

    def make_scale(self) -> LogitScale:
        """Return what makes logits of likeness, with fresh weights."""
        bias = _FIRST_BIAS if self.loss == "sigmoid" else None
        return LogitScale(temperature=self.temperature, bias=bias)

    def of(self, logits: Tensor, kin: Kin | None = None, compared: Tensor | None = None) -> Tensor:
        """Return the loss of some pairs, a scalar.

        Args:
            logits: How well each goes with each, [R, R]; row i and column i are a pair.
            kin: What a graph says about them; nothing if nothing is known of that.
            compared: Which pairs are told apart from the right ones, bool [R, R]; nothing for all.
        """
        target = weight = None
        counts = compared
        if kin is not None and self.related == "shared":
            related = kin.related if compared is None else kin.related & compared
            target = shared_target(related, self.share).to(logits)
        if kin is not None and self.hard_negatives != 1:
            weight = 1 + (self.hard_negatives - 1) * kin.alike.to(logits)
        if kin is not None and self.related == "ignored":
            counts = ~kin.related if compared is None else compared & ~kin.related
        if counts is not None:
            weight = counts if weight is None else weight * counts
        loss = info_nce if self.loss == "info_nce" else pair_sigmoid
        return loss(logits, target=target, weight=weight)
