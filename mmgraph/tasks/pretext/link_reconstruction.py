"""Edges that are left out are to be found again from the states of their ends.

Shapes: E edges, B of them that are asked for, K drawn targets.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmgraph.graph.schema import Triple
from mmgraph.tasks.decoders import make_decoder
from mmgraph.tasks.pretext.hidden_links import HiddenLinks
from mmgraph.tasks.pretext.pretext import Subject

_AGAINST = 10
"""How many targets are drawn to stand against the true one."""


class LinkReconstruction(HiddenLinks):
    """Asks where edges led that are left out.

    The loss is the cross-entropy of the true target among targets that are drawn from all, less those that
    the source is tied to; the score is DistMult (`Yang et al. 2015 <https://arxiv.org/abs/1412.6575>`_). That
    edges are found again by an encoder of the graph is the graph autoencoder of `Kipf and Welling 2016
    <https://arxiv.org/abs/1611.07308>`_.

    Args:
        subject: What is asked about.
    """

    only_whole = "link_reconstruction asks for edges between entities of which a sample has few"

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self._known = {
            triple: torch.unique(_keys(edges[0], edges[1], self.size(triple[2])))
            for triple, edges in subject.links.items()
        }

    def part(self, triple: Triple, channels: int) -> nn.Module:  # noqa: ARG002 - all are scored alike
        """Return what scores edges by the states of their ends."""
        return make_decoder("distmult", channels)

    def loss(
        self,
        part: nn.Module,
        triple: Triple,
        ends: tuple[Tensor, Tensor],
        asked: Tensor,
        generator: torch.Generator | None,
    ) -> Tensor:
        """Return the cross-entropy of the true targets of edges; see :meth:`HiddenLinks.loss`."""
        against = torch.randint(self.size(triple[2]), (asked.shape[1], _AGAINST), generator=generator)
        return self._loss(part, triple, ends, asked, against)

    def _loss(
        self, decoder: nn.Module, triple: Triple, ends: tuple[Tensor, Tensor], asked: Tensor, against: Tensor
    ) -> Tensor:
        """Return the cross-entropy of the true targets of edges, among those that are drawn.

        Args:
            decoder: Scores them.
            triple: The relation.
            ends: The states of all sources and of all targets.
            asked: The edges, int64 [2, B].
            against: The drawn targets, int64 [B, K].
        """
        source, true = asked
        known, drawn = self._known[triple], _keys(source[:, None], against, self.size(triple[2]))
        linked = known[torch.searchsorted(known, drawn).clamp(max=len(known) - 1)] == drawn
        device = ends[0].device
        targets = torch.cat([true[:, None], against], dim=1).to(device)
        scores: Tensor = decoder(ends[0][source.to(device), None], ends[1][targets])
        scores = scores.masked_fill(F.pad(linked, (1, 0)).to(device), -torch.inf)
        return F.cross_entropy(scores, torch.zeros(len(scores), dtype=torch.int64, device=device))


def _keys(source: Tensor, target: Tensor, num_target: int) -> Tensor:
    return source * num_target + target
