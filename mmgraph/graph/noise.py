"""The control for "do the features help?": the same nodes and edges, with noise for features."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mmgraph.encoders.storage import rounded
from mmgraph.graph.lazy import LazyMapping
from mmgraph.graph.schema import GraphSchema


def noise_features(schema: GraphSchema, *, seed: int) -> Mapping[str, NDArray[np.float32]]:
    """Return standard normal noise in place of the features of every modality, drawn when it is asked for.

    Which entities have a modality stays as it is. The noise of a modality depends on its name and the seed
    alone, not on the other modalities.

    Args:
        schema: The graph's schema.
        seed: The seed.

    Returns:
        By modality node type, float32 [M, D].
    """
    modal = {t.name: t for t in schema.node_types if t.modality is not None}

    def draw(name: str) -> NDArray[np.float32]:
        rng = np.random.default_rng([seed, *name.encode()])
        shape = (modal[name].num_nodes, modal[name].channels)
        return rounded(rng.standard_normal(shape, dtype=np.float32), modal[name].storage)

    return LazyMapping(modal, draw)
