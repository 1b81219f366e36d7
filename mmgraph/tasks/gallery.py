"""Where each query's own answer stands in a gallery, and which answer is first, for some queries at a time.

Shapes: R queries and as many answers, D of the common space.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mmgraph.tasks.ranking import Ranking, join, rank

_MOST_AT_ONCE = 1 << 22
"""How many scores are there at a time."""


def rank_own(queries: Tensor, answers: Tensor) -> tuple[Ranking, Tensor]:
    """Return where the answer of each query stands among all, and which one is first.

    All scores together would be R x R, of a training split more than memory has.

    Args:
        queries: Vectors, [R, D].
        answers: Vectors whose inner products with these are scores, [R, D]; the one in the same row is right.

    Returns:
        The ranking, and the number of the first answer of each query, int64 [R], both on the CPU.

    Raises:
        DivergedError: If a score is not finite.

    Example:
        >>> ranking, first = rank_own(torch.eye(3), torch.tensor([[1.0, 2, 0], [0, 1, 0], [0, 0, 1]]))
        >>> ranking.ranks.tolist(), first.tolist()
        ([1.0, 2.0, 1.0], [0, 0, 2])
    """
    rankings, first = [], []
    numbers = torch.arange(len(answers), device=answers.device)
    for own in torch.split(numbers, max(_MOST_AT_ONCE // max(len(answers), 1), 1)):
        scores = queries[own] @ answers.T
        rankings.append(rank(scores, own.unsqueeze(1) == numbers))
        first.append(scores.argmax(dim=1).cpu())
    return join(rankings), torch.cat(first)
