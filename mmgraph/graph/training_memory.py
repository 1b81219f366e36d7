"""How much memory full-batch training takes, from the schema of a graph alone."""

from __future__ import annotations

from mmgraph.graph.schema import GraphSchema

# Fitted to the peak of `mmgraph train` with hetero_gat on the CPU, above that of the libraries, by
# benchmarks/memory.py. A state is one vector of hidden_channels floats.
_FEATURE_COPIES = 3
"""The mapped features, their tensors, and what the first gradients take beside them."""

_STATES = 9
"""States of each node before and after the layers: projection, readout, and their gradients."""

_STATES_A_LAYER = 5
"""States of each node in each layer: norm, self path, projections, update, and their gradients."""

_MESSAGES_A_LAYER = 1
"""States that each relation adds in each layer, for each node that it leads to."""

_BYTES_AN_EDGE = 36
"""Both ends as int64, and the plan that sorts edges by either end."""

_BYTES_AN_EDGE_A_LAYER = 16
"""The attention of four heads, kept for the gradient."""

_FLOAT = 4


def estimate_memory(
    schema: GraphSchema, *, hidden_channels: int = 128, num_layers: int = 2
) -> dict[str, int]:
    """Return an estimate of the memory of full-batch training of ``hetero_gat``, in bytes.

    With N nodes, D features, R the sum over relations and reverse ones of the nodes that each leads to, E
    edges, C channels and L layers it is

    .. math::
        4 \\cdot 3 N D + 4 C \\, (9 N + L (5 N + R)) + E \\, (36 + 16 L)

    and 4 bytes for each weight and each edge feature. Python and its libraries come on top, some 500 MiB.
    ``benchmarks/memory.py`` holds it against measured peaks, from which it is less than a factor of two away.

    Args:
        schema: The graph's schema.
        hidden_channels: The width of the model.
        num_layers: The number of its layers.

    Returns:
        ``features``, ``edges``, ``activations`` and their ``total``.

    Example:
        >>> from mmgraph.graph.schema import NodeType
        >>> schema = GraphSchema((NodeType("a", 10, 0, "a"), NodeType("a/x", 10, 5, "a", "x", "text")), ())
        >>> estimate_memory(schema, hidden_channels=16, num_layers=1)["features"]
        600
    """
    sizes = {t.name: t.num_nodes for t in schema.node_types}
    nodes = sum(sizes.values())
    reached = sum(sizes[t.target] for t in schema.edge_types)
    states = nodes * _STATES + num_layers * (nodes * _STATES_A_LAYER + reached * _MESSAGES_A_LAYER)
    parts = {
        "features": sum(t.num_nodes * t.channels for t in schema.node_types) * _FLOAT * _FEATURE_COPIES,
        "edges": sum(
            t.num_edges
            * (
                _BYTES_AN_EDGE
                + num_layers * _BYTES_AN_EDGE_A_LAYER
                + (int(t.weighted) + len(t.attr_names)) * _FLOAT
            )
            for t in schema.edge_types
        ),
        "activations": states * hidden_channels * _FLOAT,
    }
    return parts | {"total": sum(parts.values())}
