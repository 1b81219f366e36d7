"""One side of entities in the space in which a task about two modalities compares them.

Shapes: N entities, R of them, C channels of the model, D of the common space.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mmgraph.errors import ConfigError, did_you_mean
from mmgraph.models.graph_batch import View
from mmgraph.tasks.content import Content
from mmgraph.tasks.pair_head import PairHead, SideName
from mmgraph.tasks.pair_task import PairTask
from mmgraph.tasks.retrieval import Retrieval
from mmgraph.tasks.side import Side
from mmgraph.tasks.step import Unify
from mmgraph.tasks.task import Task


@dataclass(frozen=True, eq=False)
class CommonSpace:
    """Where one side of entities lies, for whichever of them has it.

    Every entity is looked at as its split is measured: one that is held out from this side alone among others
    of which all is seen, any other one where everybody is looked at from this side. So what is found for a
    held-out entity is what the metrics of its split rest on.

    Args:
        task: The task.
        modality: The modality whose side it is.
    """

    task: PairTask
    modality: str

    @classmethod
    def of(cls, task: Task, modality: str, *, where: str) -> CommonSpace:
        """Return the side of a modality.

        Args:
            task: The task of a run.
            modality: The query or the answer of a retrieval.
            where: What names it, for messages.

        Raises:
            ConfigError: If the task is no retrieval, or the modality none of its sides.
        """
        sides = sides_of(task)
        if not isinstance(task, Retrieval):
            raise ConfigError(
                f"got {modality!r}, but the task {task.labels.task!r} is {task.labels.kind}, which knows "
                "entities as a whole alone",
                where=where,
                fix="Leave it out, or use a run of a retrieval.",
            )
        if modality not in sides:
            raise ConfigError(
                f"{modality!r} is no side of the retrieval", where=where, fix=did_you_mean(modality, sides)
            )
        return cls(task, modality)

    @property
    def name(self) -> SideName:
        """``query`` or ``answer``."""
        return self.task.names[self.modality]

    @property
    def side(self) -> Side:
        """What is seen of entities from there."""
        return self.task.sides[self.name]

    @property
    def rows(self) -> Tensor:
        """The entities that have the modality, int64 [R]."""
        return self.content.has.nonzero().squeeze(1)

    @property
    def content(self) -> Content:
        """The modality of the entities of the graph."""
        return self.task.content[0 if self.name == "query" else 1]

    @property
    def asked(self) -> Tensor:
        """Which entities of the graph are looked at from this side where a new one is, bool [N]."""
        return self.task.held_out | (not self.task.context)

    @property
    def view(self) -> View:
        """What is seen of the graph there."""
        return self.task.seen(self.name, everyone=not self.task.context)

    def vectors(self, head: nn.Module, unify: Unify, rows: Tensor) -> Tensor:
        """Return where entities of the graph lie, vectors of length 1, [R, D].

        Args:
            head: The head of the task.
            unify: The trained model.
            rows: Entities that have the modality, int64 [R].
        """
        entity, held_out = self.task.labels.entity, self.task.held_out[rows]
        parts, order = [], []
        for of, everyone in ((held_out, not self.task.context), (~held_out, True)):
            if of.any():
                view = self.task.seen(self.name, everyone=everyone)
                states = unify({entity: rows[of]}, view)[entity]
                parts.append(self.place(head, states, self.content.of(rows[of]), self.task.fold[rows[of]]))
                order.append(of.nonzero().squeeze(1))
        return torch.cat(parts)[torch.cat(order).argsort()]

    def place(self, head: nn.Module, states: Tensor, features: Tensor, fold: Tensor | None = None) -> Tensor:
        """Return where states of this side lie, vectors of length 1, [R, D].

        Args:
            head: The head of the task.
            states: Of entities as they are seen from this side, [R, C].
            features: The modality of these entities, [R, P].
            fold: Which maps are taken of each, int64 [R]; of entities that training has not seen, all.
        """
        assert isinstance(head, PairHead)
        fold = torch.zeros(len(states), dtype=torch.int64) if fold is None else fold
        return head.place(self.name, states, features, fold)


def sides_of(task: Task) -> tuple[str, ...]:
    """Return the modalities that a task knows entities by, one at a time; none but of a retrieval."""
    return tuple(task.names) if isinstance(task, Retrieval) else ()
