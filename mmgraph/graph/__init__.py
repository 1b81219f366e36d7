"""The graph: builder, on-disk store, statistics, PyG and networkx interop."""

from mmgraph.graph.attach_context import AttachContext
from mmgraph.graph.build import build_graph, relation_faults, unbuilt_relations
from mmgraph.graph.choose import RelationLike
from mmgraph.graph.context import BuildContext
from mmgraph.graph.filters import Filters
from mmgraph.graph.graph import Graph
from mmgraph.graph.relation import Attached, Edges, Nodes, RelationBuilder
from mmgraph.graph.schema import EdgeType, GraphSchema, NodeType, Triple
from mmgraph.graph.statistics import summarise
from mmgraph.graph.store import load_graph
from mmgraph.graph.training_memory import estimate_memory

__all__ = [
    "AttachContext",
    "Attached",
    "BuildContext",
    "EdgeType",
    "Edges",
    "Filters",
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
    "unbuilt_relations",
]
