"""What turns the states of both sides of entities into vectors whose inner products say what goes together.

Shapes: R entities, C channels of the model, D of the common space, P and Q widths of the two modalities, C'
of the space of their correlations.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmgraph.tasks.closed_form import ClosedForm
from mmgraph.tasks.matching_options import MatchingOptions
from mmgraph.tasks.objectives import Contrast, not_half

SideName = Literal["query", "answer"]


class PairHead(nn.Module):
    """Maps both sides of entities into a common space, of which what has a closed form may be a part.

    Then a logit is the sum of both likenesses, each over a temperature that is learnt, and that of the states
    has a weight which begins at 0: training begins with the closed form, and adds to it what it finds
    (as in ReZero, `Bachlechner et al. 2021 <https://arxiv.org/abs/2003.04887>`_).

    Args:
        channels: Width of the unified states, C.
        contrast: Says how wide the space is, and how likeness becomes a logit.
        ridge: What regression and correlations say, fitted or yet to be; nothing for states alone.
        temperature: Of that, at the beginning.
    """

    def __init__(
        self,
        channels: int,
        contrast: Contrast | MatchingOptions,
        ridge: ClosedForm | None = None,
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        self.query = nn.Linear(channels, contrast.channels)
        self.answer = nn.Linear(channels, contrast.channels)
        self.scale = contrast.make_scale()
        self.ridge = ridge
        if ridge is not None:
            self.learnt = nn.Parameter(torch.zeros(()))
            self.log_ridge = nn.Parameter(torch.tensor(-math.log(temperature)))

    def begin_with(self, ridge: ClosedForm, temperature: float, bias: float | None = None) -> None:
        """Begin with regression and correlations.

        Args:
            ridge: What it says.
            temperature: Of that.
            bias: Of the logits; nothing for the usual one of the loss.
        """
        self.ridge = ridge
        with torch.no_grad():
            self.log_ridge.fill_(-math.log(temperature))
            if bias is not None:
                assert self.scale.bias is not None, "the loss asks of each pair by itself"
                self.scale.bias.fill_(bias)

    def forward(
        self, query: Tensor, answer: Tensor, pairs: tuple[Tensor, Tensor, Tensor] | None = None
    ) -> Tensor:
        """Return vectors whose inner products are logits, float32 [R, 2, D + 1] or with P + Q + C' more.

        Args:
            query: The states of the entities as their queries are seen, [R, C].
            answer: As their answers are seen, [R, C].
            pairs: What the closed form reads: the modalities themselves, [R, P] and [R, Q], and the fold of
                which the maps shall know nothing, int64 [R].
        """
        query, answer = self.scale(self.query(query), self.answer(answer))
        if self.ridge is not None:
            assert pairs is not None, "the closed form is given what it reads"
            by_query, by_answer = self.ridge(*pairs)
            query = self._with_ridge("query", query, by_query)
            answer = self._with_ridge("answer", answer, by_answer)
        return not_half(torch.stack([query, answer], dim=1))

    def of_side(
        self, side: SideName, states: Tensor, features: Tensor, fold: Tensor, *, at: Tensor | None = None
    ) -> Tensor:
        """Return the vectors of one side of entities, as :meth:`forward` makes them, [R, D + 1] or more.

        Args:
            side: Which of both.
            states: Of the entities as they are seen from this side, [R, C].
            features: The modality of this side, which the closed form reads, [R, P] or [R, Q].
            fold: The fold of which the maps shall know nothing, int64 [R].
            at: Features by whose lengths its vectors are divided; by default their own.
        """
        both = self.scale(self.query(states), self.answer(states))
        own: Tensor = both[0 if side == "query" else 1]
        if self.ridge is not None:
            closed = self.ridge.of_query if side == "query" else self.ridge.of_answer
            own = self._with_ridge(side, own, closed(features, fold, at))
        return not_half(own)

    def without_closed_form(self, vectors: Tensor) -> Tensor:
        """Return vectors of :meth:`of_side` in which the closed form says nothing of their entities."""
        width = self.query.out_features + 1
        return torch.cat([vectors[:, :width], torch.zeros_like(vectors[:, width:])], dim=1)

    def _with_ridge(self, side: SideName, by_states: Tensor, closed: Tensor) -> Tensor:
        if side == "answer":
            return torch.cat([by_states, closed], dim=1)
        # The last number of a state's vector is the bias, which is there from the beginning.
        likeness, bias = by_states[:, :-1], by_states[:, -1:]
        return torch.cat([self.learnt * likeness, bias, self.log_ridge.exp() * closed], dim=1)

    def place(self, side: SideName, states: Tensor, features: Tensor, fold: Tensor) -> Tensor:
        """Return where one side of entities lies: vectors of length 1, whose cosines rank as logits do.

        Args:
            side: Which of both.
            states: Of the entities as they are seen from this side, [R, C].
            features: The modality of this side, which ridge regression reads, [R, P] or [R, Q].
            fold: The fold of which the maps shall know nothing, int64 [R].
        """
        is_query = side == "query"
        place = functional.normalize((self.query if is_query else self.answer)(states), dim=1)
        if self.ridge is None:
            return place
        by_ridge = (self.ridge.of_query if is_query else self.ridge.of_answer)(features, fold)
        if is_query:
            # As in the logits: their temperatures and the weight of the states stand on the side of queries.
            place = self.learnt * self.scale.factor * place
            by_ridge = self.log_ridge.exp() * by_ridge
        return functional.normalize(torch.cat([place, by_ridge], dim=1), dim=1)
