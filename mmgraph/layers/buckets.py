"""Buckets: groups of like size together, so that attention within them is a handful of dense products.

Shapes: Q queries, T tokens, B groups of one bucket, K queries and L tokens of a group.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import torch
from torch import Tensor

from mmgraph.ops.group_attention import Groups, make_groups

NOBODY = -1
"""Stands where a group has fewer members than its bucket has places."""

# Short groups share a bucket with those of the same length; a longer one is padded to a power of two, so
# that there are few buckets however much lengths differ. Only the attention itself pays for the padding.
_LENGTHS = (0, 1, 2, 3, 4, *(2**power for power in range(3, 40)))


class Buckets:
    """Which queries see which tokens; made once, and used by every layer and step on the same groups.

    Args:
        pairs: Queries int64 [B, K] and tokens int64 [B, L] of the B groups of each bucket, -1 for nobody. A
            query is in one place at most, and a group has a token at least.

    Example:
        >>> import torch
        >>> buckets = Buckets([(torch.tensor([[0], [1]]), torch.tensor([[0, 1], [2, -1]]))])
        >>> buckets.shapes, buckets.masks
        ([(2, 1, 2)], [tensor([[ True,  True],
                [ True, False]])])
    """

    def __init__(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> None:
        self.pairs = [(queries, tokens) for queries, tokens in pairs if queries.shape[0]]
        self.shapes = [(*queries.shape, tokens.shape[1]) for queries, tokens in self.pairs]

    @cached_property
    def groups(self) -> Groups:
        """The same as compressed rows."""
        return make_groups(self.pairs)

    @cached_property
    def query_places(self) -> Tensor:
        """The query at each place of each bucket in turn, any query for nobody, int64 [sum of B x K]."""
        return _flat(queries for queries, _ in self.pairs).clamp(min=0)

    @cached_property
    def token_places(self) -> Tensor:
        """The token at each place of each bucket in turn, any token for nobody, int64 [sum of B x L]."""
        return _flat(tokens for _, tokens in self.pairs).clamp(min=0)

    @cached_property
    def masks(self) -> list[Tensor | None]:
        """For each bucket which of its tokens are there, bool [B, L], or None if all are."""
        there = [tokens != NOBODY for _, tokens in self.pairs]
        return [None if bool(mask.all()) else mask for mask in there]

    @cached_property
    def filled(self) -> Tensor | None:
        """Which of ``query_places`` stand for a query, int64 [queries in a bucket]; None if all do."""
        there = _flat(queries for queries, _ in self.pairs) != NOBODY
        return None if bool(there.all()) else there.nonzero().flatten()

    @cached_property
    def asking(self) -> Tensor:
        """The queries that are in a bucket, bucket after bucket, int64 [queries in a bucket]."""
        return self.query_places if self.filled is None else self.query_places[self.filled]

    @cached_property
    def most_tokens(self) -> int:
        """The number of places for tokens in the largest bucket."""
        return max(tokens.shape[1] for _, tokens in self.pairs)

    def split_queries(self, values: Tensor) -> list[Tensor]:
        """Return what stands for the queries bucket by bucket, [B, K, ...]."""
        parts = values.index_select(0, self.query_places).split_with_sizes([b * k for b, k, _ in self.shapes])
        return [
            part.view(*shape[:2], *part.shape[1:]) for part, shape in zip(parts, self.shapes, strict=True)
        ]

    def split_tokens(self, values: Tensor) -> list[Tensor]:
        """Return what stands for the tokens bucket by bucket, [B, L, ...]."""
        parts = values.index_select(0, self.token_places).split_with_sizes(
            [b * size for b, _, size in self.shapes]
        )
        return [
            part.view(*shape[::2], *part.shape[1:]) for part, shape in zip(parts, self.shapes, strict=True)
        ]

    def give_back(self, answers: Tensor, num_queries: int) -> Tensor:
        """Return what stands for ``query_places`` in the order of the queries; 0 for a query in no bucket.

        Args:
            answers: [sum of B x K, ...].
            num_queries: Q.

        Returns:
            [Q, ...].
        """
        if self.filled is not None:
            answers = answers.index_select(0, self.filled)
        nothing = answers.new_zeros(num_queries, *answers.shape[1:])
        return nothing.index_copy(0, self.asking, answers)

    def clear_others(self, answers: Tensor) -> Tensor:
        """Return what stands for all queries [Q, C], with 0 for those in no bucket."""
        if self.asking.numel() == answers.shape[0]:
            return answers
        others = torch.ones(answers.shape[0], dtype=torch.bool, device=answers.device)
        others[self.asking] = False
        return answers.masked_fill(others.unsqueeze(1), 0.0)


def bucket_lengths(count: Tensor) -> Tensor:
    """Return the places that a group of so many members takes, int64 [N].

    Example:
        >>> import torch
        >>> bucket_lengths(torch.tensor([0, 1, 3, 4, 5, 8, 9]))
        tensor([ 0,  1,  3,  4,  8,  8, 16])
    """
    lengths = torch.tensor(_LENGTHS, device=count.device)
    return lengths[torch.bucketize(count, lengths)]


def fill_places(first: Tensor, count: Tensor) -> Tensor:
    """Return the members of some groups of one bucket, nobody where there are fewer than places.

    Args:
        first: The first member of each group, int64 [B]; the others follow it.
        count: The number of members of each group, int64 [B].

    Returns:
        int64 [B, L].

    Example:
        >>> import torch
        >>> fill_places(torch.tensor([0, 5]), torch.tensor([5, 6]))[1]
        tensor([ 5,  6,  7,  8,  9, 10, -1, -1])
    """
    length = int(bucket_lengths(count[:1]))
    place = torch.arange(length, device=first.device)
    return torch.where(place < count.unsqueeze(1), first.unsqueeze(1) + place, NOBODY)


def _flat(parts: Iterable[Tensor]) -> Tensor:
    return torch.cat([part.flatten() for part in parts])
