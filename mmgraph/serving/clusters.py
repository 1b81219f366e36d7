"""Clusters of a run's unified representations, and what is in each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.cluster import HDBSCAN, KMeans, MiniBatchKMeans
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, silhouette_score

from mmgraph.counted import counted
from mmgraph.errors import ConfigError, did_you_mean
from mmgraph.graph.known_columns import known_columns
from mmgraph.serving.vector_index import as_units
from mmgraph.training.memory import memory_told
from mmgraph.training.run import Run

Method = Literal["kmeans", "hdbscan"]

OUTLIER = -1
"""The number of those that HDBSCAN puts into no cluster."""

_TRIED = (*range(2, 13), 15, 20, 25, 30, 40, 50)
# How many entities numbers of clusters are tried on: a silhouette looks at all pairs.
_SAMPLE = 3000
# Up to how many entities k-means goes through all in each round.
_MOST_WHOLE = 100_000
_BATCH = 4096
# The least entities of a cluster of HDBSCAN, unless somebody says otherwise.
_MIN_SIZE = 5


@dataclass(frozen=True, eq=False)
class Clustering:
    """Clusters of the entities of one type.

    Args:
        entity: The entity type.
        method: ``kmeans`` or ``hdbscan``.
        table: One row for each entity, in the order of the graph: ``id``, ``title``, ``cluster`` (from 0, the
            largest first; -1 for an entity that HDBSCAN puts into none) and ``similarity``, its cosine with
            the centre.
        clusters: One row for each cluster: ``cluster``, ``size``, ``similarity`` (the mean) and ``nearest``,
            the titles of those nearest to the centre.
        silhouette: The mean silhouette of entities in clusters, between -1 and 1, by the cosine; nothing if
            there are fewer than two clusters.
        tried: By number of clusters, the silhouette, where the number was chosen by it.
        against: How the clusters agree with a column: ``column``, ``entities`` (that have a value),
            ``normalized_mutual_information`` and ``adjusted_rand_index``; nothing if none was named.
    """

    entity: str
    method: Method
    table: pd.DataFrame
    clusters: pd.DataFrame
    silhouette: float | None
    tried: dict[int, float]
    against: dict[str, Any] | None

    def to_json(self) -> dict[str, Any]:
        """Return all but the table of entities, as JSON."""
        return {
            "entity": self.entity,
            "method": self.method,
            "entities": len(self.table),
            "outliers": int((self.table["cluster"] == OUTLIER).sum()),
            "silhouette": self.silhouette,
            "tried": {str(number): value for number, value in self.tried.items()},
            "against": self.against,
            "clusters": self.clusters.to_dict("records"),
        }


def cluster(
    run: Run,
    *,
    clusters: int | Literal["auto"] = "auto",
    method: Method = "kmeans",
    min_size: int | None = None,
    entity: str | None = None,
    against: str | None = None,
    table: str | Path | pd.DataFrame | None = None,
    shown: int = 5,
    seed: int = 0,
) -> Clustering:
    """Return clusters of a run's unified representations, which count by their directions alone.

    All entities of the type take part, also those that the run was tested on: nothing is learnt from labels
    here, but what the run has learnt from those of training is in its vectors.

    Args:
        run: The run.
        clusters: How many clusters k-means makes; ``auto`` for the number of up to 50 with the highest
            silhouette on at most 3,000 entities, which are drawn. HDBSCAN finds out by itself.
        method: ``kmeans``, beyond 100,000 entities by mini-batches (`Sculley 2010
            <https://doi.org/10.1145/1772690.1772862>`_); or ``hdbscan``, which leaves out what lies in no
            dense region.
        min_size: The least entities of a cluster of HDBSCAN; 5 by default.
        entity: The entity type; that of the task by default.
        against: A column that the clusters are compared with: ``title``, the target of a task, or one of
            ``table``.
        table: A table with further columns, found by its column of ids.
        shown: How many titles each cluster shows.
        seed: Where k-means begins, and which entities are drawn.

    Raises:
        ConfigError: If there is no such entity type or column, or the number of clusters cannot be.
        DataError: If the table cannot be read.
        DivergedError: If a vector is not finite.
        RunError: If memory runs out.

    Example:
        >>> cluster(load_run("run"), against="script").against  # doctest: +SKIP
    """
    ids, vectors = run.embed(entity)
    chosen = entity or run.task.labels.entity
    _check(clusters, method, min_size, len(ids))
    labels = None if against is None else _column(run, chosen, against, table)
    doing = f"while {counted(len(ids), 'vector')} of width {vectors.shape[1]} were clustered"
    with memory_told(doing, fix="Free some memory, or take method kmeans."):
        units, tried = as_units(vectors), dict[int, float]()
        if method == "hdbscan":
            found = HDBSCAN(min_cluster_size=min_size or _MIN_SIZE, copy=True).fit_predict(units)
        elif clusters == "auto":
            tried = _silhouettes(units, seed)
            found = _kmeans(units, max(tried, key=lambda number: tried[number]), seed)
        else:
            found = _kmeans(units, clusters, seed)
        number = _largest_first(found)
        silhouette = _silhouette(units, number, seed)
    titles = run.graph.nodes[chosen]["title"].to_numpy(dtype=str)
    similarity, summary = _summary(units, number, titles, shown)
    return Clustering(
        entity=chosen,
        method=method,
        table=pd.DataFrame({"id": ids, "title": titles, "cluster": number, "similarity": similarity}),
        clusters=summary,
        silhouette=silhouette,
        tried=tried,
        against=None if labels is None else _agreement(str(against), labels, number),
    )


def _check(clusters: int | str, method: str, min_size: int | None, count: int) -> None:
    if method not in ("kmeans", "hdbscan"):
        raise ConfigError(
            f"there is no method {method!r}",
            where="--method",
            fix=did_you_mean(method, ["kmeans", "hdbscan"]),
        )
    if method == "hdbscan" and clusters != "auto":
        raise ConfigError(
            f"got {clusters}, but hdbscan finds out how many clusters there are",
            where="--clusters",
            fix="Leave it out, or take --method kmeans.",
        )
    if method == "kmeans" and min_size is not None:
        raise ConfigError(
            f"got {min_size}, but k-means knows no least size",
            where="--min-size",
            fix="Leave it out, or take --method hdbscan.",
        )
    if clusters == "auto":
        fewest = 3 if method == "kmeans" else min_size or _MIN_SIZE
        if count < fewest:
            smaller = "" if method == "kmeans" else ", or a smaller --min-size"
            raise ConfigError(
                f"got {counted(count, 'entity', 'entities')}; wanted {fewest} or more to cluster",
                where="the graph",
                fix=f"Take a graph with more entities{smaller}.",
            )
    elif isinstance(clusters, bool) or not isinstance(clusters, int) or not 2 <= clusters <= count:
        raise ConfigError(
            f"got {clusters!r}; wanted auto, or from 2 to as many as there are entities, {count:,}",
            where="--clusters",
            fix="Leave it out for auto.",
        )
    if min_size is not None and not 2 <= min_size <= count:
        raise ConfigError(
            f"got {min_size}; wanted from 2 to as many as there are entities, {count:,}",
            where="--min-size",
            fix=f"Leave it out for {_MIN_SIZE}.",
        )


def _kmeans(units: NDArray[np.float32], clusters: int, seed: int) -> NDArray[np.int64]:
    # In double precision, so that the result does not depend on how a machine adds up.
    if len(units) > _MOST_WHOLE:
        model = MiniBatchKMeans(clusters, batch_size=_BATCH, n_init=10, random_state=seed)
    else:
        model = KMeans(clusters, n_init=10, random_state=seed)
    return np.asarray(model.fit_predict(units.astype(np.float64)), dtype=np.int64)


def _silhouettes(units: NDArray[np.float32], seed: int) -> dict[int, float]:
    """Return the silhouette by number of clusters, on a sample of many; 0 where there is none."""
    if len(units) > _SAMPLE:
        units = units[np.sort(np.random.default_rng(seed).choice(len(units), _SAMPLE, replace=False))]
    numbers = [number for number in _TRIED if number < len(units)]
    found = {number: _silhouette(units, _kmeans(units, number, seed), seed) for number in numbers}
    return {number: 0.0 if value is None else value for number, value in found.items()}


def _silhouette(units: NDArray[np.float32], number: NDArray[np.int64], seed: int) -> float | None:
    rows = np.flatnonzero(number != OUTLIER)
    if len(rows) > _SAMPLE:
        rows = np.sort(np.random.default_rng(seed).choice(rows, _SAMPLE, replace=False))
    if not 2 <= len(np.unique(number[rows])) < len(rows):
        return None
    return float(silhouette_score(units[rows].astype(np.float64), number[rows], metric="cosine"))


def _largest_first(found: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return the clusters numbered from the largest to the smallest."""
    sizes = np.bincount(found[found != OUTLIER])
    place = np.empty(len(sizes), dtype=np.int64)
    place[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    numbered = np.full(len(found), OUTLIER, dtype=np.int64)
    numbered[found != OUTLIER] = place[found[found != OUTLIER]]
    return numbered


def _summary(
    units: NDArray[np.float32], number: NDArray[np.int64], titles: NDArray[np.str_], shown: int
) -> tuple[NDArray[np.float64], pd.DataFrame]:
    """Return the cosine of each entity with the centre of its cluster, and the clusters."""
    similarity, rows = np.full(len(units), np.nan), []
    for cluster_ in range(int(number.max(initial=OUTLIER)) + 1):
        own = np.flatnonzero(number == cluster_)
        centre = units[own].mean(axis=0, dtype=np.float64)
        similarity[own] = units[own] @ (centre / max(float(np.linalg.norm(centre)), 1e-12))
        nearest = own[np.argsort(-similarity[own], kind="stable")[:shown]]
        rows.append((cluster_, len(own), float(similarity[own].mean()), titles[nearest].tolist()))
    return similarity, pd.DataFrame(rows, columns=["cluster", "size", "similarity", "nearest"])


def _column(run: Run, entity: str, name: str, table: str | Path | pd.DataFrame | None) -> pd.Series[Any]:
    """Return a column of the entities as text."""
    columns = known_columns(run.graph, entity, table)
    if name not in columns:
        raise ConfigError(
            f"there is no column {name!r}",
            where="--against",
            fix=f"{did_you_mean(name, columns.columns)} --table FILE brings others.",
        )
    values = columns[name].astype("string")
    known = values.mask(values.str.strip() == "")
    if known.notna().sum() < 2:
        raise ConfigError(
            f"fewer than two entities have a value in {name!r}",
            where="--against",
            fix="Name a column that more of them have.",
        )
    return known


def _agreement(name: str, values: pd.Series[Any], number: NDArray[np.int64]) -> dict[str, Any]:
    known = values.notna().to_numpy()
    truth, found = values[known].to_numpy(dtype=str), number[known]
    return {
        "column": name,
        "entities": int(known.sum()),
        "normalized_mutual_information": float(normalized_mutual_info_score(truth, found)),
        "adjusted_rand_index": float(adjusted_rand_score(truth, found)),
    }
