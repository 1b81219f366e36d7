"""One side of new entities: the modality by which they are seen, which each must have.

Shapes: R new entities, P width of the modality.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mmgraph.counted import agreed, counted
from mmgraph.errors import ConfigError
from mmgraph.graph.attach import AttachedGraph
from mmgraph.tasks.common_space import CommonSpace
from mmgraph.tasks.content import Content


def modality_of(space: CommonSpace, attached: AttachedGraph) -> Tensor:
    """Return the modality by which new entities are seen, float32 [R, P]."""
    entity, factory = space.task.labels.entity, attached.factory
    name = f"{entity}/{space.modality}"
    size = len(attached.new[entity])
    content = Content(factory.encoded(name).features, factory.entity_index(name), size)
    return content.of(torch.arange(size))


def refuse_lacking(space: CommonSpace, attached: AttachedGraph) -> None:
    """Raise if a new entity lacks the modality by which it is to be seen."""
    entity = space.task.labels.entity
    has = attached.factory.entity_index(f"{entity}/{space.modality}")
    lacking = np.delete(np.array(attached.new[entity], dtype=object), has)
    if len(lacking):
        raise ConfigError(
            f"{counted(len(lacking), 'new entity', 'new entities')} of the type {entity!r} "
            f"{agreed(len(lacking), 'has', 'have')} no {space.modality}, first {lacking[0]!r}",
            where=f"side {space.modality!r}",
            fix="Fill its column, or leave the row out.",
        )
