"""The base of tasks about two modalities of an entity, each of which is seen without the other.

Shapes: N entities, R of them that are asked for, C channels of the model.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from mmgraph.counted import agreed, counted
from mmgraph.data.task_spec import PairTaskSpec
from mmgraph.errors import GraphError
from mmgraph.graph.graph import Graph
from mmgraph.graph.schema import GraphSchema
from mmgraph.graph.unprepared import split_column
from mmgraph.models.graph_batch import GraphBatch, View
from mmgraph.tasks.content import Content
from mmgraph.tasks.labels import SPLITS, Labels, find_task
from mmgraph.tasks.side import Side, refuse_shared
from mmgraph.tasks.step import Encode, Unify
from mmgraph.tasks.task import Task

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

    Raises:
        GraphError: If both sides see something that goes back to the same.
    """

    has_views = True
    held_out: Tensor

    def __init__(
        self,
        labels: Labels,
        spec: PairTaskSpec,
        schema: GraphSchema,
        content: Mapping[str, Content],
        *,
        context: float,
    ) -> None:
        super().__init__(labels)
        self.content = (content[spec.query], content[spec.answer])
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
        self._context = context
        self._views: dict[tuple[str, bool, torch.device], View] = {}

    @property
    def notes(self) -> list[str]:
        """What a reader of the metrics should know: entities that lack one of the modalities."""
        lacking = int((np.isin(self.labels.split, SPLITS) & self.labels.values.isna().to_numpy()).sum())
        if not lacking:
            return []
        return [
            f"{counted(lacking, 'entity', 'entities')} {agreed(lacking, 'lacks', 'lack')} "
            f"{self.labels.column}, and {agreed(lacking, 'is', 'are')} neither asked for nor {self._part_of}"
        ]

    _part_of = "an answer"
    """What of the task others are part of."""

    @abstractmethod
    def judge(self, sides: Sides, rows: Tensor) -> Tensor:
        """Return what :meth:`loss` and :meth:`metrics` take of some entities, [R, ...].

        Args:
            sides: What both sides of entities are.
            rows: Which entities, int64 [R].
        """

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
        views = [self._view_of(name, rows) for name in self.sides]
        return rows, here, [encode(view(batch))[entity][here] for view in views]

    def unify_apart(self, unify: Unify, rows: Tensor) -> list[Tensor]:
        """Return the states of some entities as both sides show them, [R, C] each.

        Of training entities, all entities are asked for, so that none sees its own answer, and so they are of
        held-out ones if training knows no context.
        """
        everyone = not self._context or not bool(self.held_out[rows].all())
        entity = self.labels.entity
        return [unify({entity: rows}, self._view(name, everyone=everyone))[entity] for name in self.sides]

    def _view_of(self, side: str, rows: Tensor) -> View:
        """Return what is seen from a side in a step that asks for some training entities."""
        if not self._context:
            return self._view(side, everyone=True)
        asked = self.held_out.clone()
        asked[rows] = True
        return self.sides[side].view(asked)

    def _to_ask(self) -> Tensor:
        """Return which training entities a step over the whole graph learns from, int64 [R]."""
        rows = self.rows("train")
        chosen = rows[torch.rand(len(rows), device=rows.device) >= self._context]
        # One alone has nothing to be told apart from.
        return chosen if len(chosen) > 1 else rows

    def _view(self, side: str, *, everyone: bool) -> View:
        """Return what is seen from a side where the held-out entities are asked for, or everyone is."""
        key = (side, everyone, self.held_out.device)
        if key not in self._views:
            asked = self.held_out | everyone
            self._views[key] = self.sides[side].view(asked)
        return self._views[key]


def read_pair(graph: Graph, name: str) -> tuple[Labels, PairTaskSpec, dict[str, Content]]:
    """Return what a graph says about a task of two modalities, and what these hold, by their names.

    Args:
        graph: The graph.
        name: The name of the task.

    Raises:
        GraphError: If the graph lacks one of the modalities, or a split has fewer than two entities that have
            both.
    """
    spec = find_task(graph, name)
    assert isinstance(spec, PairTaskSpec)
    labels = _read_labels(graph, name, spec)
    return labels, spec, Content.in_graph(graph, spec.entity, {spec.query, spec.answer})


def _read_labels(graph: Graph, name: str, spec: PairTaskSpec) -> Labels:
    table, where = graph.nodes[spec.entity], f"tasks.{name}"
    there = {t.modality for t in graph.schema.node_types if t.entity == spec.entity}
    for side, modality in (("query", spec.query), ("answer", spec.answer)):
        if modality not in there:
            raise GraphError(
                f"the graph has no modality {modality!r} of {spec.entity!r}",
                where=f"{where}.{side}",
                fix="Build the graph with it.",
            )
    has = np.ones(len(table), dtype=bool)
    for modality in (spec.query, spec.answer):
        has &= np.isin(np.arange(len(table)), graph.nodes[f"{spec.entity}/{modality}"]["entity_index"])
    split = table[split_column(graph, spec.entity, spec.split)]
    labels = Labels(
        task=name,
        kind=spec.kind,
        entity=spec.entity,
        column=f"{spec.query} or {spec.answer}",
        ids=table["id"].to_numpy(dtype=str),
        values=table["id"].where(has),
        split=split.fillna("").to_numpy(dtype=str),
        where=where,
    )
    for part in SPLITS:
        size, least = len(labels.rows(part)), 0 if part == "test" else 2
        if size == 1 or size < least:
            raise GraphError(
                f"{counted(size, 'entity', 'entities')} of the {part} split {agreed(size, 'has', 'have')} "
                f"both {spec.query} and {spec.answer}; wanted two, to be told apart",
                where=where,
                fix="Check the modalities and the split in dataset.yaml, and build the graph anew.",
            )
    return labels
