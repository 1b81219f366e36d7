"""Ranking metrics: where the relevant candidates of a query stand among all others.

Shapes: Q queries, C candidates, P relevant candidates of all queries together.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmgraph.errors import ConfigError, DivergedError

_MOST_AT_ONCE = 1 << 22
"""How many scores are compared at a time."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """Where each relevant candidate of some queries stands; every metric follows from that.

    A rank is *filtered*: the query's other relevant candidates do not stand in the way (Bordes et al.,
    `Translating embeddings for modeling multi-relational data
    <https://papers.nips.cc/paper/2013/hash/1cecc7a77928ca8133fa24680a88d2f9-Abstract.html>`_, 2013). A tie
    favours nobody: every metric is the mean over all orders of equals, and so is the rank itself, so that a
    model that scores all candidates alike is as good as chance. A metric of the mean rank would not be:
    among 101 equals it is 51, which is never among the first ten. The mean average precision alone takes
    equals as one step, as scikit-learn does. Without any relevant candidate, every metric is NaN.

    Args:
        query: The query of each relevant candidate, int64 [P].
        above: How many irrelevant candidates have a higher score, int64 [P].
        tied: How many irrelevant candidates have the same score, int64 [P].
        relevant_above: How many relevant candidates have a higher score, int64 [P].
        relevant_tied: How many relevant candidates have the same score, itself among them, int64 [P].
        num_candidates: Among how many candidates it is ranked, itself and the irrelevant ones, int64 [P].
        num_queries: Number of queries, also of those that have no relevant candidate and count nowhere.

    Example:
        >>> scores = torch.tensor([[0.9, 0.8, 0.7, 0.1]])
        >>> ranking = rank(scores, torch.tensor([[False, True, True, False]]))
        >>> ranking.ranks.tolist(), ranking.recall(2)
        ([2.0, 2.0], 0.5)
    """

    query: Tensor
    above: Tensor
    tied: Tensor
    relevant_above: Tensor
    relevant_tied: Tensor
    num_candidates: Tensor
    num_queries: int

    @property
    def ranks(self) -> Tensor:
        """The filtered rank of each relevant candidate, of equals the mean one, from 1, float64 [P]."""
        return 1 + self.above + self.tied.double() / 2

    def mrr(self) -> float:
        """Return the mean reciprocal rank of the relevant candidates."""
        return self.reciprocals.mean().item()

    @property
    def reciprocals(self) -> Tensor:
        r"""The reciprocal rank of each relevant candidate, float64 [P].

        With a candidates above it and m equal ones, itself among them, one has the mean
        :math:`\frac{1}{m} \sum_{i=1}^{m} \frac{1}{a + i} = \frac{\psi(a + m + 1) - \psi(a + 1)}{m}`.
        """
        above, equal = self.above.double(), self.tied.double() + 1
        return (torch.digamma(above + equal + 1) - torch.digamma(above + 1)) / equal

    def median_rank(self) -> float:
        """Return the median rank of the relevant candidates, of an even number the mean of the middle two."""
        return float(np.median(self.ranks.numpy())) if len(self.query) else math.nan

    def hits(self, k: int) -> float:
        """Return the share of relevant candidates whose rank is at most k, R@k where each query has one."""
        _check_cut(k)
        within = (k - self.above).clamp(min=0).double() / (self.tied + 1)
        return within.clamp(max=1).mean().item()

    def recall(self, k: int) -> float:
        """Return the share of a query's relevant candidates among its first k, a mean over queries.

        Here they do stand in each other's way: of more than k, no model finds all.
        """
        _check_cut(k)
        within = (k - self._all_above).clamp(min=0).double() / self._all_tied
        return self._mean(self._per_query(within.clamp(max=1)) / self._num_relevant)

    def ndcg(self, k: int) -> float:
        """Return the normalised discounted cumulative gain of the first k, a mean over queries.

        A relevant candidate at place i gains 1 / log2(i + 1). Ties: McSherry and Najork, `Computing
        information retrieval performance measures efficiently in the presence of tied scores
        <https://doi.org/10.1007/978-3-540-78646-7_38>`_, 2008.
        """
        _check_cut(k)
        discount = (torch.arange(k, dtype=torch.float64) + 2).log2().reciprocal()
        total = torch.cat([discount.new_zeros(1), discount.cumsum(0)])
        begin, end = (place.clamp(max=k) for place in (self._all_above, self._all_above + self._all_tied))
        gain = (total[end] - total[begin]) / self._all_tied
        return self._mean(self._per_query(gain) / total[self._num_relevant.clamp(max=k)])

    def mean_average_precision(self) -> float:
        """Return the mean over queries of the mean precision at the scores of the relevant candidates."""
        relevant = self.relevant_above + self.relevant_tied
        precision = relevant.double() / (self._all_above + self._all_tied)
        return self._mean(self._per_query(precision) / self._num_relevant)

    def take(self, kept: Tensor) -> Ranking:
        """Return the ranking of some of the relevant candidates, each where it stands among all.

        Args:
            kept: Which, bool [P].
        """
        columns = {f.name: getattr(self, f.name)[kept] for f in fields(self) if f.name != "num_queries"}
        return Ranking(**columns, num_queries=self.num_queries)

    @property
    def _all_above(self) -> Tensor:
        return self.above + self.relevant_above

    @property
    def _all_tied(self) -> Tensor:
        return self.tied + self.relevant_tied

    @property
    def _num_relevant(self) -> Tensor:
        return torch.bincount(self.query, minlength=self.num_queries)

    def _per_query(self, values: Tensor) -> Tensor:
        return values.new_zeros(self.num_queries).index_add(0, self.query, values)

    def _mean(self, values: Tensor) -> float:
        return values[self._num_relevant > 0].mean().item()


def rank(
    scores: Tensor | NDArray[Any],
    relevant: Tensor | NDArray[Any],
    excluded: Tensor | NDArray[Any] | None = None,
) -> Ranking:
    """Return where the relevant candidates of some queries stand.

    Args:
        scores: Of each candidate, the higher the better, numbers [Q, C].
        relevant: Which candidates are relevant, bool [Q, C], or 0 and 1.
        excluded: Which are left out, such as what is known to be relevant from training, in the same form.

    Returns:
        The ranking, on the CPU; its relevant candidates are in the order of queries and candidates.

    Raises:
        ConfigError: If the shapes are not the same, or something else than true and false says which.
        DivergedError: If a score is not finite: it would have a place in no order.
    """
    scores = torch.as_tensor(scores)
    if not scores.is_floating_point():
        scores = scores.double()
    relevant = _mask(relevant, scores, "relevant")
    excluded = None if excluded is None else _mask(excluded, scores, "excluded")
    if not scores.isfinite().all():
        raise DivergedError(
            "a score is not finite, so nothing can be ranked by it",
            where="scores",
            fix="Look for extreme values among the features (`mmgraph inspect`), or lower the learning rate.",
        )
    irrelevant = ~relevant if excluded is None else ~(relevant | excluded)
    if excluded is not None:
        relevant = relevant & ~excluded
    query, candidate = relevant.nonzero(as_tuple=True)
    wanted = scores[query, candidate]
    above, tied = _count(scores.masked_fill(~irrelevant, -torch.inf), query, wanted)
    relevant_above, relevant_tied = _count(scores.masked_fill(~relevant, -torch.inf), query, wanted)
    columns = {
        "query": query,
        "above": above,
        "tied": tied,
        "relevant_above": relevant_above,
        "relevant_tied": relevant_tied,
        "num_candidates": irrelevant.sum(dim=1)[query] + 1,
    }
    return Ranking(**{name: column.cpu() for name, column in columns.items()}, num_queries=len(scores))


def _mask(given: Tensor | NDArray[Any], scores: Tensor, where: str) -> Tensor:
    mask = torch.as_tensor(given, device=scores.device)
    if scores.ndim != 2 or mask.shape != scores.shape:
        raise ConfigError(
            f"got {list(mask.shape)} beside scores of {list(scores.shape)}; wanted [Q, C] of both",
            where=where,
            fix="Give one row for each query and one column for each candidate.",
        )
    if mask.dtype != torch.bool and not ((mask == 0) | (mask == 1)).all():
        raise ConfigError(
            "got numbers other than 0 and 1", where=where, fix="Say of each candidate yes or no, as bool."
        )
    return mask.bool()


def _check_cut(k: int) -> None:
    if k < 1:
        raise ConfigError(f"got {k}; wanted at least 1", where="k", fix="Count the first k candidates.")


def join(rankings: Iterable[Ranking]) -> Ranking:
    """Return the ranking of the queries of several parts, one after the other.

    Args:
        rankings: One or more.
    """
    parts, begin, queries = list(rankings), 0, []
    for part in parts:
        queries.append(part.query + begin)
        begin += part.num_queries
    names = [f.name for f in fields(Ranking) if f.name not in ("query", "num_queries")]
    columns = {name: torch.cat([getattr(part, name) for part in parts]) for name in names}
    return Ranking(query=torch.cat(queries), **columns, num_queries=begin)


def _count(scores: Tensor, query: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Return how many scores of its query are above each of some scores, and how many equal it, [P] each."""
    above, tied = [query[:0]], [query[:0]]
    size = max(_MOST_AT_ONCE // max(scores.shape[1], 1), 1)
    for rows, score in zip(torch.split(query, size), torch.split(wanted, size), strict=True):
        row = scores[rows]
        above.append((row > score.unsqueeze(1)).sum(dim=1))
        tied.append((row == score.unsqueeze(1)).sum(dim=1))
    return torch.cat(above), torch.cat(tied)
