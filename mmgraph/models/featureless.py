"""What tells the nodes of a type apart that has no features and no modalities.

Shapes: N nodes, R relations of a node type, C channels.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn
from torch_geometric.nn.module_dict import ModuleDict
from torch_geometric.nn.parameter_dict import ParameterDict

from mmgraph.counted import counted
from mmgraph.errors import GraphError
from mmgraph.graph.schema import GraphSchema, Triple
from mmgraph.layers.groups import OF
from mmgraph.layers.options import require_choice
from mmgraph.ops import plan_edges

FEATURELESS = ("degree", "learned")


def featureless_types(schema: GraphSchema) -> list[str]:
    """Return the node types that nothing describes: no features of their own, and no modalities.

    Example:
        >>> from mmgraph.graph.schema import EdgeType, NodeType
        >>> schema = GraphSchema(
        ...     (NodeType("a", 2, 0, "a"), NodeType("a/x", 2, 5, "a", "x", "text"), NodeType("b", 3, 0, "b")),
        ...     (EdgeType("a/x", "of", "a", 2, "of"),),
        ... )
        >>> featureless_types(schema)
        ['b']
    """
    described = {target for _, name, target in schema.metadata[1] if name == OF}
    return [name for name, width in schema.channels.items() if width == 0 and name not in described]


class FeaturelessNodes(nn.Module):
    r"""Adds to the states of node types without features what tells their nodes apart.

    ``degree`` adds a linear map of the node's degrees,

    .. math:: x \leftarrow x + W\, [\log(1 + d_1), \dots, \log(1 + d_R)],

    one for each end of each relation that the node type is at; a reverse relation says nothing new. They are
    counted in the edges that come with the nodes, so nodes that were not there in training get their own,
    and an edge that was taken away does not count. See
    `Cui et al. 2022 <https://arxiv.org/abs/2107.01495>`_ on graphs without node attributes.

    ``learned`` adds a learned vector for each node. It can hold more, but only for the nodes of the graph
    that it was built for.

    Args:
        schema: The node types, with their sizes, and the edge types of the graph.
        channels: Width of the states, C.
        node_types: The node types whose states are made; the others are left alone.
        featureless: ``degree`` or ``learned``.

    Raises:
        ConfigError: If there is no such choice.

    Example:
        >>> from mmgraph.graph.schema import EdgeType, NodeType
        >>> schema = GraphSchema((NodeType("b", 3, 0, "b"),), (EdgeType("b", "cites", "b", 2),))
        >>> featureless = FeaturelessNodes(schema, 8, node_types=["b"], featureless="degree")
        >>> edges = {("b", "cites", "b"): torch.tensor([[0, 1], [1, 2]])}
        >>> featureless({"b": torch.zeros(3, 8)}, edges, {"b": 3})["b"].shape
        torch.Size([3, 8])
    """

    def __init__(
        self, schema: GraphSchema, channels: int, *, node_types: Collection[str], featureless: str
    ) -> None:
        super().__init__()
        self.featureless = require_choice("model", "featureless", featureless, FEATURELESS)
        self.ends: dict[str, list[tuple[Triple, int]]] = {}
        self.degree, self.embedding = ModuleDict(), ParameterDict()
        for name in (name for name in featureless_types(schema) if name in node_types):
            self.ends[name] = _ends(schema, name)
            if featureless == "learned":
                size = schema.node_type(name).num_nodes
                self.embedding[name] = nn.Parameter(torch.randn(size, channels))
            elif self.ends[name]:
                self.degree[name] = nn.Linear(len(self.ends[name]), channels, bias=False)

    def forward(
        self,
        state: Mapping[str, Tensor],
        edge_index_dict: Mapping[Triple, Tensor],
        sizes: Mapping[str, int],
        known: Mapping[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Return the states [N, C], those of featureless node types with what tells nodes apart.

        Args:
            state: Node type to state, [N, C].
            edge_index_dict: Edge type to edges, int64 [2, E].
            sizes: The number of nodes of every node type that is there.
            known: If the nodes are a sample, what tells them apart in the whole graph: int64 [N, R], how many
                edges of each of ``ends`` they have, or int64 [N], their numbers, for learned vectors.

        Raises:
            GraphError: If there is a learned vector for each node, and another number of nodes; or if an
                edge names a node that is not there.
        """
        result = dict(state)
        for name in self.ends:
            if name in state and name in self.embedding:
                result[name] = state[name] + self._embedding_of(name, sizes[name], known)
            elif name in state and name in self.degree:
                if known is None or name not in known:
                    degrees = self._degrees(name, edge_index_dict, sizes)
                else:
                    degrees = known[name]
                result[name] = state[name] + self.degree[name](degrees.to(state[name]).log1p())
        return result

    def _embedding_of(self, name: str, size: int, known: Mapping[str, Tensor] | None) -> Tensor:
        embedding: Tensor = self.embedding[name]
        if known is not None and name in known:
            return embedding[known[name]]
        if embedding.shape[0] != size:
            raise GraphError(
                f"got {counted(size, 'node')} of a type without features; the model has learned a vector "
                f"for each of {embedding.shape[0]:,}",
                where=f"x_dict[{name!r}]",
                fix="Use the graph that it was trained on, or train with --set model.featureless=degree, "
                "which takes any nodes.",
            )
        return embedding

    def _degrees(
        self, name: str, edge_index_dict: Mapping[Triple, Tensor], sizes: Mapping[str, int]
    ) -> Tensor:
        """Return how many edges of each relation end at each node, int64 [N, R]."""
        columns = []
        for triple, end in self.ends[name]:
            index = edge_index_dict.get(triple, torch.empty(2, 0, dtype=torch.int64))
            if triple[0] not in sizes or triple[2] not in sizes:
                # As for the layers, there are no edges to what is not there.
                index = index[:, :0]
            plan = plan_edges(index, sizes.get(triple[0], 0), sizes.get(triple[2], 0), where=str(triple))
            columns.append((plan.source_pointer, plan.target_pointer)[end].diff())
        device = next((index.device for index in edge_index_dict.values()), None)
        return torch.stack([column.to(device) for column in columns], 1)


def _ends(schema: GraphSchema, name: str) -> list[tuple[Triple, int]]:
    """Return the edge types at a node type, each with the row of its edges that names such nodes."""
    found = []
    for edge_type in schema.edge_types:
        if edge_type.reverse_of is not None:
            continue
        if edge_type.source == name:
            found.append((edge_type.triple, 0))
        # A symmetric relation has every edge in both directions, so both degrees are the same.
        if edge_type.target == name and not edge_type.symmetric:
            found.append((edge_type.triple, 1))
    return found
