"""Entities that are unlike those that a run was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

from mmgraph.counted import counted
from mmgraph.errors import ConfigError, GraphError, did_you_mean
from mmgraph.serving.vector_index import as_units
from mmgraph.training.memory import memory_told
from mmgraph.training.run import Run

Method = Literal["knn", "lof"]

_METHODS = ("knn", "lof")


@dataclass(frozen=True, eq=False)
class Anomalies:
    """How unlike the training entities the entities of one type are.

    Args:
        entity: The entity type.
        method: ``knn`` or ``lof``.
        k: How many neighbours were looked at.
        reference: How many training entities there are.
        table: One row for each entity, the least usual one first: ``id``, ``title``, ``split``, ``score``,
            ``rarer_than`` (the share of the validation entities with a lower score; missing where there are
            none), and ``nearest``, the titles of the nearest training entities.
    """

    entity: str
    method: Method
    k: int
    reference: int
    table: pd.DataFrame

    def to_json(self, most: int) -> dict[str, Any]:
        """Return the least usual entities and what they were held against, as JSON.

        Args:
            most: How many entities.
        """
        return {
            "entity": self.entity,
            "method": self.method,
            "k": self.k,
            "training_entities": self.reference,
            # What is missing, JSON has no number for.
            "anomalies": [
                {name: None if value != value else value for name, value in row.items()}
                for row in self.table.head(most).to_dict("records")
            ],
        }


def anomalies(
    run: Run, *, method: Method = "knn", k: int = 10, entity: str | None = None, shown: int = 3
) -> Anomalies:
    """Return how unlike the training entities each entity is, by its unified representation's direction.

    An entity is held against training entities alone, itself left out, so that its score does not depend on
    which other entities were held out with it. A model fits those that it was trained on, and they lie closer
    together than new ones do: how rare a score is, those of validation say, which it has not fitted.

    Args:
        run: The run.
        method: ``knn`` for the mean of one minus the cosine with the k nearest, from 0 to 2 (`Angiulli and
            Pizzuti 2002 <https://doi.org/10.1007/3-540-45681-3_2>`_); ``lof`` for how much sparser it lies
            than they do, the local outlier factor, about 1 for what is usual (`Breunig et al. 2000
            <https://doi.org/10.1145/335191.335388>`_).
        k: How many nearest training entities.
        entity: The entity type; that of the task by default.
        shown: How many of them are named.

    Raises:
        ConfigError: If there is no such entity type or method, or k is too large.
        DivergedError: If a vector is not finite.
        GraphError: If the graph does not say which entities train.
        RunError: If memory runs out.

    Example:
        >>> anomalies(load_run("run"), k=5).table.head()  # doctest: +SKIP
    """
    ids, vectors = run.embed(entity)
    chosen = entity or run.task.labels.entity
    split = _split(run, chosen)
    training = np.flatnonzero(split == "train")
    _check(method, k, len(training))
    doing = f"while {counted(len(ids), 'vector')} of width {vectors.shape[1]} were held against others"
    with memory_told(doing, fix="Free some memory."):
        units = as_units(vectors).astype(np.float64)
        distance, nearest = _nearest(units, training, max(k, shown))
        score = distance[:, :k].mean(axis=1) if method == "knn" else _outlier_factor(units, training, k)
    titles = run.graph.nodes[chosen]["title"].to_numpy(dtype=str)
    usual = np.sort(score[split == "validation"])
    table = pd.DataFrame(
        {
            "id": ids,
            "title": titles,
            "split": split,
            "score": score,
            "rarer_than": np.searchsorted(usual, score) / len(usual) if len(usual) else np.nan,
            "nearest": [titles[row[:shown]].tolist() for row in nearest],
        }
    )
    order = np.argsort(-score, kind="stable")
    return Anomalies(chosen, method, k, len(training), table.iloc[order].reset_index(drop=True))


def _check(method: str, k: int, training: int) -> None:
    if method not in _METHODS:
        raise ConfigError(
            f"there is no method {method!r}", where="--method", fix=did_you_mean(method, _METHODS)
        )
    if not 1 <= k < training:
        raise ConfigError(
            f"got {k}; wanted from 1 to fewer than there are training entities, {training:,}", where="-k"
        )


def _split(run: Run, entity: str) -> NDArray[np.str_]:
    """Return the part that each entity has in the run's task, or where it has none, whether it may train.

    Raises:
        GraphError: If the graph says neither.
    """
    split = run.task.split_of(entity)
    if split is not None:
        return split.astype(str)
    table = run.graph.nodes[entity]
    if "training" in table:
        return np.where(table["training"].to_numpy(dtype=bool), "train", "")
    raise GraphError(
        f"the graph does not say which entities of the type {entity!r} train",
        where="--entity",
        fix="Choose the entity type of the run's task.",
    )


def _nearest(
    units: NDArray[np.float64], training: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return one minus the cosines with the nearest training entities but itself, and these, [N, k]."""
    k = min(k, len(training) - 1)
    search = NearestNeighbors(n_neighbors=k + 1, algorithm="brute").fit(units[training])
    distance, place = search.kneighbors(units)
    found = training[place]
    own = found == np.arange(len(units))[:, None]
    # Whoever is not among them gives up the farthest one.
    own[~own.any(axis=1), k] = True
    keep = ~own
    return distance[keep].reshape(-1, k) ** 2 / 2, found[keep].reshape(-1, k)


def _outlier_factor(units: NDArray[np.float64], training: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    model = LocalOutlierFactor(n_neighbors=k, novelty=True).fit(units[training])
    score = -model.score_samples(units)
    # Asked anew, a training entity would find itself.
    score[training] = -model.negative_outlier_factor_
    return np.asarray(score, dtype=np.float64)
