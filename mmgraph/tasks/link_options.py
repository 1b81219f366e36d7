"""What a training says about a task that asks for links."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from mmgraph.sampling.negatives import Negatives, Strategy
from mmgraph.tasks.decoders import DecoderName
from mmgraph.tasks.labels import Labels
from mmgraph.tasks.refuse import refuse_set

LinkLossName = Literal["binary", "softmax"]


@dataclass(frozen=True)
class LinkOptions:
    """How links are scored and learnt.

    Args:
        decoder: What makes a score of the states of both ends.
        loss: ``binary``, the cross-entropy of each link and of the links that are not there, which weigh as
            much together; ``softmax``, that of the true target among it and those drawn to stand against it.
        negatives: How targets are drawn that a source is not linked to.
        num_negatives: How many for each link.
        asked: Of the training links, the share that a step asks for, and leaves out of the edges, where it
            sees the whole graph.
        structure: Whether a score also counts paths between both ends, and the degree of the target.
    """

    decoder: DecoderName = "dot"
    loss: LinkLossName = "softmax"
    negatives: Strategy = "uniform"
    num_negatives: int = 10
    asked: float = 0.3
    structure: bool = False

    def refuse(self, labels: Labels) -> None:
        """Refuse whatever was set, for a task that asks for no links.

        Args:
            labels: What the graph says about the task.

        Raises:
            ConfigError: If something was set.
        """
        usual = LinkOptions()
        settings = {f"links.{key}": (value, getattr(usual, key)) for key, value in asdict(self).items()}
        refuse_set(labels, "asks for no links", settings)

    @property
    def sampling(self) -> Negatives:
        """How the targets are drawn, as loaders take it."""
        return Negatives(self.negatives, mode="triplet", amount=self.num_negatives)

    def loss_of(self, scores: Tensor) -> Tensor:
        """Return the mean loss of some links, a scalar.

        Args:
            scores: Of each link, and behind it of the links that stand against it, [B, 1 + K].

        Example:
            >>> even = torch.zeros(2, 4)
            >>> LinkOptions(loss="softmax").loss_of(even), LinkOptions(loss="binary").loss_of(even)
            (tensor(1.3863), tensor(1.3863))
        """
        if self.loss == "softmax":
            return F.cross_entropy(scores, torch.zeros(len(scores), dtype=torch.long, device=scores.device))
        return F.softplus(-scores[:, 0]).mean() + F.softplus(scores[:, 1:]).mean()
