"""States of many entities of a batch, of which few at a time are in memory with what their gradient needs.

Shapes: R entities, C channels of the model.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from mmgraph.models.graph_batch import GraphBatch
from mmgraph.models.part import part_around
from mmgraph.tasks.step import Encode


def encode_in_chunks(
    encode: Encode, batch: GraphBatch, entity: str, here: Tensor, chunk: int | None
) -> Tensor:
    """Return the states of some seeds of a batch, [R, C], made of a chunk of them at a time.

    Where a loss holds all states against each other, its memory is that of all of them. But its gradient by
    the states is all that the model needs to know of the others: so each chunk passes the model without what
    a gradient needs, and once more, with the same random numbers, when the gradient by its states is there.
    That is the gradient cache of `Gao et al. 2021 <https://arxiv.org/abs/2101.06983>`_, here as a part of
    torch's graph of gradients, its checkpoints, so that whoever asks for gradients need not know of it.
    Without dropout, states and gradients are those of one pass; each chunk draws its dropout for itself.

    Args:
        encode: The model, whose states depend on the neighbourhood that was sampled for it alone.
        batch: A sample, or what is seen of one; or the whole graph, with no chunk.
        entity: The entity type.
        here: The entities as the batch numbers them, int64 [R].
        chunk: How many at a time; nothing for all, in one pass.
    """
    if chunk is None:
        return encode(batch)[entity][here]

    def states(rows: Tensor) -> Tensor:
        part, places = part_around(batch, entity, rows)
        return encode(part)[entity][places]

    made = [checkpoint(states, rows, use_reentrant=False) for rows in torch.split(here, chunk)]
    return torch.cat(made)
