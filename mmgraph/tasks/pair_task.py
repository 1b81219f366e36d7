"""The base of tasks about two modalities of an entity, each of which is seen without the other.

Shapes: N entities, R of them that are asked for, C channels of the model.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from mmgraph.counted import agreed, counted
from mmgraph.data.task_spec import PairTaskSpec
from mmgraph.graph.schema import GraphSchema
from mmgraph.models.graph_batch import GraphBatch, View
from mmgraph.tasks.closed_form import ClosedForm, fit_closed_form
from mmgraph.tasks.content import Content
from mmgraph.tasks.fold_maps import deal, evenly
from mmgraph.tasks.gradient_cache import encode_in_chunks
from mmgraph.tasks.labels import SPLITS, Labels
from mmgraph.tasks.pair_head import PairHead, SideName
from mmgraph.tasks.ridge_maps import Kernel, RidgeLikeness, fit_ridge
from mmgraph.tasks.side import Side, refuse_shared
from mmgraph.tasks.step import Encode, Unify
from mmgraph.tasks.task import Task

_FITTED = 1 << 15
"""On how many training entities, at most, ridge regression is fitted; the others are new to it."""

Sides = Callable[[Tensor], Tensor]
"""From entities, int64 [R], to both sides of them, [R, 2, D], whose inner products say what goes together."""


class PairTask(Task):
    """Two modalities of an entity, the query and the answer, and what they have to do with each other.

    Both sides of an entity are embedded apart, each without the other one and all that was made from it (see
    :class:`~mmgraph.tasks.side.Side`), by one model in two passes over the graph. That holds for entities
    that are held out, always, and in training for those that a step learns from; the others are context, of
    which all is seen.

    Args:
        labels: What the graph says about the task; who has a value has both modalities.
        spec: What the dataset says about it.
        schema: The node types and edge types of the graph.
        content: What each modality holds, by its name.
        context: With the whole graph in each step, the share of training entities that a step does not ask
            for.
        ridge: Whether the head begins with regression and correlations between both modalities.
        chunk: How many entities of a step pass the model at a time; nothing for all.

    Raises:
        GraphError: If both sides see something that goes back to the same.
    """

    has_views = True
    part_of = "an answer"
    """What others are that have both modalities, in a note about those who lack one."""
    held_out: Tensor
    fitted: Tensor
    fold: Tensor

    def __init__(
        self,
        labels: Labels,
        spec: PairTaskSpec,
        schema: GraphSchema,
        content: Mapping[str, Content],
        *,
        context: float,
        ridge: bool,
        chunk: int | None = None,
    ) -> None:
        super().__init__(labels)
        self.content = (content[spec.query], content[spec.answer])
        self.names: dict[str, SideName] = {spec.query: "query", spec.answer: "answer"}
        self.sides = {
            name: Side(
                schema,
                spec.entity,
                modalities={modality, *more},
                relations=set(more),
            )
            for name, modality, more in (
                ("query", spec.query, spec.query_with),
                ("answer", spec.answer, spec.answer_with),
            )
        }
        refuse_shared(self.sides["query"], self.sides["answer"], where=labels.where)
        held_out = torch.from_numpy(np.isin(labels.split, SPLITS[1:]))
        self.register_buffer("held_out", held_out, persistent=False)
        self.register_buffer("fitted", evenly(self.rows("train"), _FITTED), persistent=False)
        fold = torch.zeros(len(held_out), dtype=torch.int64)
        fold[self.fitted] = deal(len(self.fitted))
        self.register_buffer("fold", fold, persistent=False)
        self.context, self.ridge, self.chunk = context, ridge, chunk
        self._views: dict[tuple[str, bool, torch.device], View] = {}

    @property
    def notes(self) -> list[str]:
        """What a reader of the metrics should know: entities that lack one of the modalities."""
        lacking = int((np.isin(self.labels.split, SPLITS) & self.labels.values.isna().to_numpy()).sum())
        if not lacking:
            return []
        return [
            f"{counted(lacking, 'entity', 'entities')} {agreed(lacking, 'lacks', 'lack')} "
            f"{self.labels.column}, and {agreed(lacking, 'is', 'are')} neither asked for nor {self.part_of}"
        ]

    @abstractmethod
    def judge(self, sides: Sides, rows: Tensor) -> Tensor:
        """Return what :meth:`loss` and :meth:`metrics` take of some entities, [R, ...].

        Args:
            sides: What both sides of entities are.
            rows: Which entities, int64 [R].
        """

    def fit_head(self, head: nn.Module) -> None:
        """Let the head begin with regression and correlations of training pairs, if it shall."""
        if self.ridge:
            assert isinstance(head, PairHead)
            head.begin_with(*self.fit_closed_form())

    def place(self, head: nn.Module, states: list[Tensor], rows: Tensor) -> Tensor:
        """Return both sides of some entities in the common space, float32 [R, 2, D + 1] or more.

        Args:
            head: What :meth:`make_head` made.
            states: Of the entities as their queries and as their answers are seen, [R, C] each.
            rows: The entities, int64 [R].
        """
        pairs = (*self.modalities(rows), self.fold[rows]) if self.ridge else None
        places: Tensor = head(*states, pairs)
        return places

    def both_sides(self, head: nn.Module, unify: Unify, rows: Tensor) -> Tensor:
        """Return both sides of some entities as they are compared, [R, 2, D + 1] or more; see :meth:`place`.

        Args:
            head: What :meth:`make_head` made.
            unify: The trained model.
            rows: The entities, int64 [R].
        """
        return self.place(head, self.unify_apart(unify, rows), rows)

    def fit_ridge(self, *kernels: Kernel) -> tuple[RidgeLikeness, float]:
        """Return the likeness by ridge regression on training pairs, and its temperature.

        Args:
            kernels: What to choose among.
        """
        rows = self.fitted.cpu()
        return fit_ridge(*self.modalities(rows), self.fold[self.fitted].cpu(), kernels)

    def fit_closed_form(self) -> tuple[ClosedForm, float]:
        """Return the likeness by regression and correlations on training pairs, and its temperature."""
        rows = self.fitted.cpu()
        return fit_closed_form(*self.modalities(rows), self.fold[self.fitted].cpu())

    def modalities(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return both modalities of entities that have them, as they are, float32 [R, P] and [R, Q]."""
        return self.content[0].of(rows), self.content[1].of(rows)

    def encode_apart(self, encode: Encode, batch: GraphBatch) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Return what a training step asks for, and its states as both sides show them.

        Args:
            encode: The model.
            batch: The whole graph, or a sample for some training entities, its ``seeds``.

        Returns:
            The entities, their numbers in the batch, int64 [R] each, and their states as their queries and as
            their answers are seen, [R, C] each.
        """
        rows = self._to_ask() if batch.seeds is None else batch.seeds
        entity = self.labels.entity
        # The seeds of a sample are its first nodes.
        here = rows if batch.seeds is None else torch.arange(len(rows), device=rows.device)
        seen = [self._view_of(name, rows)(batch) for name in self.sides]
        return rows, here, [encode_in_chunks(encode, part, entity, here, self.chunk) for part in seen]

    def unify_apart(self, unify: Unify, rows: Tensor) -> list[Tensor]:
        """Return the states of some entities as both sides show them, [R, C] each.

        Of training entities, all entities are asked for, so that none sees its own answer, and so they are of
        held-out ones if training knows no context.
        """
        entity = self.labels.entity
        return [unify({entity: rows}, self.seen_with(name, rows))[entity] for name in self.sides]

    def seen_with(self, side: str, rows: Tensor) -> View:
        """Return what is seen from a side where some entities are asked for together, int64 [R]."""
        return self.seen(side, everyone=not self.context or not bool(self.held_out[rows].all()))

    def _view_of(self, side: str, rows: Tensor) -> View:
        """Return what is seen from a side in a step that asks for some training entities."""
        if not self.context:
            return self.seen(side, everyone=True)
        asked = self.held_out.clone()
        asked[rows] = True
        return self.sides[side].view(asked)

    def _to_ask(self) -> Tensor:
        """Return which training entities a step over the whole graph learns from, int64 [R]."""
        rows = self.rows("train")
        chosen = rows[torch.rand(len(rows), device=rows.device) >= self.context]
        # One alone has nothing to be told apart from.
        return chosen if len(chosen) > 1 else rows

    def seen(self, side: str, *, everyone: bool) -> View:
        """Return what is seen from a side where the held-out entities are asked for, or everyone is."""
        key = (side, everyone, self.held_out.device)
        if key not in self._views:
            asked = self.held_out | everyone
            self._views[key] = self.sides[side].view(asked)
        return self._views[key]
