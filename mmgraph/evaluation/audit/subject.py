"""What is audited: the graph as a task sees it, labels and parts, and what all checks ask of them."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmgraph.counted import agreed, counted
from mmgraph.data.dataset import Dataset
from mmgraph.data.references import MULTI_LABEL
from mmgraph.graph.graph import Graph
from mmgraph.graph.schema import EdgeType, NodeType
from mmgraph.tasks import LinkPrediction, Task
from mmgraph.tasks.labels import Labels, find_task
from mmgraph.tasks.pair_task import PairTask

SHOWN = 3
"""How many examples a finding shows."""


class CannotLookError(Exception):
    """A check has not what it needs; the text says what, to follow the check's name."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A graph under audit.

    Args:
        graph: The graph as the task sees it.
        task: The name of the task.
        labels: Targets and split of the task.
        parts: The parts of the split that are held against training.
        dataset: The dataset that the graph was built from, if it is given.
        groups: Columns or relations whose groups are to stay together.
        asked: A task that asks for something else than a target of each entity: of two modalities, or links,
            by which no entity is held out.
    """

    graph: Graph
    task: str
    labels: Labels
    parts: tuple[str, ...]
    dataset: Dataset | None = None
    groups: tuple[str, ...] = ()
    asked: Task | None = None

    @property
    def pair(self) -> PairTask:
        """The task, of which it is known that it is about two modalities."""
        assert isinstance(self.asked, PairTask)
        return self.asked

    @property
    def link_prediction(self) -> LinkPrediction:
        """The task, of which it is known that it asks for links."""
        assert isinstance(self.asked, LinkPrediction)
        return self.asked

    @functools.cached_property
    def complete(self) -> NDArray[np.bool_]:
        """Which entities have both modalities of the task, bool [N]."""
        return self.pair.labels.values.notna().to_numpy(dtype=bool)

    @property
    def split_spec(self) -> Mapping[str, Any]:
        """What the dataset says of the split of the task's entities; nothing of links."""
        name = getattr(find_task(self.graph, self.task), "split", None)
        spec = self.graph.manifest.get("dataset", {}).get("spec", {})
        found: Mapping[str, Any] = spec.get("splits", {}).get(name, {})
        return found

    @property
    def answers(self) -> set[str]:
        """The node types that hold what is asked for, of which a single word is no property."""
        if not isinstance(self.asked, PairTask):
            return set()
        return {f"{self.entity}/{name}" for name in self.asked.names}

    @property
    def entity(self) -> str:
        """The entity type of the task."""
        return self.labels.entity

    @property
    def num_entities(self) -> int:
        """The number N of entities of the task's type."""
        return len(self.labels)

    @functools.cached_property
    def training(self) -> NDArray[np.bool_]:
        """Which entities train, bool [N]."""
        return np.asarray(self.labels.split == "train")

    @functools.cached_property
    def held_out(self) -> NDArray[np.bool_]:
        """Which entities are held out in one of the parts that are looked at, bool [N]."""
        return np.isin(self.labels.split, self.parts)

    @property
    def is_classification(self) -> bool:
        """Whether the labels are classes and not numbers."""
        return self.labels.kind != "regression"

    @functools.cached_property
    def classes(self) -> list[str]:
        """The names of all classes, sorted; none for numbers.

        Raises:
            CannotLookError: If an entity may have several labels, which are no classes.
        """
        self._refuse_several()
        if not self.is_classification:
            return []
        return sorted(self.labels.values.dropna().astype(str).unique())

    @functools.cached_property
    def target(self) -> NDArray[np.float64]:
        """The number of each entity's class, or its value, float64 [N]; NaN where it has no label.

        Raises:
            CannotLookError: If an entity may have several labels.
        """
        self._refuse_several()
        values = self.labels.values
        if not self.is_classification:
            return values.to_numpy(dtype=np.float64, na_value=np.nan)
        codes = pd.Categorical(values.astype(object), categories=self.classes).codes
        return np.where(codes < 0, np.nan, codes).astype(np.float64)

    @functools.cached_property
    def labelled(self) -> NDArray[np.bool_]:
        """Which entities have a label, bool [N]."""
        return self.labels.values.notna().to_numpy()

    def _refuse_several(self) -> None:
        if self.labels.kind == MULTI_LABEL:
            raise CannotLookError("it looks at one answer an entity, and these may have several labels")

    @property
    def modalities(self) -> list[NodeType]:
        """The node types of the entity's modalities that the task sees."""
        return [t for t in self.graph.schema.node_types if t.modality is not None and t.entity == self.entity]

    @property
    def relations(self) -> list[EdgeType]:
        """The relations that the task sees, without ``of`` and without reverse ones."""
        return [t for t in self.graph.schema.edge_types if t.kind != "of" and t.reverse_of is None]

    def rows(self, node_type: str) -> NDArray[np.int64]:
        """Return the row of each node's entity in its entity table, int64."""
        table = self.graph.nodes[node_type]
        if "entity_index" in table:
            return table["entity_index"].to_numpy(dtype=np.int64)
        return np.arange(len(table), dtype=np.int64)

    def is_of_the_task(self, node_type: str) -> bool:
        """Return whether nodes belong to the entities that the task is about."""
        return self.graph.schema.node_type(node_type).entity == self.entity

    def ends(self, edge_type: EdgeType) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows of the entities at both ends of every edge, int64 [E] each."""
        source, target = self.graph.edge_index[edge_type.triple]
        return self.rows(edge_type.source)[source], self.rows(edge_type.target)[target]

    def pairs(self, edge_type: EdgeType) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the different pairs of entities that a relation ties, each once and none with itself."""
        one, other = self.ends(edge_type)
        low, high = np.minimum(one, other), np.maximum(one, other)
        keys = np.unique((low * self.num_entities + high)[low != high])
        return np.divmod(keys, self.num_entities)

    def label(self, row: int) -> str:
        """Return an entity's label as people read it."""
        return str(self.labels.values.iloc[row])

    def names(self, rows: Iterable[int]) -> tuple[str, ...]:
        """Return the ids of the first few of some entities."""
        return tuple(str(self.labels.ids[row]) for row in list(rows)[:SHOWN])

    def examples(self, held_out: NDArray[np.int64], training: NDArray[np.int64]) -> tuple[str, ...]:
        """Return the first few couples of a held-out and a training entity, as people read them."""
        return tuple(
            f"{self.labels.ids[one]} ({self.labels.split[one]}) = {self.labels.ids[other]} (train)"
            for one, other in list(zip(held_out, training, strict=True))[:SHOWN]
        )

    def alike(self, held_out: NDArray[np.int64], training: NDArray[np.int64]) -> tuple[int, int]:
        """Return how many couples have one label, of how many labelled ones; none for numbers or several."""
        known = self.labelled[held_out] & self.labelled[training]
        if not self.is_classification or self.labels.kind == MULTI_LABEL:
            return 0, 0
        return int((self.target[held_out] == self.target[training])[known].sum()), int(known.sum())

    def agreement(self, held_out: NDArray[np.int64], training: NDArray[np.int64]) -> str:
        """Return how many couples have one label, and how many would by chance, as half a sentence."""
        same, known = self.alike(held_out, training)
        if not known:
            return ""
        share = np.bincount(self.target[self.training & self.labelled].astype(np.int64))
        chance = float((share / share.sum()) ** 2 @ np.ones(len(share)))
        return (
            f"; {same:,} of {counted(known, 'labelled couple')} {agreed(same, 'has', 'have')} one label "
            f"({chance:.0%} by chance)"
        )
