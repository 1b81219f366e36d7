"""Links as pairs that are explained: each target is compared with all that its source has no link to."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from mmgraph.errors import GraphError
from mmgraph.evaluation.explanation.link_number import End, LinkNumber
from mmgraph.evaluation.explanation.number import Rivals
from mmgraph.evaluation.explanation.pairs import Pair, Pairs, title_of
from mmgraph.tasks import LinkPrediction
from mmgraph.tasks.link_head import LinkHead
from mmgraph.tasks.task_links import TaskLinks


class LinkPairs(Pairs):
    """The links that a run scores, known ones and others."""

    @property
    def roles(self) -> tuple[str, str]:
        """What both ends are."""
        return "source", "target"

    @property
    def types(self) -> tuple[str, str]:
        """The entity types of both ends."""
        return self._links.triple[0], self._links.triple[2]

    @property
    def of_all(self) -> str:
        """What the numbers of many pairs are, in words."""
        return "log-odds of the true target among all"

    def usual(self, row: int) -> int:
        """Return the target that is recommended first: the best one that is no link of training."""
        scores = self._scores(row).masked_fill(self._links.trained(torch.tensor([row]))[0], -torch.inf)
        best = int(scores.argmax())
        if not scores[best] > -torch.inf:
            raise GraphError(
                "there is no target that it is not linked to in training",
                where="--entity",
                fix="Name a target: --answer ID.",
            )
        return best

    def true(self, split: str) -> list[tuple[int, int]]:
        """Return the links of a part that have other targets to be compared with."""
        rows = self._task.rows(split)
        pairs = zip(self._links.source[rows].tolist(), self._links.target[rows].tolist(), strict=True)
        return [(source, target) for source, target in pairs if len(self._rivals(source, target)) > 1]

    def found(self, row: int, other: int) -> Pair:
        """Return what the run says of a link; see :class:`Pairs`."""
        rivals, scores = self._rivals(row, other), self._scores(row)
        if self._links.same_type and row == other:
            raise GraphError(
                "it is the entity itself, which is ranked nowhere", where="--answer", fix="Name another one."
            )
        if len(rivals) == 1:
            raise GraphError(
                "the source is known to be linked to all other targets, so there is nothing to rank it among",
                where="--entity",
                fix="Explain another link.",
            )
        rank = rivals.rank(scores)
        return Pair(
            kind="link",
            ends=(self.end(0, row), self.end(1, other)),
            score=float(scores[other]),
            rank=rank,
            candidates=len(rivals),
            target=self._known(row, other),
            prediction=f"{rank:g} of {len(rivals):,}",
        )

    def numbers(self, row: int, other: int) -> tuple[LinkNumber, LinkNumber]:
        """Return the number of a link as each of its ends makes it."""
        source, targets = self._states

        def as_by(end: End) -> LinkNumber:
            return LinkNumber(
                end=end,
                head=self._head,
                source=source[row : row + 1],
                targets=targets,
                rivals=self._rivals(row, other),
                said=self._said(row),
                title=title_of(self.run.view.nodes[self.types[1]], other),
            )

        return as_by("source"), as_by("target")

    def _rivals(self, row: int, other: int) -> Rivals:
        others = ~self._links.known(torch.tensor([row]))[0]
        others[other] = False
        return Rivals(other, others)

    def _scores(self, row: int) -> Tensor:
        """Return the score of each target as the run has it, [T]."""
        source, targets = self._states
        with torch.no_grad():
            return self._head.against_all(source[row : row + 1], targets, self._said(row))[0]

    def _said(self, row: int) -> Tensor | None:
        return self._task.structure_from(torch.tensor([row])) if self._task.options.structure else None

    def _known(self, row: int, other: int) -> str:
        links = self._links
        found = ((links.source == row) & (links.target == other)).nonzero().flatten()
        if not len(found):
            return "no known link"
        part = links.part[int(found[0])]
        return "a training link, which the model sees" if part == "train" else f"a {part} link"

    @functools.cached_property
    def _states(self) -> tuple[Tensor, Tensor]:
        """The states of all sources and of all targets, [S, C] and [T, C]."""
        found = {name: torch.from_numpy(self.run.embed(name)[1]) for name in set(self.types)}
        return found[self.types[0]], found[self.types[1]]

    @property
    def _task(self) -> LinkPrediction:
        assert isinstance(self.run.task, LinkPrediction)
        return self.run.task

    @property
    def _links(self) -> TaskLinks:
        return self._task.links

    @property
    def _head(self) -> LinkHead:
        assert isinstance(self.run.module.head, LinkHead)
        return self.run.module.head
