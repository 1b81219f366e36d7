"""Several tasks at once: one model, a head for each.

Shapes: R rows, C columns of the outputs of all tasks side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.data.task_spec import MultiTaskSpec
from mmgraph.graph.graph import Graph
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.registry import TASKS
from mmgraph.tasks.class_loss import ClassLoss
from mmgraph.tasks.entity_task import EntityTask
from mmgraph.tasks.heads import Heads, weighted_mean
from mmgraph.tasks.joined_labels import join_labels
from mmgraph.tasks.labels import SPLITS, Labels, find_task
from mmgraph.tasks.options import TaskOptions
from mmgraph.tasks.regression import Regression
from mmgraph.tasks.step import Encode, Step, Unify
from mmgraph.tasks.task import Direction, Task
from mmgraph.tasks.task_weights import TaskWeights


@TASKS.register("multi_task")
class MultiTask(Task):
    """Several tasks that ask for a target of each entity, with one model and a head each.

    Rows are the entities that any of the tasks asks about, those of one type after those of another. The loss
    is the mean of the losses of the tasks, weighed. Metrics have the name of their task before them, and the
    first one is the weighed mean of each task's main metric, which chooses the best epoch.

    Args:
        labels: What the graph says about the tasks together.
        members: The tasks by name, in order.
        weights: How much each counts.
    """

    def __init__(self, labels: Labels, members: Mapping[str, EntityTask], weights: TaskWeights) -> None:
        super().__init__(labels)
        self.members = ModuleDict(dict(members))
        self.weights = weights.of(list(members))
        self.learned = weights.learned
        self._begin: dict[str, int] = {}
        self._columns: dict[str, slice] = {}
        count = width = 0
        for name, member in members.items():
            entity = member.labels.entity
            if entity not in self._begin:
                self._begin[entity] = count
                count += len(member.labels)
            self._columns[name] = slice(width, width + member.out_channels)
            width += member.out_channels
            known = torch.zeros(len(member.labels), dtype=torch.bool)
            for split in SPLITS:
                known[torch.from_numpy(member.labels.rows(split))] = True
            self.register_buffer(f"known_{name}", known, persistent=False)

    @classmethod
    def read(cls, graph: Graph, name: str, options: TaskOptions) -> MultiTask:
        """Return the tasks that a graph has by their names, or by one name for all.

        Raises:
            ConfigError: If a weight is that of none of them, or one cannot use what was set in the options.
            GraphError: If a task's labels cannot be used, or one learns from entities that another holds out.
        """
        spec = find_task(graph, name)
        assert isinstance(spec, MultiTaskSpec)
        kinds: dict[str, type[EntityTask]] = {
            each: TASKS.get(find_task(graph, each).kind) for each in spec.tasks
        }
        classed = any(kind.has_classes for kind in kinds.values())
        alone = replace(options, task_weights=TaskWeights())
        members: dict[str, EntityTask] = {}
        for each, kind in kinds.items():
            # What is said of classes is for those that have some; where none has, the first one refuses it.
            own = alone if kind.has_classes or not classed else replace(alone, class_loss=ClassLoss())
            members[each] = kind.read(graph, each, own)
        labels = join_labels(name, [member.labels for member in members.values()])
        return cls(labels, members, options.task_weights)

    @property
    def entities(self) -> list[str]:
        """The entity types that the tasks ask about."""
        return list(self._begin)

    @property
    def monitor(self) -> tuple[str, Direction]:
        """The weighed mean of each task's main metric, the more the better."""
        return "weighted_score", "max"

    @property
    def notes(self) -> list[str]:
        """What a reader of the metrics should know: what chooses the best epoch, who is not tested, more."""
        parts = [f"{self.weights[name]:g} x {name}/{member.monitor[0]}" for name, member in self._each()]
        chosen = (
            f"the best epoch has the highest weighted_score on validation, the mean of {', '.join(parts)}"
        )
        untested = [name for name, member in self._each() if "test" not in member.labelled_splits()]
        silent = (
            f"no test entity has an answer for {', '.join(untested)}, so that weighted_score on test is the "
            "mean of the other tasks"
        )
        tested = "test" in self.labelled_splits()
        return [
            chosen,
            *([silent] if untested and tested else []),
            *(f"{name}: {note}" for name, member in self._each() for note in member.notes),
        ]

    def split_of(self, entity: str) -> NDArray[np.object_] | None:
        """Return the part that any of the tasks gives each entity of a type, text [N]; nothing if none does.

        Args:
            entity: The entity type.
        """
        if entity not in self._begin:
            return None
        begin = self._begin[entity]
        return self.labels.split[begin : begin + len(self._ids(entity))]

    def make_head(self, channels: int) -> nn.Module:
        """Return the heads of all tasks, with fresh weights."""
        heads = {name: member.make_head(channels) for name, member in self._each()}
        scales = {name: 0.5 if isinstance(member, Regression) else 1.0 for name, member in self._each()}
        return Heads(heads, self.weights, scales if self.learned else None)

    def step(self, head: nn.Module, encode: Encode, batch: GraphBatch) -> Step:
        """Return the weighed loss of the training entities that a batch is made for.

        A task counts by how many of its entities a batch has, so that the batches of an epoch add up to the
        loss of all.
        """
        assert isinstance(head, Heads)
        states, rows = encode(batch), batch.seeds
        everyone = self.rows("train")
        asked = everyone if rows is None else rows
        losses, outputs = {}, []
        for name, member in self._each():
            place, own = self._own(name, asked)
            # The seeds of a sample are its first nodes.
            here = own if rows is None else place
            # In float32 also where the model computes in half precision.
            output = head.heads[name](states[member.labels.entity][here]).float()
            share = len(own) * len(everyone) / max(len(asked) * len(member.rows("train")), 1)
            losses[name] = member.loss(output, own) * share if len(own) else output.sum() * 0
            outputs.append(output.flatten())
        total = head.total(losses) if len(asked) else torch.stack(list(losses.values())).sum()
        return Step(total, len(asked), torch.cat(outputs))

    def output(self, head: nn.Module, unify: Unify, rows: Tensor) -> Tensor:
        """Return the outputs of all heads side by side, [R, C]; 0 for tasks of another entity type."""
        assert isinstance(head, Heads)
        by_type = {entity: self._of_type(entity, rows) for entity in self._begin}
        states = unify({entity: own for entity, (_, own) in by_type.items()})
        width = max(columns.stop for columns in self._columns.values())
        output = torch.zeros(len(rows), width, device=rows.device)
        for name, member in self._each():
            place, _ = by_type[member.labels.entity]
            output[place, self._columns[name]] = head.heads[name](states[member.labels.entity])
        return output

    def settle(self, head: nn.Module, output: Tensor, rows: Tensor) -> Tensor:
        """Let each task choose what it chooses on validation."""
        assert isinstance(head, Heads)
        output = output.clone()
        for name, member in self._each():
            place, own = self._own(name, rows)
            if len(own):
                chosen = member.settle(head.heads[name], output[place, self._columns[name]], own)
                output[place, self._columns[name]] = chosen
        return output

    def loss(self, output: Tensor, rows: Tensor) -> Tensor:
        """Return the mean of the losses of the tasks, weighed; learnt weights do not count here."""
        losses = {}
        for name, member in self._each():
            place, own = self._own(name, rows)
            if len(own):
                losses[name] = member.loss(output[place, self._columns[name]], own)
        return weighted_mean(losses, self.weights)

    def metrics(self, output: Tensor, rows: Tensor) -> dict[str, float]:
        """Return ``weighted_score`` and the metrics of each task that has an answer for some of the rows.

        The score is the weighed mean of each task's main metric; one of which less is better counts negative.
        """
        found: dict[str, float] = {}
        total = weight = 0.0
        for name, member in self._each():
            place, own = self._own(name, rows)
            if len(own):
                measured = member.metrics(output[place, self._columns[name]], own)
                found |= {f"{name}/{metric}": value for metric, value in measured.items()}
                metric, direction = member.monitor
                total += self.weights[name] * measured[metric] * (1 if direction == "max" else -1)
                weight += self.weights[name]
        return {"weighted_score": total / weight, **found}

    def predict(self, head: nn.Module, unify: Unify) -> pd.DataFrame:
        """Return entity, id and split of all rows, and of each task ``<task>/target`` and predictions."""
        output = self.output(head, unify, torch.arange(len(self.labels)))
        types = np.repeat(self.entities, [len(self._ids(entity)) for entity in self.entities])
        ids, split = self.labels.ids.astype(object), self.labels.split.astype(object)
        table = pd.DataFrame({"entity": types.astype(object), "id": ids, "split": split})
        for name, member in self._each():
            begin = self._begin[member.labels.entity]
            rows = slice(begin, begin + len(member.labels))
            own = member.predictions(output[rows, self._columns[name]]).drop(columns=["id", "split"])
            own.index += begin
            table = table.join(own.add_prefix(f"{name}/"))
        return table

    def answer(self, head: nn.Module, states: Tensor) -> Tensor:
        """Return the outputs of the heads of the first entity type's tasks, side by side, [R, C].

        Args:
            head: What :meth:`make_head` made.
            states: Unified states of entities of that type, [R, channels].
        """
        assert isinstance(head, Heads)
        return torch.cat([head.heads[name](states) for name, _ in self._of_the_first()], dim=1)

    def decode(self, output: Tensor) -> pd.DataFrame:
        """Return what the first entity type's tasks predict, with the name of each before its columns.

        Args:
            output: From :meth:`answer`, [R, C].
        """
        tables, begin = [], 0
        for name, member in self._of_the_first():
            own = output[:, begin : begin + member.out_channels]
            tables.append(member.decode(own).add_prefix(f"{name}/"))
            begin += member.out_channels
        return pd.concat(tables, axis=1)

    def describe(self) -> dict[str, Any]:
        """Return the name and kind, the weights, whether they are learnt, and each task."""
        return {
            **super().describe(),
            "task_weights": "uncertainty" if self.learned else self.weights,
            "tasks": {name: member.describe() for name, member in self._each()},
        }

    def _each(self) -> Iterator[tuple[str, EntityTask]]:
        for name in self.weights:
            yield name, self.members[name]

    def _of_the_first(self) -> Iterator[tuple[str, EntityTask]]:
        return ((n, member) for n, member in self._each() if member.labels.entity == self.labels.entity)

    def _ids(self, entity: str) -> Any:
        return next(member.labels.ids for _, member in self._each() if member.labels.entity == entity)

    def _of_type(self, entity: str, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return which of some rows are entities of a type, and their rows among these."""
        own = rows - self._begin[entity]
        place = ((own >= 0) & (own < len(self._ids(entity)))).nonzero().flatten()
        return place, own[place]

    def _own(self, name: str, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return which of some rows a task has an answer for, and their rows in that task."""
        place, own = self._of_type(self.members[name].labels.entity, rows)
        known = self.get_buffer(f"known_{name}")[own]
        return place[known], own[known]
