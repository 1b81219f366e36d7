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
from mmgraph.graph.known_columns import known_columns
from mmgraph.progress import Progress
from mmgraph.serving.conditions import hints, rows_that_meet
from mmgraph.serving.predictor import Predictor
from mmgraph.serving.query import Query, row_of
from mmgraph.serving.vector_index import VectorIndex, open_index
from mmgraph.tasks.common_space import sides_of
from mmgraph.training.run import Run


@dataclass(frozen=True, eq=False)
class Found:
    """What a search found.

    Args:
        table: Nearest first: ``id``, ``title`` and ``similarity``, the cosine.
        rows: Their rows in the graph's table of entities, int64 [K].
        notes: What the query does not rest on; see :meth:`Predictor.predict`.
        candidates: Among how many entities was searched.
        index: What they were found in.
        side: The modality by which they were found; nothing where they are compared as a whole.
    """

    table: pd.DataFrame
    rows: NDArray[np.int64]
    notes: list[str]
    candidates: int
    index: VectorIndex
    side: str | None = None


class VectorSearch:
    """Finds the entities of a run that are most like one of them, or like something new.

    What is alike is what the run has learnt to tell apart: one that was trained on a classification puts
    entities of one class together, whatever else they have in common. A retrieval puts both modalities of an
    entity together: there one side of entities is searched, such as their pictures, by the other one, such as
    a text, or by both.

    Args:
        run: The run.
        entity: The entity type; that of the task by default.
        table: A table with columns for conditions, beyond what the graph keeps; see :meth:`like`.
        progress: Told what is going on.

    Attributes:
        sides: Of a retrieval, the two modalities by which entities are seen; else nothing.

    Raises:
        ConfigError: If there is no such entity type, or the retrieval is one of others.
        MissingDependencyError: If faiss is not installed.

    Example:
        >>> search = VectorSearch(load_run("run"))  # doctest: +SKIP
        >>> search.like("U+0041", k=5).table  # doctest: +SKIP
        >>> search.find({"name_for_script": "LETTER A"}, where=["category=letter"]).table  # doctest: +SKIP
        >>> retrieval = VectorSearch(load_run("retrieval"))  # doctest: +SKIP
        >>> retrieval.find({"name": "black chess knight"}, side="picture").table  # doctest: +SKIP
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
        self.sides = sides_of(run.task)
        if self.sides:
            run.space(self.sides[0], entity=self.entity)
        self._table, self._progress = table, progress
        self._indices: dict[str | None, VectorIndex] = {}

    def index(self, side: str | None = None) -> VectorIndex:
        """Return the index of the vectors, from the run's folder if it is there and of these weights.

        Args:
            side: Of a retrieval, the modality by which entities are seen.
        """
        if side not in self._indices:
            self._indices[side] = open_index(self.run, self.entity, side=side, progress=self._progress)
        return self._indices[side]

    @functools.cached_property
    def query(self) -> Query:
        """What turns descriptions of something new into vectors."""
        sides = {name: self.run.space(name).side.modalities for name in self.sides}
        return Query(Predictor(self.run), self.entity, sides=sides or None)

    def like(self, name: str, *, k: int = 10, where: Sequence[str] = (), side: str | None = None) -> Found:
        """Return the entities that are most like one of them, which is not among them.

        Of a retrieval, the other side of the entity is compared with the side that is searched, of all
        entities: whether it finds itself tells how well it is told.

        Args:
            name: Its id.
            k: How many.
            where: Conditions such as ``colour=red`` and ``price<10`` that all of them meet. Columns are
                ``id``, ``title``, the targets of tasks, ``split:TASK``, and those of ``table``.
            side: Of a retrieval, the modality by which entities are found; it need not be said of an entity
                that has one of both.

        Raises:
            ConfigError: If there is no such entity, it lacks the side that is compared, or a condition cannot
                be used.
        """
        row = row_of(self.run.graph, self.entity, name)
        if not self.sides:
            self._sought(side, ())
            return self._nearest(self._vector(row, None), k, where, without=row, notes=[])
        has = [one for one in self.sides if row in self._rows(one)]
        if not has:
            raise ConfigError(
                f"{name!r} has neither {' nor '.join(self.sides)} to find others by",
                where="query",
                fix="Search by another entity, or by --text and its like.",
            )
        sought = self._sought(side, has)
        other = self._other(sought)
        if other not in has:
            raise ConfigError(
                f"{name!r} has no {other} to find a {sought} by",
                where="query",
                fix="Search by another entity, or by --text and its like.",
            )
        return self._nearest(self._vector(row, other), k, where, notes=[], side=sought)

    def find(
        self,
        row: Mapping[str, Any],
        *,
        like: str | None = None,
        weights: Mapping[str, float] | None = None,
        folder: str | Path | None = None,
        k: int = 10,
        where: Sequence[str] = (),
        side: str | None = None,
    ) -> Found:
        """Return the entities that are most like a new one, or like both that and a known one.

        Args:
            row: Columns and values of the new one.
            like: The id of a known one whose vector is averaged with that of the row, for "this one, but
                red". It is not among those found. Of a retrieval, it has the side that the row has not.
            weights: By modality, how much it counts: each is then embedded alone, and the unit vectors are
                averaged; modalities that are not named weigh 1. Nothing to embed all together, as one entity.
                Of a retrieval, both sides are embedded alone in any case. ``id`` is the known one.
            folder: Where the files are that the row names; the current folder by default.
            k: How many.
            where: Conditions; see :meth:`like`.
            side: Of a retrieval, the modality by which entities are found; by default the one that the row
                has not.

        Raises:
            ConfigError: If the row has no modality, there is no such known entity, it lacks the side that
                the row leaves to it, or a weight, a condition or the side cannot be used.
            MMGraphError: If something cannot be read.
        """
        given, known, without = self.query.parts(row), None, None
        if like is not None:
            without, own = self._beside(like, given)
            known = self._vector(without, own)
            given = given if own is None else [*given, own]
        sought = self._sought(side, given)
        unit, notes = self.query.vector(row, weights=weights, folder=folder, known=known)
        return self._nearest(unit, k, where, without=without, notes=notes, side=sought)

    def _beside(self, name: str, given: Sequence[str]) -> tuple[int, str | None]:
        """Return the row of a known entity beside a description, and of a retrieval the side that it adds."""
        row = row_of(self.run.graph, self.entity, name)
        if not self.sides:
            return row, None
        if len(given) != 1:
            raise ConfigError(
                f"the description has both {' and '.join(self.sides)}, so that nothing of {name!r} counts",
                where="query",
                fix="Leave out the id, or one of both.",
            )
        own = self._other(given[0])
        if row not in self._rows(own):
            raise ConfigError(
                f"{name!r} has no {own} to go with the {given[0]}",
                where="query",
                fix="Search by another entity, or by the description alone.",
            )
        return row, own

    def _sought(self, side: str | None, given: Sequence[str]) -> str | None:
        """Return the side that is searched where a query has some sides; nothing where there are no sides."""
        if side is not None:
            return self.run.space(side, where="--for").modality
        if not self.sides:
            return None
        if len(given) != 1:
            raise ConfigError(
                f"the query has both {' and '.join(self.sides)}, so that it does not say which of them is "
                "sought",
                where="--for",
                fix=f"Say it: --for {self.sides[0]} or --for {self.sides[1]}.",
            )
        return self._other(given[0])

    def _other(self, side: str | None) -> str:
        return next(name for name in self.sides if name != side)

    def _rows(self, side: str | None) -> NDArray[np.int64]:
        """Return the entities whose vectors the index of a side has, in its order, ascending."""
        if side is None:
            return np.arange(len(self.run.graph.nodes[self.entity]))
        return self.run.space(side).rows.numpy()

    def _vector(self, row: int, side: str | None) -> NDArray[np.float32]:
        """Return the unit vector of an entity, [C]."""
        place = np.searchsorted(self._rows(side), np.array([row], dtype=np.int64))
        unit: NDArray[np.float32] = self.index(side).vectors(place)[0]
        return unit

    def _nearest(
        self,
        unit: NDArray[np.float32],
        k: int,
        where: Sequence[str],
        *,
        notes: list[str],
        without: int | None = None,
        side: str | None = None,
    ) -> Found:
        if k < 1:
            raise ConfigError(f"got {k}; wanted at least 1", where="k", fix="Ask for at least one entity.")
        nodes, known, among = self.run.graph.nodes[self.entity], self._rows(side), None
        # Who lacks the side that is searched is not among them in any case.
        without = without if without is not None and without in known else None
        if where:
            columns = known_columns(self.run.graph, self.entity, self._table)
            rows = rows_that_meet(columns, where)
            notes = [*notes, *(hints(columns, where) if not len(rows) else [])]
            among = np.flatnonzero(np.isin(known, rows[rows != without] if without is not None else rows))
        places, cosines = self.index(side).nearest(unit, k + (without is not None), among=among)
        rows = known[places]
        kept = np.flatnonzero(rows != (-1 if without is None else without))[:k]
        rows, cosines = rows[kept], cosines[kept]
        table = pd.DataFrame(
            {
                "id": nodes["id"].to_numpy(object)[rows],
                "title": nodes["title"].to_numpy(object)[rows],
                "similarity": cosines.astype(float),
            }
        )
        candidates = (len(known) - (without is not None)) if among is None else len(among)
        kept_notes = [note for note in notes if note]
        return Found(table, rows, kept_notes, candidates, self.index(side), side)
