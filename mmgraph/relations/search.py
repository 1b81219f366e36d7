"""The choice between the exact and the approximate search for nearest neighbours."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mmgraph.graph.attach_context import AttachContext
from mmgraph.graph.context import BuildContext
from mmgraph.progress import Progress
from mmgraph.relations.candidates import Neighbours
from mmgraph.relations.clusters import ApproximateSearch
from mmgraph.relations.copies import Distinct
from mmgraph.relations.nearest import exact_neighbours
from mmgraph.relations.nearest_elsewhere import search_elsewhere
from mmgraph.relations.vector_space import Metric

Method = Literal["auto", "exact", "approximate"]

EXACT_UP_TO = 50_000
"""Among fewer sources the exact search takes seconds, and the approximate one saves few of them."""


def nearest_neighbours(
    sources: NDArray[np.float32],
    k: int,
    metric: Metric,
    *,
    context: BuildContext | AttachContext,
    method: Method,
    recall: float,
    queries: NDArray[np.float32] | None = None,
    own: NDArray[np.int64] | None = None,
    distinct: Distinct | None = None,
) -> Neighbours:
    """Return the k nearest sources of every query, and count what an approximate search found of them.

    An exact search for a relation of a graph goes to the workers of a cluster, where there are any.

    Args:
        sources: From :meth:`VectorSpace.place`, float32 [N, D].
        k: The number of neighbours.
        metric: How near is measured.
        context: Told the recall of an approximate search: 1 where it had to be exact to find enough.
        method: ``auto`` is exact up to 50,000 sources.
        recall: The share of the nearest neighbours that an approximate search must find.
        queries: float32 [Q, D]; nothing where every source looks for its neighbours among the others.
        own: The source that each query is itself and must not find, -1 for none, int64 [Q].
        distinct: What is distinct among the sources, for whoever searches them more than once.
    """
    progress = context.progress if isinstance(context, BuildContext) else Progress(quiet=True)
    total = len(sources if queries is None else queries)
    exact = method == "exact" or (method == "auto" and len(sources) <= EXACT_UP_TO)
    with progress.job(f"{context.name}: nearest neighbours", total=total) as advance:
        if exact:
            elsewhere = context.elsewhere if isinstance(context, BuildContext) else None
            there = None if elsewhere is None else partial(search_elsewhere, elsewhere=elsewhere)
            return exact_neighbours(
                sources,
                k,
                metric,
                queries=queries,
                own=own,
                advance=advance,
                search=there,
                distinct=distinct,
            )
        search = ApproximateSearch(metric, recall, advance=advance)
        found = search.neighbours(sources, k, queries=queries, own=own)
    context.count("recall", round(search.recall, 4))
    return found
