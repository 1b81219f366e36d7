"""The sources' share of a score of ``gat``: what vectors make of projected rows, without making the rows.

A vector times the projection of a state is a folded vector times the state, a . (W x) = (W'a) . x, which
costs one number a head and not one a channel.

Shapes: S sources, C channels, K relations that share a weight, H heads, D width of a head.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from mmgraph.ops.projection import Projection
from mmgraph.ops.relation_input import RelationInput

_Key = tuple[tuple[int, int, int], int]
"""What rows share, and a number that tells vectors for the same slot apart."""


def fold_vectors(relations: Mapping[str, Sequence[RelationInput]]) -> dict[str, list[RelationInput]]:
    """Return the relations of ``gat`` with a source in place of a vector: shares, or a projection of width 1.

    What shares states and weight is folded together.
    """
    alike: dict[_Key, dict[int, Tensor]] = {}
    chosen: dict[int, _Key] = {}
    for relation in (r for into in relations.values() for r in into if r.source is None):
        values, vector, number = relation.values, relation.vector, 0
        assert vector is not None, "check() comes first"
        if isinstance(values, Projection):
            # Relations with the same rows may have different vectors.
            while alike.setdefault((values.key, number), {}).setdefault(values.slot, vector) is not vector:
                number += 1
            chosen[id(relation)] = (values.key, number)
    folded: dict[_Key, tuple[Tensor, Tensor | None]] = {}

    def with_source(relation: RelationInput) -> RelationInput:
        values = relation.values
        if relation.source is not None:
            return relation
        if not isinstance(values, Projection):
            return _multiplied(relation)
        key = chosen[id(relation)]
        if key not in folded:
            folded[key] = _folded(values, alike[key])
        weight, bias = folded[key]
        return replace(relation, source=Projection(values.x, weight, values.slot, bias), vector=None)

    return {name: [with_source(relation) for relation in into] for name, into in relations.items()}


def _folded(rows: Projection, vectors: Mapping[int, Tensor]) -> tuple[Tensor, Tensor | None]:
    """Return the weight [K, H, 1, C] and the bias [K, H, 1] of the shares, 0 in slots that have no vector."""
    none = torch.zeros_like(next(iter(vectors.values())))
    vector = torch.stack([vectors.get(slot, none) for slot in range(rows.weight.shape[0])])
    weight = (rows.weight * vector.unsqueeze(-1)).sum(2, keepdim=True)
    return weight, None if rows.bias is None else (rows.bias * vector).sum(2, keepdim=True)


def _multiplied(relation: RelationInput) -> RelationInput:
    """Return a relation whose values are a tensor, or rows of several kinds of states."""
    values, vector = relation.values, relation.vector
    assert vector is not None, "check() comes first"
    if isinstance(values, Tensor):
        slot = relation.source_slot
        share = torch.einsum("shd,hd->sh", values if slot is None else values.select(1, slot), vector)
        if slot is None:
            return replace(relation, source=share, vector=None)
        # Values and source have their slots in common.
        wide = share.new_zeros(share.shape[0], values.shape[1], share.shape[1])
        return replace(
            relation,
            source=wide.index_copy(1, torch.tensor([slot], device=share.device), share.unsqueeze(1)),
            vector=None,
        )
    assert not isinstance(values, Projection)
    shares = []
    for part in values.parts:
        shift = 0 if part.bias is None else (part.bias[part.slot] * vector).sum(-1)
        shares.append(part.x @ torch.einsum("hdc,hd->ch", part.weight[part.slot], vector) + shift)
    return replace(relation, source=torch.cat(shares), vector=None)
