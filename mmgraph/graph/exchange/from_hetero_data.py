"""A graph from a ``HeteroData`` that was made elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch_geometric.data import HeteroData

from mmgraph.data.task_spec import TaskSpec
from mmgraph.errors import Faults, GraphError, MMGraphError, did_you_mean
from mmgraph.graph.exchange.hetero_store import (
    entity_table,
    modality_features,
    modality_positions,
    num_nodes,
    read_features,
    task_kind,
)
from mmgraph.graph.exchange.parts import Modality, Parts, name_fault
from mmgraph.graph.exchange.ties import untie
from mmgraph.graph.graph import Graph
from mmgraph.graph.read_edges import read_edges
from mmgraph.graph.relation import Edges
from mmgraph.graph.schema import Triple

_PLACE = "data[{source!r}, {name!r}, {target!r}]"


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

    A node type ``product/image`` is a modality already, as in the ``data`` of a graph of mmgraph's: its
    features are ``x``, its edges ``of`` lead to ``product``, and where it is a sequence, ``position`` numbers
    the elements.

    Relations keep their names, ``edge_weight``, ``edge_attr`` (one row an edge, its columns called by
    ``attr_names`` if there are such) and ``time``, whole numbers; each gets its reverse, unless its edges
    lead both ways already. Parallel edges at the same time are merged: weights are added up, edge features
    averaged. The ``time`` of a node type, a number for each node, says when they come into being. A node type
    with ``y`` and ``train_mask`` is a task of the same name: a classification for whole
    numbers (below 0: no label), a regression for others (NaN: no label), on the split of ``train_mask``,
    ``val_mask`` and ``test_mask``. Its entities are called by ``id``, a list, if there is one.

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

    sizes: dict[str, int] = {}
    tables, tasks, features, positions = {}, {}, {}, {}
    own: dict[str, Modality] = {}
    for node_type in data.node_types:
        store = data[node_type]
        try:
            if "/" in node_type:
                features[node_type] = modality_features(store, where=f"data[{node_type!r}].x")
                size = sizes[node_type] = len(features[node_type])
                if "position" in store:
                    where = f"data[{node_type!r}].position"
                    positions[node_type] = modality_positions(store, size, where=where)
                continue
            wanted = chosen.get(node_type, ["x"] if _has_x(store) else [])
            size = sizes[node_type] = num_nodes(store, wanted, where=f"data[{node_type!r}]")
            tables[node_type] = entity_table(store, node_type, size)
            for name_of, found in read_features(store, node_type, wanted, size).items():
                own[f"{node_type}/{name_of}"] = Modality(*found)
        except MMGraphError as error:
            faults.extend(error)
            continue
        kind = task_kind(store)
        if kind:
            tasks[node_type] = TaskSpec(
                entity=node_type, kind=kind, target="y", split="masks", description=""
            )
    for twin in own.keys() & features.keys():
        faults.add(f"data[{twin!r}]", "stands twice, as a node type and as a feature", "Rename one.")
    faults.raise_if_any(GraphError)

    relations = _relations(data, sizes, faults)
    tied, kept = untie(features, relations, sizes, positions=positions, place=_PLACE, faults=faults)
    faults.raise_if_any(GraphError)
    return Parts(name, tables, own | tied, kept, tasks).graph(_PLACE)


def _has_x(store: Any) -> bool:
    """Return whether a node type has features under PyG's usual name; none are wide."""
    return "x" in store and not (getattr(store["x"], "ndim", 0) == 2 and store["x"].shape[1] == 0)


def _check_names(data: HeteroData, modalities: Mapping[str, Sequence[str]], faults: Faults) -> None:
    """Note names that a graph cannot have, and names of node types and features that are not there."""
    for node_type in data.node_types:
        name_fault(node_type.partition("/")[0], f"data[{node_type!r}]", faults)
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
                name_fault(modality, where, faults)
            else:
                there = did_you_mean(modality, [str(key) for key in data[entity].keys()])  # noqa: SIM118
                faults.add(where, f"the node type {entity!r} has no {modality!r}", there)
    for source, relation, target in data.edge_types:
        for end in dict.fromkeys((source, target)):
            if end not in data.node_types:
                where = _PLACE.format(source=source, name=relation, target=target)
                faults.add(where, f"there is no node type {end!r}", f"Set data[{end!r}].num_nodes.")


def _relations(data: HeteroData, sizes: Mapping[str, int], faults: Faults) -> dict[Triple, Edges]:
    """Return the edges of every edge type, checked."""
    found = {}
    for triple in data.edge_types:
        try:
            found[triple] = _edges(data[triple], triple, sizes)
        except MMGraphError as error:
            faults.extend(error)
    faults.raise_if_any(GraphError)
    return found


def _edges(store: Any, triple: Triple, sizes: Mapping[str, int]) -> Edges:
    source, name, target = triple
    where = _PLACE.format(source=source, name=name, target=target)
    if "edge_index" not in store:
        raise GraphError("has no edge_index", where=where, fix="Set it, int64 [2, E].")
    index = store["edge_index"].detach().cpu()
    if index.dim() != 2 or index.shape[0] != 2:
        raise GraphError(f"got an edge_index of shape {tuple(index.shape)}; wanted (2, E)", where=where)
    carried = {key: store[key].detach().cpu() for key in ("edge_weight", "edge_attr", "time") if key in store}
    attr = carried.get("edge_attr")
    if attr is not None and attr.dim() == 1:
        attr = attr[:, None]
    width = 0 if attr is None else attr.shape[-1]
    names = store["attr_names"] if "attr_names" in store else [f"attr_{n}" for n in range(width)]
    if attr is not None and width == 0:
        attr, names = None, []
    given = Edges(
        index[0],
        index[1],
        carried.get("edge_weight"),
        attr,
        tuple(str(one) for one in names) if attr is not None else (),
        carried.get("time"),
    )
    return read_edges(given, sizes[source], sizes[target], where=where)
