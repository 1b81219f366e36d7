"""Features of edges in the attention along a relation, as PyG's convolutions have them by ``edge_dim``.

Shapes: E edges, A width of their features, S source nodes, H heads, D width of a head.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from mmgraph.errors import ConfigError, did_you_mean
from mmgraph.layers.layer import Triple
from mmgraph.layers.options import require_positive
from mmgraph.ops import Projection, RelationInput, StackedRows, plan_edge_nodes


def read_edge_channels(
    owner: str, edge_channels: Mapping[Triple, int] | None, edge_types: Sequence[Triple]
) -> dict[Triple, int]:
    """Return the widths of the features of edges.

    Raises:
        ConfigError: If there is no such edge type, or a width is below 1.

    Example:
        >>> read_edge_channels("hetero_gat", {("a", "to", "b"): 3}, [("a", "to", "b")])
        {('a', 'to', 'b'): 3}
    """
    found = {}
    for edge_type, width in (edge_channels or {}).items():
        if edge_type not in edge_types:
            raise ConfigError(
                f"there is no edge type {edge_type!r}",
                where=f"{owner}.edge_channels",
                fix=did_you_mean(str(edge_type), [str(known) for known in edge_types]),
            )
        found[edge_type] = require_positive(owner, f"edge_channels[{edge_type!r}]", width)
    return found


@torch.compiler.disable  # type: ignore[untyped-decorator]
def add_edge_features(relation: RelationInput, score: str, share: Tensor) -> RelationInput:
    """Return a relation whose edges take part in its attention by what a map made of their features.

    For ``gat`` that is a further term of the score, [E, H], which costs little. For the others it is a term
    of the source's share, [E, H, D], for ``dot`` of the values as well: then every edge is given a source
    node of its own, and there are tensors of that size.

    Args:
        relation: The relation without features.
        score: The score, by its name in :func:`mmgraph.ops.relational_attention`.
        share: What the map made, [E, H] or [E, H x D], in the order of the edge index.
    """
    if score == "gat":
        return replace(relation, bias=share)
    plan = relation.edges
    edges = plan.arrange(share).view(-1, relation.heads, relation.width)
    values, source = (_at_edges(each, relation) for each in (relation.values, relation.source))
    return replace(
        relation,
        values=values + edges if score == "dot" else values,
        source=source + edges,
        source_slot=None,
        edges=plan_edge_nodes(plan),
    )


def _at_edges(rows: Tensor | Projection | StackedRows | None, relation: RelationInput) -> Tensor:
    """Return the row [H, D] of each sorted edge's source, [E, H, D]."""
    assert rows is not None, "only the score of gat can do without a source"
    if not isinstance(rows, Tensor):
        rows = rows.multiply_out()
    elif relation.source_slot is not None:
        rows = rows.select(1, relation.source_slot)
    return rows.index_select(0, relation.edges.source)
