"""All modalities of an entity type in one matrix: what a model without a graph takes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mmgraph.errors import GraphError
from mmgraph.graph.graph import Graph


def concatenated_features(
    graph: Graph, entity: str, training: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Return the features of all modalities side by side, one row for each entity.

    Each modality is centred and scaled by one factor, so that its columns keep their proportions and have a
    mean variance of 1 over the training entities that have it: scaled one by one, the last components of an
    encoder, which are mostly noise, would count as much as the first. Of a sequence it is the mean over its
    elements that counts. Where the modality is missing, its columns are 0, which is their mean, and a column
    of its own says so.

    Args:
        graph: The graph as the task sees it.
        entity: The entity type.
        training: Rows of the training entities, int64 [R].

    Returns:
        float32 [N, D], where D is the width of all modalities and one more for each that is ever missing.

    Raises:
        GraphError: If the entity type has no modality.
    """
    count = len(graph.nodes[entity])
    is_training = np.zeros(count, dtype=bool)
    is_training[training] = True
    blocks: list[npt.NDArray[np.float32]] = []
    for node_type in graph.schema.node_types:
        if node_type.entity != entity or node_type.modality is None:
            continue
        rows, features = _one_vector_each(graph, node_type.name)
        block = np.zeros((count, node_type.channels), dtype=np.float32)
        block[rows] = _balanced(features, is_training[rows])
        blocks.append(block)
        if len(rows) < count:
            missing = np.ones((count, 1), dtype=np.float32)
            missing[rows] = 0
            blocks.append(missing)
    if not blocks:
        raise GraphError(
            f"the entity type {entity!r} has no modality that the task may see; a baseline needs one",
            fix="Leave the baselines out, or give the entity type a modality.",
        )
    return np.concatenate(blocks, axis=1)


def _one_vector_each(graph: Graph, name: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return the entities that have a modality, each once, and their features; of a sequence the mean."""
    nodes = graph.nodes[name]["entity_index"].to_numpy(dtype=np.int64)
    features = graph.features[name]
    rows, first, lengths = np.unique(nodes, return_index=True, return_counts=True)
    if len(rows) == len(nodes):
        return nodes, features
    # Elements stand in the order of their entities.
    total = np.add.reduceat(features, first, axis=0, dtype=np.float64)
    return rows, (total / lengths[:, None]).astype(np.float32)


def _balanced(features: npt.NDArray[np.float32], training: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Return the columns centred, with a mean variance of 1 over the training rows; constant ones are 0."""
    known = np.asarray(features[training] if training.any() else features, dtype=np.float64)
    spread = np.sqrt(known.var(axis=0).mean())
    scaled = (features - known.mean(axis=0)) / (spread if spread > 1e-9 else np.inf)
    return np.asarray(scaled, dtype=np.float32)
