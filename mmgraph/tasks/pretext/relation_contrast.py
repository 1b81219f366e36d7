"""Entities that a relation ties are to be alike, and unlike those that it does not tie.

Shapes: E edges, B of them that stand against each other, C channels of the model, D of the common space.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, nn

from mmgraph.graph.schema import Triple
from mmgraph.tasks.objectives import Contrast, Kin
from mmgraph.tasks.pretext.hidden_links import HiddenLinks

_MOST = 1 << 12
"""How many edges stand against each other, at the most: their likeness is a square."""


class RelationContrast(HiddenLinks):
    """Contrastive alignment of the two ends of edges that are left out.

    Of each source and each target one edge at random is in a step, so that every other target is a wrong one;
    but those that the source is tied to, or that are the source itself, are left out, whatever
    ``contrastive.related`` says. Unlike :class:`LinkReconstruction`, where a target stands against a few that
    are drawn from all, it stands against all targets of the step, in both directions.

    Args:
        subject: What is asked about.
    """

    reads = ("mask_share", "contrast")
    only_whole = "relation_contrast asks for edges between entities of which a sample has few"

    def part(self, triple: Triple, channels: int) -> nn.Module:  # noqa: ARG002 - a space for each
        """Return maps of sources and of targets into a common space, and the scale of likeness."""
        return LinkEnds(channels, self.subject.contrast)

    def loss(
        self,
        part: nn.Module,
        triple: Triple,
        ends: tuple[Tensor, Tensor],
        asked: Tensor,
        generator: torch.Generator | None,
    ) -> Tensor:
        """Return the contrastive loss of edges; see :meth:`HiddenLinks.loss`."""
        order = torch.randperm(asked.shape[1], generator=generator)
        asked = _each_once(_each_once(asked[:, order], 0), 1)[:, :_MOST]
        device = ends[0].device
        query, answer = part(*(states[nodes.to(device)] for states, nodes in zip(ends, asked, strict=True)))
        tied = self._tied(triple, asked).to(device)
        contrast = dataclasses.replace(self.subject.contrast, related="ignored", hard_negatives=1.0)
        return contrast.of(query, answer, Kin(tied, tied[:, :0]))

    def _tied(self, triple: Triple, asked: Tensor) -> Tensor:
        """Return which sources go with the targets of other edges, places among the edges, int64 [2, P].

        Args:
            triple: The relation.
            asked: The edges, of which no two have an end in common, int64 [2, B].
        """
        places = []
        for end, nodes in enumerate(asked):
            place = torch.full((self.size(triple[2 * end]),), -1)
            place[nodes] = torch.arange(len(nodes))
            places.append(place)
        known = [self.subject.links[triple]]
        if triple[0] == triple[2]:
            known += [known[0].flip(0), asked[0].expand(2, -1)]
        source, target = torch.cat(known, dim=1)
        one, other = places[0][source], places[1][target]
        kept = (one >= 0) & (other >= 0) & (one != other)
        tied: Tensor = torch.unique(torch.stack([one[kept], other[kept]]), dim=1)
        return tied


class LinkEnds(nn.Module):
    """Maps the ends of edges into a common space.

    Args:
        channels: Width of the unified states, C.
        contrast: Says how wide the space is, and how likeness becomes a logit.
    """

    def __init__(self, channels: int, contrast: Contrast) -> None:
        super().__init__()
        self.source = nn.Linear(channels, contrast.channels)
        self.target = nn.Linear(channels, contrast.channels)
        self.scale = contrast.make_scale()

    def forward(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return vectors whose inner products say how well sources go with targets, [B, D + 1] each.

        Args:
            source: The states of sources, [B, C].
            target: Those of targets, [B, C].
        """
        vectors: tuple[Tensor, Tensor] = self.scale(self.source(source), self.target(target))
        return vectors


def _each_once(edges: Tensor, end: int) -> Tensor:
    """Return the first edge of each node at one end, in the order in which they stand, int64 [2, B]."""
    nodes, number = torch.unique(edges[end], return_inverse=True)
    first = torch.full_like(nodes, len(number)).scatter_reduce(0, number, torch.arange(len(number)), "amin")
    return edges[:, first.sort().values]
