"""Attention weights on request: who looked at whom while a layer or a whole model ran.

Shapes: Q queries, T tokens, P pairs, H heads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

AttentionWeights: TypeAlias = dict[tuple[str, str, str], tuple[Tensor, Tensor]]
"""Of one layer: (type looked at, step, type that looks) to edges int64 [2, P] and weights [P, H].

As in PyG, the first row of the edges holds the nodes that are looked at, the second those that look.
"""

_RECORDS: ContextVar[list[AttentionWeights] | None] = ContextVar("attention_weights", default=None)


@contextmanager
def record_attention() -> Iterator[list[AttentionWeights]]:
    """Collect the attention weights of every layer over groups that runs inside the ``with`` block.

    Yields:
        A list that gets one mapping for each such layer, in the order in which they run; it is empty for a
        layer that has no attention. Weights are those before dropout, and carry gradients.

    Example:
        >>> import torch
        >>> from mmgraph.layers import CrossModalTransformer
        >>> of = ("a/text", "of", "a")
        >>> layer = CrossModalTransformer((["a", "a/text"], [of]), 8)
        >>> x_dict = {"a": torch.randn(2, 8), "a/text": torch.randn(2, 8)}
        >>> with record_attention() as layers:
        ...     out = layer(x_dict, {of: torch.tensor([[0, 1], [0, 1]])})
        >>> edge_index, weight = layers[0]["a/text", "decode", "a"]
        >>> edge_index, weight.shape
        (tensor([[0, 1],
                [0, 1]]), torch.Size([2, 4]))
    """
    records: list[AttentionWeights] = []
    token = _RECORDS.set(records)
    try:
        yield records
    finally:
        _RECORDS.reset(token)


def begin_record() -> None:
    """Say that another layer has begun to run; does nothing where nobody asked."""
    records = _RECORDS.get()
    if records is not None:
        records.append({})


@dataclass(frozen=True, eq=False)
class Attended:
    """What the rows of an attention stand for, so that its weights can be told in terms of nodes.

    Args:
        step: The step of the layer.
        queries: Type to the nodes that the queries stand for; together, and in this order, all Q of them.
        keys: The same for the T tokens.
    """

    step: str
    queries: Mapping[str, Tensor]
    keys: Mapping[str, Tensor]

    @property
    def wanted(self) -> bool:
        """Whether anybody asked for weights."""
        return _RECORDS.get() is not None

    def keep(self, rows: Tensor, columns: Tensor, weight: Tensor) -> None:
        """Record the weights [P, H] of queries int64 [P] on tokens int64 [P], if anybody asked for them."""
        records = _RECORDS.get()
        if not records:
            return
        query_type, query_node = _places(self.queries)
        key_type, key_node = _places(self.keys)
        for i, looks in enumerate(self.queries):
            for j, seen in enumerate(self.keys):
                pairs = (query_type[rows] == i) & (key_type[columns] == j)
                if pairs.any():
                    edge_index = torch.stack([key_node[columns[pairs]], query_node[rows[pairs]]])
                    records[-1][seen, self.step, looks] = (edge_index, weight[pairs])


def _places(nodes: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the position of each row's type, int64 [Q], and its node, int64 [Q]."""
    node = torch.cat(list(nodes.values()))
    sizes = torch.tensor([part.numel() for part in nodes.values()], device=node.device)
    return torch.repeat_interleave(sizes), node
