"""Queries and answers as pairs that are explained: of a retrieval, which ranks them, or a matching."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from mmgraph.errors import GraphError
from mmgraph.evaluation.explanation.number import Content, Rivals
from mmgraph.evaluation.explanation.pairs import Pair, Pairs
from mmgraph.evaluation.explanation.side_number import SideNumber
from mmgraph.models.graph_batch import View
from mmgraph.tasks import SPLITS, Matching
from mmgraph.tasks.pair_head import PairHead, SideName
from mmgraph.tasks.pair_task import PairTask
from mmgraph.training.memory import memory_told
from mmgraph.training.run import Run

_SIDES: tuple[SideName, SideName] = ("query", "answer")


class SidePairs(Pairs):
    """Queries, each with any answer of its part of the split.

    Args:
        run: The run.
    """

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self.ranked = not isinstance(run.task, Matching)
        self._galleries: dict[str, Tensor] = {}

    @property
    def roles(self) -> tuple[str, str]:
        """What both ends are: the modalities that are compared."""
        query, answer = self._task.names
        return query, answer

    @property
    def types(self) -> tuple[str, str]:
        """The entity types of both ends."""
        return self._task.labels.entity, self._task.labels.entity

    @property
    def of_all(self) -> str:
        """What the numbers of many pairs are, in words."""
        query, answer = self.roles
        if self.ranked:
            return f"log-odds of the own {answer} of each {query} among all"
        return f"log-odds that each {query} and its own {answer} belong together"

    def usual(self, row: int) -> int:
        """Return of a retrieval whose answer is found first, of a matching the entity itself."""
        if not self.ranked:
            return row
        rows, sides = self._gallery(row)
        place = self._place(rows, row, "--entity")
        return int(rows[int((sides[:, 1] @ sides[place, 0]).argmax())])

    def true(self, split: str) -> list[tuple[int, int]]:
        """Return each entity of a part with itself."""
        return [(row, row) for row in self._task.rows(split).tolist()]

    def found(self, row: int, other: int) -> Pair:
        """Return what the run says of a query and an answer; see :class:`Pairs`."""
        rows, sides = self._gallery(row)
        place, rivals = self._place(rows, row, "--entity"), self._rivals(rows, other)
        scores = sides[:, 1] @ sides[place, 0]
        score = float(scores[rivals.place])
        rank = rivals.rank(scores) if self.ranked else None
        return Pair(
            kind="retrieval" if self.ranked else "matching",
            ends=(self.end(0, row), self.end(1, other)),
            score=score,
            rank=rank,
            candidates=len(rivals) if self.ranked else None,
            target="of one entity" if row == other else "of two entities",
            prediction=f"{rank:g} of {len(rivals):,}" if rank is not None else self._said(score),
        )

    def numbers(self, row: int, other: int) -> tuple[SideNumber, SideNumber]:
        """Return the number of a pair as each of its sides makes it."""
        rows, sides = self._gallery(row)
        place, rivals = self._place(rows, row, "--entity"), self._rivals(rows, other)
        first, second = (self.end(number, end) for number, end in enumerate((row, other)))
        if self.ranked:
            words = (
                f"log-odds of the {second.role} of {second.title} among the {len(rivals):,} of the gallery"
            )
        else:
            words = (
                f"log-odds that the {first.role} of {first.title} and the {second.role} of {second.title} "
                "belong together"
            )

        def as_by(number: int, end: int) -> SideNumber:
            return SideNumber(
                side=_SIDES[number],
                head=self._head,
                query=sides[place : place + 1, 0],
                answers=sides[:, 1],
                rivals=rivals,
                read=self._content(number, end),
                fold=self._task.fold[end : end + 1],
                words=words,
            )

        return as_by(0, row), as_by(1, other)

    def seen(self, number: int, row: int, other: int) -> tuple[View | None, frozenset[str]]:  # noqa: ARG002
        """Return what is seen from a side, and the node types of modalities that it hides."""
        entity, side = self._task.labels.entity, self._task.sides[_SIDES[number]]
        hidden = {
            t.name
            for t in self.run.view.schema.node_types
            if t.entity == entity and t.modality is not None and t.modality not in side.modalities
        }
        return self._task.seen_with(_SIDES[number], self._task.rows(self._split(row))), frozenset(hidden)

    def _content(self, number: int, row: int) -> Content | None:
        if self._head.ridge is None:
            return None
        content, rows = self._task.content[number], torch.tensor([row])
        mean = content.of(self._task.fitted).mean(dim=0, keepdim=True)
        return Content(self.roles[number], content.of(rows).float(), mean.float())

    def _rivals(self, rows: Tensor, other: int) -> Rivals:
        place = self._place(rows, other, "--answer")
        others = torch.arange(len(rows)) != place
        return Rivals(place, others if self.ranked else torch.zeros_like(others))

    def _place(self, rows: Tensor, row: int, option: str) -> int:
        """Return where an entity stands in a gallery.

        Raises:
            GraphError: If it is not in there.
        """
        found = (rows == row).nonzero().flatten()
        if not len(found):
            raise GraphError(
                f"it is in another part of the split than the entity, or lacks "
                f"{' or '.join(self.roles)}, so that the task does not ask about it",
                where=option,
                fix="Choose among the ids of `mmgraph predict`, within one split.",
            )
        return int(found[0])

    def _gallery(self, row: int) -> tuple[Tensor, Tensor]:
        """Return the entities of the part of an entity, and both of their sides, [R] and [R, 2, D]."""
        split = self._split(row)
        rows = self._task.rows(split)
        if split not in self._galleries:
            with memory_told("while a gallery was made", fix="Free some memory."), torch.no_grad():
                self._galleries[split] = self._task.both_sides(self._head, self.run.unify, rows)
        return rows, self._galleries[split]

    def _split(self, row: int) -> str:
        split = str(self._task.labels.split[row])
        if split not in SPLITS or not len(self._task.get_buffer(f"{split}_rows")):
            raise GraphError(
                "it is in no part of the split, so that the task does not ask about it",
                where="--entity",
                fix="Choose an entity of train, validation or test.",
            )
        return split

    def _said(self, logit: float) -> str:
        return "of one entity" if logit >= self.run.threshold else "of two entities"

    @functools.cached_property
    def _task(self) -> PairTask:
        assert isinstance(self.run.task, PairTask)
        return self.run.task

    @property
    def _head(self) -> PairHead:
        assert isinstance(self.run.module.head, PairHead)
        return self.run.module.head
