"""Search by likeness in the unified representation of a run."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmgraph.errors import ConfigError, did_you_mean
from mmgraph.progress import Progress
from mmgraph.serving.conditions import filter_table, rows_that_meet
from mmgraph.serving.predictor import Predictor
from mmgraph.serving.query import Query, row_of
from mmgraph.serving.vector_index import VectorIndex, open_index
from mmgraph.tasks import Retrieval
from mmgraph.training.run import Run

_OTHER_SPACE = (
    "the run is a retrieval: compared are unified representations, and not one side of an entity with the "
    "other, as it has learnt to; its predictions name the answer to each query"
)


@dataclass(frozen=True, eq=False)
class Found:
    """What a search found.

    Args:
        table: Nearest first: ``id``, ``title`` and ``similarity``, the cosine.
        rows: Their rows in the graph's table of entities, int64 [K].
        notes: What the query does not rest on; see :meth:`Predictor.predict`.
        candidates: Among how many entities was searched.
    """

    table: pd.DataFrame
    rows: NDArray[np.int64]
    notes: list[str]
    candidates: int


class VectorSearch:
    """Finds the entities of a run that are most like one of them, or like something new.

    What is alike is what the run has learnt to tell apart: one that was trained on a classification puts
    entities of one class together, whatever else they have in common.

    Args:
        run: The run.
        entity: The entity type; that of the task by default.
        table: A table with columns for conditions, beyond what the graph keeps; see :meth:`like`.
        progress: Told what is going on.

    Raises:
        ConfigError: If there is no such entity type.
        MissingDependencyError: If faiss is not installed.

    Example:
        >>> search = VectorSearch(load_run("run"))  # doctest: +SKIP
        >>> search.like("U+0041", k=5).table  # doctest: +SKIP
        >>> search.find({"name_for_script": "LETTER A"}, where=["category=letter"]).table  # doctest: +SKIP
    """

    def __init__(
        self,
        run: Run,
        *,
        entity: str | None = None,
        table: str | Path | pd.DataFrame | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.run, self.entity = run, entity or run.task.labels.entity
        types = [t.name for t in run.graph.schema.node_types if t.modality is None]
        if self.entity not in types:
            raise ConfigError(
                f"there is no entity type {self.entity!r}",
                where="--entity",
                fix=did_you_mean(self.entity, types),
            )
        self._table, self._progress = table, progress

    @functools.cached_property
    def index(self) -> VectorIndex:
        """The index of the vectors, from the run's folder if it is there and of these weights."""
        return open_index(self.run, self.entity, progress=self._progress)

    @functools.cached_property
    def query(self) -> Query:
        """What turns descriptions of something new into vectors."""
        return Query(Predictor(self.run), self.entity)

    def like(self, name: str, *, k: int = 10, where: Sequence[str] = ()) -> Found:
        """Return the entities that are most like one of them, which is not among them.

        Args:
            name: Its id.
            k: How many.
            where: Conditions such as ``colour=red`` and ``price<10`` that all of them meet. Columns are
                ``id``, ``title``, the targets of tasks, ``split:TASK``, and those of ``table``.

        Raises:
            ConfigError: If there is no such entity, or a condition cannot be used.
        """
        row = row_of(self.run.graph, self.entity, name)
        unit = self.index.vectors(np.array([row], dtype=np.int64))[0]
        return self._nearest(unit, k, where, without=row, notes=[])

    def find(
        self,
        row: Mapping[str, Any],
        *,
        weights: Mapping[str, float] | None = None,
        folder: str | Path | None = None,
        k: int = 10,
        where: Sequence[str] = (),
    ) -> Found:
        """Return the entities that are most like a new one.

        Args:
            row: Columns and values of the new one.
            weights: By modality, how much it counts: each is then embedded alone, and the unit vectors are
                averaged; modalities that are not named weigh 1. Nothing to embed all together, as one entity.
            folder: Where the files are that the row names; the current folder by default.
            k: How many.
            where: Conditions; see :meth:`like`.

        Raises:
            ConfigError: If the row has no modality, or a weight or a condition cannot be used.
            MMGraphError: If something cannot be read.
        """
        unit, notes = self.query.vector(row, weights=weights, folder=folder)
        return self._nearest(unit, k, where, notes=notes)

    def _nearest(
        self,
        unit: NDArray[np.float32],
        k: int,
        where: Sequence[str],
        *,
        notes: list[str],
        without: int | None = None,
    ) -> Found:
        if k < 1:
            raise ConfigError(f"got {k}; wanted at least 1", where="k", fix="Ask for at least one entity.")
        nodes, among = self.run.graph.nodes[self.entity], None
        if where:
            among = rows_that_meet(filter_table(self.run.graph, self.entity, self._table), where)
            if without is not None:
                among = among[among != without]
        rows, cosines = self.index.nearest(unit, k + (without is not None), among=among)
        kept = np.flatnonzero(rows != (-1 if without is None else without))[:k]
        rows, cosines = rows[kept], cosines[kept]
        table = pd.DataFrame(
            {
                "id": nodes["id"].to_numpy(object)[rows],
                "title": nodes["title"].to_numpy(object)[rows],
                "similarity": cosines.astype(float),
            }
        )
        candidates = (len(nodes) - (without is not None)) if among is None else len(among)
        if isinstance(self.run.task, Retrieval):
            notes = [*notes, _OTHER_SPACE]
        return Found(table, rows, [note for note in notes if note], candidates)
