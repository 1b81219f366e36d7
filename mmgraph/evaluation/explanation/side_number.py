"""The number of a retrieval or a matching that is explained: how well a query and an answer go together.

Shapes: C width of the states, D of the space in which both sides are compared, R entities of a gallery.
"""

from __future__ import annotations

import functools
from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from mmgraph.evaluation.explanation.number import Beside, Content, Number, Rivals
from mmgraph.tasks.pair_head import PairHead, SideName


@dataclass(frozen=True, eq=False)
class SideNumber(Number):
    """How well a query and an answer go together, as one side makes it; the other side stays as it is.

    Args:
        side: Whose state makes the number.
        head: Places both sides.
        query: The query, [1, D].
        answers: The answers of the gallery, [R, D].
        rivals: Of a retrieval the answer and those that it is compared with: the number is its log-odds among
            them. Of a matching the answer alone: the number is the log-odds that both belong together.
        read: The modality of this side; nothing where the head has no closed form that reads it.
        fold: The fold of the entity, of which the closed form shall know nothing, int64 [1].
        words: What the number is.
    """

    side: SideName
    head: PairHead
    query: Tensor
    answers: Tensor
    rivals: Rivals
    read: Content | None
    fold: Tensor
    words: str

    @property
    def unit(self) -> str:
        """What the number is, in words."""
        return self.words

    @property
    def content(self) -> Content | None:
        """The modality that it reads beside the state, if it does."""
        return self.read

    def of(self, state: Tensor, lost: Collection[Beside] = (), features: Tensor | None = None) -> Tensor:
        """Return the number; see :class:`Number`."""
        scores = self.scores(state, lost, features)
        return self.rivals.log_odds(scores) if len(self.rivals) > 1 else scores[self.rivals.place]

    def rank(self, state: Tensor, lost: Collection[Beside] = ()) -> float | None:
        """Return the rank of the answer in the gallery; nothing of a matching."""
        return self.rivals.rank(self.scores(state, lost)) if len(self.rivals) > 1 else None

    def scores(self, state: Tensor, lost: Collection[Beside] = (), features: Tensor | None = None) -> Tensor:
        """Return how well the query goes with each answer, float64 [R].

        Args:
            state: Of the entity as this side shows it, [1, C].
            lost: See :class:`Number`.
            features: See there.
        """
        own = self.vector(state, lost, features).double()
        if self.side == "query":
            return self.answers.double() @ own[0]
        mine = (own @ self.query[0].double()).squeeze(0)
        asked = torch.arange(len(self.answers)) == self.rivals.place
        return torch.where(asked, mine, self._as_they_are)

    def vector(self, state: Tensor, lost: Collection[Beside] = (), features: Tensor | None = None) -> Tensor:
        """Return where the entity lies, [1, D]; see :meth:`scores`."""
        if self.read is None:
            return self.head.of_side(self.side, state, state[:, :0], self.fold)
        own = self.read.features
        at = None if features is None else own
        vector = self.head.of_side(self.side, state, own if features is None else features, self.fold, at=at)
        return self.head.without_closed_form(vector) if "content" in lost else vector

    @functools.cached_property
    def _as_they_are(self) -> Tensor:
        return self.answers.double() @ self.query[0].double()
