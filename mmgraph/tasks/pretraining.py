"""Learning without labels: several objectives together, for a model that is then trained on something else.

Shapes: N entities, R of them that are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.data.task_spec import PretrainingTaskSpec
from mmgraph.errors import ConfigError, GraphError, did_you_mean
from mmgraph.graph.graph import Graph
from mmgraph.graph.schema import Triple
from mmgraph.graph.unprepared import split_column
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.registry import TASKS
from mmgraph.tasks.content import Content
from mmgraph.tasks.labels import SPLITS, Labels, find_task, split_of
from mmgraph.tasks.objectives import Contrast
from mmgraph.tasks.options import TaskOptions
from mmgraph.tasks.pretext import PRETEXTS, Pretext, Subject
from mmgraph.tasks.pretext.classes import read_classes
from mmgraph.tasks.refuse import refuse_set
from mmgraph.tasks.step import Encode, Step, Unify
from mmgraph.tasks.task import Direction, Task


@TASKS.register("pretraining")
class Pretraining(Task):
    """Objectives, each with a weight: contrastive, masked modality or features, links, infomax, classes.

    It learns from training entities, and is measured on the others, by the loss.

    Args:
        labels: What the graph says about the task; every entity has a value.
        subject: What is asked about.
        weights: The weight of each objective, by its name.
    """

    has_views = True

    def __init__(self, labels: Labels, subject: Subject, weights: dict[str, float]) -> None:
        super().__init__(labels)
        self.weights = weights
        self._pretexts: dict[str, Pretext] = {name: PRETEXTS[name](subject) for name in weights}

    @classmethod
    def read(cls, graph: Graph, name: str, options: TaskOptions) -> Task:
        """Return the pre-training that a graph has by a name.

        Raises:
            ConfigError: If an objective is unknown, needs more modalities than there are, or something was
                set that needs classes or links, or that none of the objectives reads.
            GraphError: If the entity type has no modality, or a split no entity.
        """
        spec = find_task(graph, name)
        assert isinstance(spec, PretrainingTaskSpec)
        table, where = graph.nodes[spec.entity], f"tasks.{name}"
        split = table[split_column(graph, spec.entity, spec.split)]
        labels = Labels(
            task=name,
            kind=spec.kind,
            entity=spec.entity,
            column="id",
            id_values=table["id"],
            values=table["id"],
            split=split_of(split),
            where=where,
        )
        options.refuse_others(labels, "contrast", "objectives", "few_labels")
        view = graph.view(name)
        content = Content.in_graph(view, spec.entity)
        if not content:
            raise GraphError(
                f"{spec.entity!r} has no modality that the task sees",
                where=where,
                fix="Choose an entity type that has one.",
            )
        weights = _weights(options.objectives.weights, len(content), spec.entity)
        _refuse_unread(options, labels, weights)
        subject = Subject(
            entity=spec.entity,
            schema=graph.schema,
            content=content,
            held_out=torch.from_numpy(np.isin(labels.split, SPLITS[1:])),
            contrast=options.contrast,
            mask_share=options.objectives.mask_share,
            links=_links(view, spec.entity, weights),
            classes=read_classes(graph, labels, options) if "supervised_contrastive" in weights else None,
        )
        options.contrast.require_relations(view.schema, spec.entity)
        return cls(labels, subject, weights)

    @property
    def monitor(self) -> tuple[str, Direction]:
        """The loss, the less the better."""
        return "weighted_loss", "min"

    @property
    def only_whole(self) -> str | None:
        """Why a step must see the whole graph: the first reason that an objective has."""
        return next((p.only_whole for p in self._pretexts.values() if p.only_whole), None)

    def make_head(self, channels: int) -> nn.Module:
        """Return what the objectives learn beside the model, with fresh weights."""
        head: nn.Module = ModuleDict(
            {name: pretext.make_head(channels) for name, pretext in self._pretexts.items()}
        )
        return head

    def step(self, head: nn.Module, encode: Encode, batch: GraphBatch) -> Step:
        """Return the weighed sum of the losses of the objectives."""
        assert isinstance(head, ModuleDict)
        rows = self.rows("train") if batch.seeds is None else batch.seeds
        # The seeds of a sample are its first nodes.
        here = rows if batch.seeds is None else torch.arange(len(rows), device=rows.device)
        found = {
            name: pretext.step(head[name], encode, batch, rows, here)
            for name, pretext in self._pretexts.items()
        }
        losses = [self.weights[name] * loss for name, loss in found.items() if loss is not None]
        if not losses:
            state = encode(batch)[self.labels.entity]
            return Step(state.float().sum() * 0, 0, state)
        return Step(torch.stack(losses).sum(), len(rows), torch.stack(losses))

    def output(self, head: nn.Module, unify: Unify, rows: Tensor) -> Tensor:
        """Return the loss of each objective over some entities, without its weight; 0 where it has none."""
        assert isinstance(head, ModuleDict)
        losses = [pretext.measure(head[name], unify, rows) for name, pretext in self._pretexts.items()]
        return torch.stack([torch.zeros((), device=rows.device) if x is None else x for x in losses])

    def name_of_output(self, part: int) -> str:
        """Return which objective's loss a part of the output is."""
        return f"the loss of {list(self.weights)[part]}"

    def loss(self, output: Tensor, rows: Tensor) -> Tensor:  # noqa: ARG002 - the output is over the rows
        """Return the weighed sum of the losses of the objectives."""
        return output @ torch.tensor(list(self.weights.values()), device=output.device)

    def metrics(self, output: Tensor, rows: Tensor) -> dict[str, float]:
        """Return the weighed sum of the losses, and each by itself."""
        each = {f"{name}_loss": loss.item() for name, loss in zip(self.weights, output, strict=True)}
        return {"weighted_loss": self.loss(output, rows).item(), **each}

    def predict(self, head: nn.Module, unify: Unify) -> pd.DataFrame:  # noqa: ARG002 - it predicts nothing
        """Return ``id`` and ``split`` of all entities: it says nothing more of them."""
        ids, split = (values.astype(object) for values in (self.labels.ids, self.labels.split))
        return pd.DataFrame({"id": ids, "split": split})

    def describe(self) -> dict[str, Any]:
        """Return the task's name and kind, and the weights of its objectives."""
        return {**super().describe(), "objectives": self.weights}


