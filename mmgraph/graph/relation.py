"""What a relation builder is: the base class, what it gets (nodes) and what it gives (edges)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from mmgraph.parameters import WithParameters

if TYPE_CHECKING:
    from mmgraph.graph.context import BuildContext


@dataclass(frozen=True, eq=False)
class Nodes:
    """The nodes of one type, as a relation builder sees them. Labels are not among what it sees.

    Args:
        type: The node type, e.g. ``glyph`` or ``glyph/sans``.
        ids: The id of each node's entity, text [N].
        features: float32 [N, D], fitted on training entities; nothing for entity nodes.
        frame: N rows of the entity table, without the columns that a task predicts.
        entity_index: The row of each node's entity in the entity table, int64 [N].
        training: Whether the entity is a training one in every split, bool [N].
    """

    type: str
    ids: NDArray[np.object_]
    features: NDArray[np.float32] | None
    frame: pd.DataFrame
    entity_index: NDArray[np.int64]
    training: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, eq=False)
class Edges:
    """Edges between two node types: positions of nodes in their types.

    Args:
        source: int64 [E].
        target: int64 [E].
        weight: float32 [E], finite and greater than 0; nothing for an unweighted relation.
    """

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    weight: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.source)


@dataclass(frozen=True)
class RelationBuilder(WithParameters, ABC):
    """Makes one relation of a graph. Subclasses are frozen dataclasses; their fields are its parameters.

    Parameters are checked by pydantic when a builder is made, from YAML or in Python. Register a builder with
    ``RELATIONS.register("name")`` to name it in ``dataset.yaml``; for a plain function there is
    :func:`mmgraph.relations.relation`.

    Args:
        allow_empty: Accept that the relation has no edge, which is an error otherwise.

    Raises:
        ConfigError: If parameters cannot be used; all faults at once.
    """

    kind: ClassVar[Literal["given", "derived"]]
    """``given`` where the dataset says it in so many words, else ``derived``."""

    uses_features: ClassVar[bool] = False
    """Whether it needs features. If not, it is built first, so that its faults show before the encoding."""

    allow_empty: Annotated[
        bool, Field(description="Accept that the relation has no edge, which is an error otherwise.")
    ] = field(default=False, kw_only=True)

    @property
    def symmetric(self) -> bool:
        """Whether an edge holds in both directions, so that both are stored and no reverse is made."""
        return False

    @property
    @abstractmethod
    def default_name(self) -> str:
        """The name of the relation where the user gives none."""

    @abstractmethod
    def endpoints(self, context: BuildContext) -> tuple[str, str]:
        """Return the source and the target node type."""

    def made_from(self, context: BuildContext) -> tuple[str, ...]:
        """Return the modality node types whose content goes into the edges."""
        return tuple(sorted({end for end in self.endpoints(context) if context.is_modality(end)}))

    def check(self, context: BuildContext) -> None:
        """Raise what can be known to be wrong before anything is encoded.

        Raises:
            MMGraphError: With all faults that were found.
        """

    @abstractmethod
    def build(self, context: BuildContext) -> Edges:
        """Return the edges. What is worth telling goes to ``context.count`` and ``context.warn``.

        Raises:
            MMGraphError: With all faults that were found.
        """

    def why_empty(self, context: BuildContext) -> str:  # noqa: ARG002 - for subclasses
        """Return why the relation came out without an edge."""
        return "the builder returned none"
