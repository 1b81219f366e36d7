"""The graph: builder, on-disk store, statistics, PyG and networkx interop."""

from mmgraph.graph.build import build_graph, relation_faults
from mmgraph.graph.choose import RelationLike
from mmgraph.graph.context import BuildContext
from mmgraph.graph.graph import Graph
from mmgraph.graph.relation import Edges, Nodes, RelationBuilder
from mmgraph.graph.schema import EdgeType, GraphSchema, NodeType, Triple
from mmgraph.graph.statistics import estimate_memory, summarise
from mmgraph.graph.store import load_graph

__all__ = [
    "BuildContext",
    "EdgeType",
    "Edges",
    "Graph",
    "GraphSchema",
    "NodeType",
    "Nodes",
    "RelationBuilder",
    "RelationLike",
    "Triple",
    "build_graph",
    "estimate_memory",
    "load_graph",
    "relation_faults",
    "summarise",
]
