"""Answers that are pairs, of links, a retrieval or a matching: what a run says, and what is asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmgraph.evaluation.explanation.neighbourhood import neighbourhood
from mmgraph.evaluation.explanation.number import Number
from mmgraph.evaluation.explanation.question import Question, find_row
from mmgraph.graph.graph import Graph
from mmgraph.models.graph_batch import View
from mmgraph.training.run import Run

PairKind = Literal["link", "retrieval", "matching"]


@dataclass(frozen=True)
class End:
    """One end of a pair.

    Args:
        role: What it is: ``source`` and ``target`` of a link, else the modality by which it is seen.
        entity: The entity type.
        id: Its id.
        title: Its title.
        row: Its row.
    """

    role: str
    entity: str
    id: str
    title: str
    row: int


@dataclass(frozen=True)
class Pair:
    """What a run says of a pair, as ``evaluate`` and ``predict`` have it.

    Args:
        kind: ``link``, ``retrieval`` or ``matching``.
        ends: Source and target of a link, query and answer of a retrieval or a matching.
        score: The score of the link, or the logit of both sides.
        rank: Where the second end stands among all that the first is compared with, from 1; nothing of a
            matching.
        candidates: Among how many.
        target: What is true of the pair, as text.
        prediction: What the run says, as text.
    """

    kind: PairKind
    ends: tuple[End, End]
    score: float
    rank: float | None
    candidates: int | None
    target: str
    prediction: str

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        ends = [{k: v for k, v in vars(end).items() if k != "row"} for end in self.ends]
        return {**vars(self), "ends": ends}


class Pairs(ABC):
    """The pairs that a run answers.

    Args:
        run: The run.
    """

    ranked = True
    """Whether the second end is ranked among others."""

    def __init__(self, run: Run) -> None:
        self.run = run

    @property
    @abstractmethod
    def roles(self) -> tuple[str, str]:
        """What both ends are."""

    @property
    @abstractmethod
    def types(self) -> tuple[str, str]:
        """The entity types of both ends."""

    @property
    @abstractmethod
    def of_all(self) -> str:
        """What the numbers of many pairs are, in words."""

    @abstractmethod
    def usual(self, row: int) -> int:
        """Return the second end that is asked about where none is named.

        Args:
            row: The first end.
        """

    @abstractmethod
    def true(self, split: str) -> list[tuple[int, int]]:
        """Return the pairs of a part of the split that are there.

        Args:
            split: ``train``, ``validation`` or ``test``.
        """

    @abstractmethod
    def found(self, row: int, other: int) -> Pair:
        """Return what the run says of a pair.

        Args:
            row: The first end.
            other: The second end.

        Raises:
            GraphError: If it says nothing of it.
        """

    @abstractmethod
    def numbers(self, row: int, other: int) -> tuple[Number, Number]:
        """Return the number of a pair as each of its ends makes it; see :meth:`found`."""

    def seen(self, number: int, row: int, other: int) -> tuple[View | None, frozenset[str]]:  # noqa: ARG002
        """Return what is seen from an end, and the node types of its modalities that are hidden.

        Args:
            number: 0 for the first end, 1 for the second.
            row: The first end.
            other: The second end.
        """
        return None, frozenset()

    def rows_of(self, entity_id: str, answer: str | None) -> tuple[int, int]:
        """Return both ends of a pair.

        Args:
            entity_id: The id of the first.
            answer: That of the second; by default the usual one.

        Raises:
            GraphError: If there are no such entities, or the run says nothing of them.
        """
        first, second = (node_ids(self.run.view, entity) for entity in self.types)
        row = find_row(self.types[0], first, entity_id)
        if answer is None:
            return row, self.usual(row)
        return row, find_row(self.types[1], second, answer, where="--answer")

    def questions(self, row: int, other: int) -> tuple[Question, Question]:
        """Return the same number as a question about each end, with the other one as it is.

        Args:
            row: The first end.
            other: The second end.

        Raises:
            GraphError: If the run says nothing of the pair.
        """
        asked = []
        model = self.run.module.eval().model
        for place, number in enumerate(self.numbers(row, other)):
            view, hidden = self.seen(place, row, other)
            end = (row, other)[place]
            around = neighbourhood(self.run.view, model, self.types[place], end, view=view, hidden=hidden)
            asked.append(Question(around, model, self.run.task, number))
        return asked[0], asked[1]

    def end(self, place: int, row: int) -> End:
        """Return one end as people know it.

        Args:
            place: 0 for the first, 1 for the second.
            row: Its row.
        """
        entity = self.types[place]
        table = self.run.view.nodes[entity]
        return End(self.roles[place], entity, str(table["id"].iloc[row]), title_of(table, row), row)


def node_ids(graph: Graph, entity: str) -> NDArray[np.str_]:
    """Return the ids of all entities of a type, text [N]."""
    return graph.nodes[entity]["id"].to_numpy(dtype=str)


def title_of(table: pd.DataFrame, row: int) -> str:
    """Return the title of an entity."""
    return str(table["title"].iloc[row])
