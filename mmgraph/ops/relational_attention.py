"""Graph attention over all relations of a graph at once, whichever backend computes it.

Shapes: N target nodes, E edges, H heads, D width of a head, R relations into a node type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from mmgraph.errors import ConfigError, GraphError, did_you_mean
from mmgraph.ops.backends import backend_for
from mmgraph.ops.composed_attention import compose_weights
from mmgraph.ops.folded_vectors import fold_vectors
from mmgraph.ops.projection import count_numbers, multiply_out
from mmgraph.ops.relation_input import SCORES, RelationInput

# Rows that fit the cache together are made by fewer and larger matrix products.
_WORTH_BATCHES = 1 << 22


@torch.compiler.disable  # type: ignore[untyped-decorator]
def relational_attention(
    relations: Mapping[str, Sequence[RelationInput]],
    *,
    score: str = "gat",
    negative_slope: float = 0.2,
    sum_relations: bool = False,
) -> dict[str, Tensor]:
    r"""Return the messages to each node type, by a softmax over the edges of each relation into each node.

    .. math::
        y_i^r = \sum_j \alpha_{ij}^r v_j^r, \quad
        \alpha_{ij}^r \propto w_{ij} \exp(\mathrm{score}_{ij}^r)

    so that an edge of weight 2 counts like two parallel edges. The scores, with b the bias of an edge:

    - ``gat``: LeakyReLU(s_j + t_i + b_ij), of `Veličković et al. 2018 <https://arxiv.org/abs/1710.10903>`_
    - ``gatv2``: a . LeakyReLU(s_j + t_i) + b_ij, of `Brody et al. 2022 <https://arxiv.org/abs/2105.14491>`_
    - ``dot``: s_j . t_i / sqrt(D) + b_ij, of `Vaswani et al. 2017 <https://arxiv.org/abs/1706.03762>`_

    Half precision is computed in float32, and comes back as it came.

    Args:
        relations: For each target node type, under any name, the relations into it, at least one.
        score: ``gat``, ``gatv2`` or ``dot``.
        negative_slope: Slope of the LeakyReLU below 0.
        sum_relations: Return the sum over the relations, of which none is then kept by itself.

    Returns:
        For each node type [R, N, H, D], or [N, H, D] if summed; 0 for a node without edges.

    Raises:
        ConfigError: If there is no such score.
        GraphError: If the operands of a relation do not fit together.

    Example:
        >>> import torch
        >>> from mmgraph.ops import plan_edges
        >>> edges = plan_edges(torch.tensor([[0, 1], [0, 0]]), 2, 2)
        >>> values = torch.tensor([1.0, 3.0]).view(2, 1, 1)
        >>> likes = RelationInput(values, torch.zeros(2, 1), torch.zeros(2, 1), edges)
        >>> relational_attention({"user": [likes]}, sum_relations=True)["user"].flatten()
        tensor([2., 0.])
    """
    _check(relations, score)
    if not relations:
        return {}
    first = next(iter(relations.values()))[0].values
    backend = backend_for(first.device)
    in_batches = backend.multiplies and count_numbers(relations) >= _WORTH_BATCHES
    if not in_batches:
        relations = _plain(relations, score)
    operands = _in_compute_type(relations)
    # Kernels take float32 and float64; what they multiply on their way must not become something else.
    with torch.autocast(first.device.type, enabled=False):
        if in_batches:
            # With its kernels: who needs none does without numba.
            from mmgraph.ops.narrow import narrow

            operands = narrow(operands)
        messages = backend.attend(operands, score, negative_slope, sum_relations)
    return {name: y.to(relations[name][0].values.dtype) for name, y in messages.items()}


@torch.compiler.disable  # type: ignore[untyped-decorator]
def attention_weights(
    relations: Mapping[str, Sequence[RelationInput]], *, score: str = "gat", negative_slope: float = 0.2
) -> dict[str, list[Tensor]]:
    """Return what :func:`relational_attention` weighs each edge with, for those who want to look at it.

    Args:
        relations: As there.
        score: As there.
        negative_slope: As there.

    Returns:
        For each node type and each relation into it [E, H], in the order of the edge index.

    Raises:
        ConfigError: If there is no such score.
        GraphError: If the operands of a relation do not fit together.
    """
    _check(relations, score)
    return compose_weights(_in_compute_type(_plain(relations, score)), score, negative_slope)


def _plain(relations: Mapping[str, Sequence[RelationInput]], score: str) -> dict[str, list[RelationInput]]:
    """Return the relations with tensors alone: nothing is left to be folded or multiplied out."""
    return multiply_out(fold_vectors(relations) if score == "gat" else relations, score)


def _check(relations: Mapping[str, Sequence[RelationInput]], score: str) -> None:
    if score not in SCORES:
        raise ConfigError(
            f"there is no score {score!r}", where="relational_attention", fix=did_you_mean(score, SCORES)
        )
    for name, into in relations.items():
        if not into:
            raise GraphError(
                f"got no relation into {name!r}; wanted at least one",
                where="relational_attention",
                fix="Leave the node type out.",
            )
        for position, relation in enumerate(into):
            where = f"relational_attention: relations[{name!r}][{position}]"
            relation.check(score, where)
            same = into[0]
            if (relation.heads, relation.width, relation.edges.num_target) != (
                same.heads,
                same.width,
                same.edges.num_target,
            ):
                raise GraphError(
                    f"got {relation.heads} heads x {relation.width} for {relation.edges.num_target} nodes; "
                    f"wanted {same.heads} x {same.width} for {same.edges.num_target}, as in the first",
                    where=where,
                    fix="Relations into one node type share their heads, their width and their targets.",
                )


def _in_compute_type(relations: Mapping[str, Sequence[RelationInput]]) -> dict[str, list[RelationInput]]:
    """Return the relations with all operands in float64 if any is, in float32 otherwise."""
    everything = [relation for into in relations.values() for relation in into]
    double = any(r.values.dtype == torch.float64 for r in everything)
    dtype = torch.float64 if double else torch.float32
    # Relations that share an operand share what it becomes.
    converted: dict[int, Tensor] = {}

    def convert(tensor: Tensor) -> Tensor:
        if tensor.dtype == dtype:
            return tensor
        if id(tensor) not in converted:
            converted[id(tensor)] = tensor.to(dtype)
        return converted[id(tensor)]

    known: dict[int, Any] = {}

    def operand(given: Any) -> Any:
        if isinstance(given, Tensor):
            return convert(given)
        if id(given) not in known:
            known[id(given)] = given.convert(convert)
        return known[id(given)]

    def exact(relation: RelationInput) -> RelationInput:
        vector, weight, bias = relation.vector, relation.weight, relation.bias
        return replace(
            relation,
            values=operand(relation.values),
            source=None if relation.source is None else operand(relation.source),
            target=operand(relation.target),
            vector=None if vector is None else convert(vector),
            weight=None if weight is None else convert(weight),
            bias=None if bias is None else convert(bias),
        )

    return {name: [exact(relation) for relation in into] for name, into in relations.items()}
