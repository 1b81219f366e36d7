"""The features by which a relation tells what is near: a modality's own, or those of another encoder."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmgraph.counted import agreed, counted
from mmgraph.data.choice import Choice
from mmgraph.encoders import modality_encoder
from mmgraph.encoders.trainable import require_frozen
from mmgraph.errors import ConfigError
from mmgraph.graph.attach_context import AttachContext
from mmgraph.graph.context import BuildContext
from mmgraph.graph.relation import Fitted
from mmgraph.relations.vector_space import Metric


def tied_by(on: str, connect: str, context: BuildContext) -> tuple[str, str]:
    """Return the node types at the ends: the modality, or by ``connect="entity"`` its entity type, twice.

    Raises:
        GraphError: If there is no such modality.
    """
    entity, _ = context.modality(on, parameter="on")
    end = entity if connect == "entity" else on
    return end, end


def check_encoder(encoder: Choice | None, on: str, context: BuildContext) -> None:
    """Refuse a modality that is not there, and an encoder that cannot read it.

    Raises:
        GraphError: If there is no such modality.
        ConfigError: If the encoder cannot read the modality, or has wrong parameters.
    """
    entity, modality = context.modality(on, parameter="on")
    if encoder is not None:
        own = modality_encoder(context.dataset, entity, modality)
        found = modality_encoder(context.dataset, entity, modality, encoder, where=context.at("encoder"))
        require_frozen(found, where=context.at("encoder"), what="a relation")
        if own.several or found.several:
            raise ConfigError(
                "got an encoder for a modality one of whose encoders makes several nodes of an item",
                where=context.at("encoder"),
                fix="Leave it out, or take encoders that pool.",
            )


def fitted_features(encoder: Choice | None, on: str, context: BuildContext) -> Fitted:
    """Return the features of an encoder of the relation's own, which the graph does not hold otherwise."""
    return {} if encoder is None else {"features": context.features(on, encoder)}


def known_features(
    encoder: Choice | None, on: str, context: BuildContext | AttachContext
) -> NDArray[np.float32]:
    """Return the features of a modality's known nodes, float32 [N, D]."""
    if encoder is not None:
        return context.fitted["features"]
    return context.features(on) if isinstance(context, BuildContext) else context.known_features(on)


def with_direction(features: NDArray[np.float32], metric: Metric) -> NDArray[np.bool_]:
    """Return which nodes have a direction, if that is what counts, bool [N]."""
    if metric == "euclidean":
        return np.ones(len(features), dtype=bool)
    return np.asarray(features.any(axis=1), dtype=np.bool_)


def usable_nodes(
    features: NDArray[np.float32], metric: Metric, on: str, context: BuildContext | AttachContext
) -> NDArray[np.int64]:
    """Return the nodes that have a direction, and count those that have none."""
    usable = np.flatnonzero(with_direction(features, metric))
    zeros = len(features) - len(usable)
    if zeros:
        context.count("zero_vectors", zeros)
        context.warn(
            f"{zeros:,} of {counted(len(features), 'node')} of {on} {agreed(zeros, 'gets', 'get')} "
            "no neighbours: a vector that is all zeros, as scaled by what the training entities show, "
            "has no direction"
        )
    return usable
