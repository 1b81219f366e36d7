"""What a model makes of new entities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mmgraph.graph.attach import AttachedGraph


@dataclass(frozen=True, eq=False)
class Embedded:
    """What a model makes of new entities of one type, in the order in which they were given.

    Args:
        ids: Their ids, text [N].
        vectors: Their unified representations, float32 [N, hidden_channels].
        notes: What each rests on, or does not: see :meth:`mmgraph.Predictor.predict`.
    """

    ids: NDArray[np.str_]
    vectors: NDArray[np.float32]
    notes: list[str]


class Seen(NamedTuple):
    """What a model sees of new entities of one type.

    Args:
        attached: The graph with all new entities.
        states: Their unified representations in the order of that, [N, hidden_channels].
        notes: What each rests on, or does not.
        order: Where each is that was given, int64 [N].
    """

    attached: AttachedGraph
    states: Tensor
    notes: list[str]
    order: NDArray[np.int64]