def _weights(asked: dict[str, float] | None, num_modalities: int, entity: str) -> dict[str, float]:
    """Return the weights of the objectives; by default of those that are usual.

    Raises:
        ConfigError: If an objective is unknown, or needs more modalities.
    """
    if asked is None:
        usual = ("contrastive", "masked_modality") if num_modalities > 1 else ("masked_features", "infomax")
        return dict.fromkeys(usual, 1.0)
    for name in asked:
        if name not in PRETEXTS:
            raise ConfigError(
                f"there is no objective {name!r}", where="objectives", fix=did_you_mean(name, PRETEXTS)
            )
        if num_modalities < PRETEXTS[name].least_modalities:
            raise ConfigError(
                f"{name!r} needs {PRETEXTS[name].least_modalities} modalities, and {entity!r} has one",
                where="objectives",
                fix="Leave it out.",
            )
    return dict(asked)


def _links(view: Graph, entity: str, weights: Iterable[str]) -> dict[Triple, Tensor]:
    """Return the relations that tie entities of a type to entities, if an objective asks for them.

    Raises:
        ConfigError: If there is none.
    """
    asking = next((name for name in weights if PRETEXTS[name].needs_links), None)
    if asking is None:
        return {}
    entities = {t.name for t in view.schema.node_types if t.modality is None}
    links = {
        t.triple: torch.from_numpy(np.array(view.edge_index[t.triple]))
        for t in view.schema.edge_types
        if t.reverse_of is None and t.num_edges and entity in t.triple[::2] and entities >= set(t.triple[::2])
    }
    if not links:
        raise ConfigError(
            f"{asking!r} needs a relation that ties {entity!r} to entities, and there is none",
            where="objectives",
            fix="Leave it out.",
        )
    return links


def _refuse_unread(options: TaskOptions, labels: Labels, weights: Iterable[str]) -> None:
    """Refuse what was set for other objectives than those that are asked for."""
    read = {option for name in weights for option in PRETEXTS[name].reads}
    if "contrast" not in read:
        options.contrast.refuse(labels)
    ridge = {"contrastive.ridge": (options.contrast.ridge, Contrast().ridge)}
    refuse_set(labels, "begins with no regression", ridge)
    if "contrastive" not in weights:
        contrast, usual = asdict(options.contrast), asdict(Contrast())
        unread = ("related", "related_by", "share", "hard_negatives", "context", "chunk")
        settings = {f"contrastive.{key}": (contrast[key], usual[key]) for key in unread}
        refuse_set(labels, "aligns no modalities", settings)
    if "mask_share" not in read:
        options.objectives.refuse_mask_share()
    if "classes" not in read:
        options.objectives.refuse_classes()
        options.few_labels.refuse(labels)
