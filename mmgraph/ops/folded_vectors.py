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


def fold_vectors(relations: Mapping[str, Sequence[RelationInput]]) -> dict[str, list[RelationInput]]:
    """Return the relations of ``gat`` with a source in place of a vector: shares, or a projection of width 1.

    What shares states and weight is folded together.
    """
    lacking = [r for into in relations.values() for r in into if r.source is None]
    alike: dict[tuple[int, int, int], list[RelationInput]] = {}
    made: dict[int, RelationInput] = {}
    for relation in lacking:
        if isinstance(relation.values, Projection):
            alike.setdefault(relation.values.key, []).append(relation)
        else:
            made[id(relation)] = _multiplied(relation)
    for same in alike.values():
        made.update(zip(map(id, same), _folded(same), strict=True))
    return {name: [made.get(id(r), r) for r in into] for name, into in relations.items()}


def _folded(relations: Sequence[RelationInput]) -> list[RelationInput]:
    """Return relations whose values are projections of the same states by the same weight."""
    rows = [r.values for r in relations if isinstance(r.values, Projection)]
    weight, bias, slots = rows[0].weight, rows[0].bias, [row.slot for row in rows]
    vectors = torch.stack([r.vector for r in relations if r.vector is not None]).unsqueeze(-1)
    if slots != list(range(weight.shape[0])):
        weight, bias = weight[slots], None if bias is None else bias[slots]
    folded = (weight * vectors).sum(2, keepdim=True)
    shift = None if bias is None else (bias * vectors.squeeze(-1)).sum(2, keepdim=True)
    return [
        replace(relation, source=Projection(rows[0].x, folded, slot, shift), vector=None)
        for slot, relation in enumerate(relations)
    ]


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
            relation, source=wide.index_copy(1, torch.tensor([slot]), share.unsqueeze(1)), vector=None
        )
    assert not isinstance(values, Projection)
    shares = []
    for part in values.parts:
        shift = 0 if part.bias is None else (part.bias[part.slot] * vector).sum(-1)
        shares.append(part.x @ torch.einsum("hdc,hd->ch", part.weight[part.slot], vector) + shift)
    return replace(relation, source=torch.cat(shares), vector=None)
