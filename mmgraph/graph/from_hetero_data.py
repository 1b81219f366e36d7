"""A graph from a ``HeteroData`` that was made elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch_geometric.data import HeteroData

from mmgraph.config_faults import NAME_PATTERN
from mmgraph.data.spec import TaskSpec
from mmgraph.errors import Faults, GraphError, MMGraphError, did_you_mean
from mmgraph.graph.edge_sets import EdgeSets
from mmgraph.graph.edges import StoredEdges, merge, read_edges
from mmgraph.graph.graph import Graph
from mmgraph.graph.hetero_store import entity_table, num_nodes, read_features, task_kind
from mmgraph.graph.layout import FORMAT
from mmgraph.graph.schema import EdgeType, GraphSchema, NodeType, Triple


def from_hetero_data(
    data: HeteroData,
    *,
    modalities: Mapping[str, Sequence[str]] | None = None,
    name: str = "hetero_data",
) -> Graph:
    """Return a graph that can be trained on from a ``HeteroData`` that was made elsewhere.

    Every node type becomes an entity type. Its features become modalities: nodes of their own, tied to it by
    ``of`` edges, so that several features of one node type stay apart. A modality is missing where a row of
    the features is NaN throughout, or where ``<feature>_mask`` (bool [N]) is false. A node type without
    features is fine.

    Relations keep their names and ``edge_weight``; each gets its reverse, unless its edges lead both ways
    already. Parallel edges are merged, and their weights added up; ``edge_attr`` is not read. A node type
    with ``y`` and ``train_mask`` is a task of the same name: a classification for whole numbers (below 0:
    no label), a regression for others (NaN: no label), on the split of ``train_mask``, ``val_mask`` and
    ``test_mask``. Its entities are called by ``id``, a list, if there is one.

    Args:
        data: The data, which stays as it is.
        modalities: By node type, the names of its features, each [N, D]. For a node type that is not named,
            ``x`` if there is one.
        name: The name of the graph.

    Returns:
        The graph.

    Raises:
        GraphError: If something cannot be used; all faults at once.

    Example:
        >>> import torch
        >>> data = HeteroData()
        >>> data["product"].image = torch.tensor([[1.0, 2.0], [float("nan"), float("nan")]])
        >>> data["product"].text = torch.randn(2, 3)
        >>> data["maker"].num_nodes = 1
        >>> data["product", "made_by", "maker"].edge_index = torch.tensor([[0, 1], [0, 0]])
        >>> graph = from_hetero_data(data, modalities={"product": ["image", "text"]})
        >>> {node_type.name: node_type.num_nodes for node_type in graph.schema.node_types}
        {'product': 2, 'product/image': 1, 'product/text': 2, 'maker': 1}
    """
    if not isinstance(data, HeteroData):
        raise GraphError(
            f"got a {type(data).__name__}; wanted a torch_geometric.data.HeteroData",
            where="from_hetero_data",
            fix="A Data becomes one by its to_heterogeneous().",
        )
    chosen = dict(modalities or {})
    faults = Faults()
    _check_names(data, chosen, faults)
    faults.raise_if_any(GraphError)

    node_types: list[NodeType] = []
    tables: dict[str, pd.DataFrame] = {}
    features: dict[str, NDArray[np.float32]] = {}
    tasks: dict[str, TaskSpec] = {}
    edges = EdgeSets()
    sizes: dict[str, int] = {}
    for entity in data.node_types:
        store = data[entity]
        wanted = chosen.get(entity, ["x"] if _has_x(store) else [])
        try:
            size = sizes[entity] = num_nodes(store, wanted, where=f"data[{entity!r}]")
            tables[entity] = entity_table(store, entity, size)
            found = read_features(store, entity, wanted, size)
        except MMGraphError as error:
            faults.extend(error)
            continue
        node_types.append(NodeType(entity, size, 0, entity))
        kind = task_kind(store)
        if kind:
            tasks[entity] = TaskSpec(entity=entity, kind=kind, target="y", split="masks", description="")
        for modality, (rows, values) in found.items():
            node_type = f"{entity}/{modality}"
            node_types.append(NodeType(node_type, len(rows), values.shape[1], entity, modality, "features"))
            ids = tables[entity]["id"].iloc[rows].reset_index(drop=True)
            tables[node_type] = pd.DataFrame({"id": ids, "entity_index": rows, "preview": None})
            features[node_type] = values
            edges.add_of(node_type, entity, rows)
    faults.raise_if_any(GraphError)

    _add_relations(data, sizes, edges, faults)
    faults.raise_if_any(GraphError)
    return Graph(
        schema=GraphSchema(tuple(node_types), tuple(edges.types)),
        manifest={
            "format": FORMAT,
            "name": name,
            "mmgraph": version("mmgraph"),
            "dataset": {},
            "encoders": {},
            "relations": {},
            "changes": [],
        },
        tasks=tasks,
        nodes=tables,
        features=features,
        edges=edges.edges,
    )


def _has_x(store: Any) -> bool:
    """Return whether a node type has features under PyG's usual name; none are wide."""
    return "x" in store and not (getattr(store["x"], "ndim", 0) == 2 and store["x"].shape[1] == 0)


