"""PyG's ``Data``, sampled as a graph of one node type and one edge type."""

from __future__ import annotations

from torch_geometric.data import Data, HeteroData
from torch_geometric.sampler import EdgeSamplerInput, HeteroSamplerOutput, NodeSamplerInput, SamplerOutput

from mmgraph.errors import GraphError

NODE = "node"
EDGE = (NODE, "edge", NODE)


def as_hetero(data: Data, *, weight_attr: str | None, time_attr: str | None) -> HeteroData:
    """Return what a sampler reads of a ``Data``, with one node type and one edge type; nothing is copied.

    Args:
        data: The graph.
        weight_attr: The name of the weights of edges.
        time_attr: The name of the times, of nodes or of edges, as PyG takes an attribute to be of either.

    Raises:
        GraphError: If it has no ``edge_index``.
    """
    if data.edge_index is None:
        raise GraphError("has no edge_index", where="data", fix="Set it.")
    hetero = HeteroData()
    hetero[NODE].num_nodes = data.num_nodes
    hetero[EDGE].edge_index = data.edge_index
    if weight_attr is not None and weight_attr in data:
        hetero[EDGE][weight_attr] = data[weight_attr]
    if time_attr is not None and time_attr in data:
        hetero[NODE if data.is_node_attr(time_attr) else EDGE][time_attr] = data[time_attr]
    return hetero


def typed_nodes(index: NodeSamplerInput) -> NodeSamplerInput:
    """Return seeds of a ``Data`` as nodes of its type."""
    return NodeSamplerInput(index.input_id, index.node, index.time, NODE)


def typed_edges(index: EdgeSamplerInput) -> EdgeSamplerInput:
    """Return links of a ``Data`` as links of its type."""
    return EdgeSamplerInput(index.input_id, index.row, index.col, index.label, index.time, EDGE)


def untyped(out: HeteroSamplerOutput) -> SamplerOutput:
    """Return what was sampled as PyG's loaders want it of a ``Data``."""
    return SamplerOutput(
        node=out.node[NODE],
        row=out.row[EDGE],
        col=out.col[EDGE],
        edge=out.edge[EDGE],
        batch=None if out.batch is None else out.batch[NODE],
        num_sampled_nodes=out.num_sampled_nodes[NODE],
        num_sampled_edges=out.num_sampled_edges[EDGE],
        metadata=out.metadata,
    )
