"""What a modality holds of each entity: what is to be found again without looking at it.

Shapes: N entities, M nodes, R entities that are asked for, D width of the features.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmgraph.graph.graph import Graph


class Content:
    """The features of a modality by entity; of several nodes of an entity, such as a sequence, the mean.

    The features stay where they are, e.g. on disk, until they are asked for.

    Args:
        features: Of each node, float32 [M, D].
        entities: The entity of each node, int64 [M].
        num_entities: Number of entities, N.

    Example:
        >>> features = np.array([[1, 0], [3, 0], [0, 5]], dtype=np.float32)
        >>> content = Content(features, np.array([2, 2, 0]), 3)
        >>> content.has.tolist(), content.of(torch.tensor([2, 0])).tolist()
        ([True, False, True], [[2.0, 0.0], [0.0, 5.0]])
    """

    def __init__(self, features: NDArray[np.float32], entities: NDArray[np.int64], num_entities: int) -> None:
        self._features = features
        self._order = np.argsort(entities, kind="stable")
        self._counts = np.bincount(entities, minlength=num_entities)
        self._begin = np.cumsum(self._counts) - self._counts
        self.has = torch.from_numpy(self._counts > 0)
        self.channels = int(features.shape[1])

    @classmethod
    def in_graph(
        cls, graph: Graph, entity: str, modalities: Collection[str] | None = None
    ) -> dict[str, Content]:
        """Return the content of modalities, by their names.

        Args:
            graph: The graph.
            entity: The entity type.
            modalities: Which; all by default.
        """
        return {
            str(t.modality): cls(
                graph.features[t.name],
                graph.nodes[t.name]["entity_index"].to_numpy(dtype=np.int64),
                graph.schema.node_type(entity).num_nodes,
            )
            for t in graph.schema.node_types
            if t.entity == entity
            and t.modality is not None
            and (modalities is None or t.modality in modalities)
        }

    def of(self, rows: Tensor) -> Tensor:
        """Return the features of entities that have the modality, float32 [R, D], where the rows are.

        Args:
            rows: Which entities, int64 [R].
        """
        index = rows.cpu().numpy()
        counts = self._counts[index]
        first = np.cumsum(counts) - counts
        place = np.repeat(self._begin[index] - first, counts) + np.arange(counts.sum())
        features = np.asarray(self._features[self._order[place]])
        total = np.add.reduceat(features, first, axis=0) if len(index) else features
        return torch.from_numpy(total / counts[:, None].astype(np.float32)).to(rows.device)