def _check_names(data: HeteroData, modalities: Mapping[str, Sequence[str]], faults: Faults) -> None:
    """Note names that a graph cannot have, and names of node types and features that are not there."""
    for entity in data.node_types:
        _check_name(entity, f"data[{entity!r}]", faults)
    for entity, names in modalities.items():
        where = f"modalities[{entity!r}]"
        if entity not in data.node_types:
            faults.add(where, f"there is no node type {entity!r}", did_you_mean(entity, data.node_types))
            continue
        if isinstance(names, str):
            faults.add(where, f"got {names!r}; wanted a list of names", f"Write [{names!r}].")
            continue
        for modality in names:
            if modality in data[entity]:
                _check_name(modality, where, faults)
            else:
                there = did_you_mean(modality, [str(key) for key in data[entity].keys()])  # noqa: SIM118
                faults.add(where, f"the node type {entity!r} has no {modality!r}", there)
    for source, relation, target in data.edge_types:
        where = f"data[{source!r}, {relation!r}, {target!r}]"
        _check_name(relation, where, faults)
        if relation == "of":
            faults.add(where, "'of' is the name of the edges that tie modalities to entities", "Rename it.")
        for end in dict.fromkeys((source, target)):
            if end not in data.node_types:
                faults.add(where, f"there is no node type {end!r}", f"Set data[{end!r}].num_nodes.")


def _check_name(name: str, where: str, faults: Faults) -> None:
    if not re.fullmatch(NAME_PATTERN, name):
        faults.add(
            where,
            f"got the name {name!r}; wanted letters, digits and '_', beginning with a letter",
            "Rename it.",
        )


def _add_relations(data: HeteroData, sizes: Mapping[str, int], edges: EdgeSets, faults: Faults) -> None:
    """Add all relations, those that only reverse another one with that."""
    merged: dict[Triple, StoredEdges] = {}
    for triple in data.edge_types:
        try:
            merged[triple] = _edges(data[triple], triple, sizes)
        except MMGraphError as error:
            faults.extend(error)
    for triple, one in merged.items():
        source, relation, target = triple
        forward = merged.get((target, relation.removeprefix("rev_"), source))
        if relation.startswith("rev_") and forward is not None:
            # ToUndirected has made it, and it will be made again.
            if not _same(forward.reversed(), one):
                faults.add(
                    f"data[{source!r}, {relation!r}, {target!r}]",
                    f"its edges are not those of {relation.removeprefix('rev_')!r} the other way round",
                    "Rename it.",
                )
            continue
        symmetric = source == target and one.num_edges > 0 and _same(one.reversed(), one)
        weighted = one.weight is not None
        size = one.num_edges
        edges.add(EdgeType(source, relation, target, size, weighted=weighted, symmetric=symmetric), one)


def _edges(store: Any, triple: Triple, sizes: Mapping[str, int]) -> StoredEdges:
    """Return the edges of a relation, checked, merged and sorted."""
    where = f"data[{triple[0]!r}, {triple[1]!r}, {triple[2]!r}]"
    if "edge_index" not in store:
        raise GraphError("has no edge_index", where=where, fix="Set it, int64 [2, E].")
    index = store["edge_index"].detach().cpu()
    if index.dim() != 2 or index.shape[0] != 2:
        raise GraphError(f"got an edge_index of shape {tuple(index.shape)}; wanted (2, E)", where=where)
    given: tuple[Any, ...] = (index[0], index[1])
    if "edge_weight" in store:
        given = (*given, store["edge_weight"].detach().cpu())
    found = read_edges(given, sizes[triple[0]], sizes[triple[2]], where=where)
    return StoredEdges.of(merge(found, sizes[triple[0]]))


def _same(one: StoredEdges, other: StoredEdges) -> bool:
    if (one.weight is None) != (other.weight is None) or not np.array_equal(one.index, other.index):
        return False
    return one.weight is None or other.weight is None or np.allclose(one.weight, other.weight)
