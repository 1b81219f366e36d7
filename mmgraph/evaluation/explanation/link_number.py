"""The number of a link that is explained: how much likelier its target is than the others of its source.

Shapes: C width of the states, T targets.
"""

from __future__ import annotations

import functools
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from mmgraph.evaluation.explanation.number import Beside, Number, Rivals
from mmgraph.tasks.link_head import LinkHead

End = Literal["source", "target"]


@dataclass(frozen=True, eq=False)
class LinkNumber(Number):
    """The log-odds of a link's target among all targets of its source, as one end makes them.

    The other end and all other targets stay as the run sees them.

    Args:
        end: Whose state makes the number.
        head: Scores links.
        source: The state of the source, [1, C].
        targets: Those of all targets, [T, C].
        rivals: The target, and those that it is compared with.
        said: What the training links say of all targets, [1, T, 2]; nothing where the head does not ask.
        title: Of the target.
    """

    end: End
    head: LinkHead
    source: Tensor
    targets: Tensor
    rivals: Rivals
    said: Tensor | None
    title: str

    @property
    def structure(self) -> bool:
        """Whether what links say of both ends adds to the score."""
        return self.said is not None

    @property
    def unit(self) -> str:
        """What the number is, in words."""
        return f"log-odds of {self.title} among {len(self.rivals):,} targets"

    def of(self, state: Tensor, lost: Collection[Beside] = (), features: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Return the number; see :class:`Number`."""
        return self.rivals.log_odds(self.scores(state, lost))

    def rank(self, state: Tensor, lost: Collection[Beside] = ()) -> float:
        """Return the rank of the target among those that the source is not known to be linked to."""
        return self.rivals.rank(self.scores(state, lost))

    def scores(self, state: Tensor, lost: Collection[Beside] = ()) -> Tensor:
        """Return the score of each target, float64 [T].

        Args:
            state: Of the end, [1, C].
            lost: See :class:`Number`.
        """
        said = self.said
        if said is not None and "structure" in lost:
            # Of a target that nothing is known of, the others keep what is known of them.
            kept = torch.zeros_like(said)
            said = kept if self.end == "source" else said * self._not_asked[None, :, None]
        if self.end == "source":
            return self.head.against_all(state, self.targets, said)[0].double()
        place = self.rivals.place
        asked = None if said is None else said[:, place : place + 1]
        own = self.head.against_all(self.source, state, asked)[0].double()
        return torch.where(self._not_asked, self._as_they_are, own)

    @functools.cached_property
    def _not_asked(self) -> Tensor:
        return torch.arange(len(self.targets)) != self.rivals.place

    @functools.cached_property
    def _as_they_are(self) -> Tensor:
        with torch.no_grad():
            return replace(self, end="source").scores(self.source)
