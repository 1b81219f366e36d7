"""Which pairs a run answers, if it does."""

from __future__ import annotations

from mmgraph.evaluation.explanation.link_pairs import LinkPairs
from mmgraph.evaluation.explanation.pairs import Pairs
from mmgraph.evaluation.explanation.side_pairs import SidePairs
from mmgraph.evaluation.one_task import check_name
from mmgraph.tasks import LinkPrediction
from mmgraph.tasks.pair_task import PairTask
from mmgraph.training.run import Run


def pairs_of(run: Run, task: str | None = None) -> Pairs | None:
    """Return the pairs that a run answers; nothing of one that answers something else.

    Args:
        run: The run.
        task: The task that is meant, if one is named.

    Raises:
        ConfigError: If that is another one.
    """
    if not isinstance(run.task, LinkPrediction | PairTask):
        return None
    check_name(run, task)
    return LinkPairs(run) if isinstance(run.task, LinkPrediction) else SidePairs(run)
