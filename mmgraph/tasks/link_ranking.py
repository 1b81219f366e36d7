"""Links ranked by a score of all targets of their sources, whatever the score comes from.

Shapes: R links that are asked for, S sources, T targets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor

from mmgraph.tasks.ranking import Ranking, rank
from mmgraph.tasks.task_links import TaskLinks

Score = Callable[[Tensor], Tensor]
"""From some sources, int64 [S], to the score of each target for each of them, [S, T]."""

_MOST_AT_ONCE = 1 << 22
"""How many scores are there at a time."""


class RankedLinks(NamedTuple):
    """How links came off, [R] each; as one tensor that is what a task calls its output, [R, 7].

    Args:
        score: Of the link.
        negative: Of one target that the source is not known to be linked to, drawn alike; where there is no
            such target, the link's own.
        above: See :class:`Ranking`, as of those that follow.
        tied: See there.
        relevant_above: See there.
        relevant_tied: See there.
        num_candidates: See there.
    """

    score: Tensor
    negative: Tensor
    above: Tensor
    tied: Tensor
    relevant_above: Tensor
    relevant_tied: Tensor
    num_candidates: Tensor

    @classmethod
    def of(cls, output: Tensor) -> RankedLinks:
        """Return the columns of an output, [R, 7]."""
        return cls(*output.unbind(dim=1))

    def ranking(self, sources: Tensor) -> Ranking:
        """Return where the links stand among all targets of their sources, int64 [R]."""
        asked, query = torch.unique(sources, return_inverse=True)
        counts = {name: getattr(self, name).long() for name in self._fields[2:]}
        return Ranking(query=query, **counts, num_queries=len(asked))

    def curves(self) -> dict[str, float]:
        """Return ``auroc`` and ``average_precision`` of the links against as many that are not there."""
        known = self.num_candidates > 1
        score = torch.cat([self.score[known], self.negative[known]]).numpy()
        truth = np.repeat([1, 0], len(score) // 2)
        return {
            "auroc": float(roc_auc_score(truth, score)),
            "average_precision": float(average_precision_score(truth, score)),
        }


def rank_links(links: TaskLinks, rows: Tensor, score: Score) -> Tensor:
    """Return how some links come off among all targets that their sources are not known to be linked to.

    Args:
        links: All links.
        rows: Which are asked for, int64 [R]; the others are known.
        score: Scores targets.

    Returns:
        The columns of :class:`RankedLinks`, float64 [R, 7], on the CPU.
    """
    order = (links.source[rows] * links.num_target + links.target[rows]).argsort()
    source, target = links.source[rows][order], links.target[rows][order]
    lot = _lots(len(links.source))[rows][order]
    result = torch.empty(len(rows), len(RankedLinks._fields), dtype=torch.float64)
    begin = 0
    for sources in torch.split(torch.unique(source), max(_MOST_AT_ONCE // links.num_target, 1)):
        end = int(torch.searchsorted(source, sources[-1], right=True))
        asked = order[begin:end]
        result[asked] = _ranked(links, sources, source[begin:end], target[begin:end], lot[begin:end], score)
        begin = end
    return result


def _ranked(
    links: TaskLinks, sources: Tensor, source: Tensor, target: Tensor, lot: Tensor, score: Score
) -> Tensor:
    scores = score(sources)
    query = torch.searchsorted(sources, source)
    relevant = torch.zeros(len(sources), links.num_target, dtype=torch.bool)
    relevant[query, target] = True
    excluded = links.known(sources) & ~relevant
    irrelevant = ~(relevant | excluded)
    count = irrelevant.sum(dim=1)
    first = (count.cumsum(0) - count)[query]
    place = torch.where(count[query] > 0, first + (lot * count[query]).long(), 0)
    others = torch.cat([irrelevant.nonzero()[:, 1], torch.zeros(1, dtype=torch.int64)])
    negative = torch.where(count[query] > 0, others[place], target)
    ranking = rank(scores, relevant.to(scores.device), excluded.to(scores.device))
    scores = scores.detach().cpu()
    columns = RankedLinks(
        score=scores[query, target],
        negative=scores[query, negative],
        above=ranking.above,
        tied=ranking.tied,
        relevant_above=ranking.relevant_above,
        relevant_tied=ranking.relevant_tied,
        num_candidates=ranking.num_candidates,
    )
    return torch.stack([column.double() for column in columns], dim=1)


def _lots(count: int) -> Tensor:
    """Return a number of each link from 0 to below 1, the same each time, that chooses its negative."""
    return torch.rand(count, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def recommend(links: TaskLinks, ids: tuple[np.ndarray, np.ndarray], score: Score, *, k: int) -> pd.DataFrame:
    """Return the targets with the highest scores for each source, but those that it is linked to in training.

    Args:
        links: All links.
        ids: Ids of the source nodes and of the target nodes.
        score: Scores targets.
        k: How many of each source, fewer if there are fewer.

    Returns:
        ``source``, ``rank`` from 1, ``target``, ``score``, and ``split``: the part that the link is held out
        in, or nothing for one that nobody knows of.
    """
    tables = []
    held_out = {
        key: links.part[row]
        for row, key in enumerate((links.source * links.num_target + links.target).tolist())
        if links.part[row] != "train"
    }
    for sources in torch.split(torch.arange(links.num_source), max(_MOST_AT_ONCE // links.num_target, 1)):
        scores = score(sources).detach().cpu().masked_fill(links.trained(sources), -torch.inf)
        best = scores.topk(min(k, links.num_target), dim=1)
        there = best.values > -torch.inf
        query, place = there.nonzero(as_tuple=True)
        source, target = sources[query], best.indices[there]
        keys = (source * links.num_target + target).tolist()
        tables.append(
            pd.DataFrame(
                {
                    "source": ids[0][source.numpy()],
                    "rank": place.numpy() + 1,
                    "target": ids[1][target.numpy()],
                    "score": best.values[there].numpy(),
                    "split": [held_out.get(key, "") for key in keys],
                }
            )
        )
    return pd.concat(tables, ignore_index=True)
