"""What a relation builder is: the base class, what it gets (nodes) and what it gives (edges)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from mmgraph.errors import GraphError
from mmgraph.graph.filters import Filters
from mmgraph.parameters import WithParameters

if TYPE_CHECKING:
    from mmgraph.graph.attach_context import AttachContext
    from mmgraph.graph.context import BuildContext

Scope = Literal["all", "training"]
"""Whose nodes send along a relation: those of all entities, or of training entities alone."""

Fitted = dict[str, NDArray[Any]]
"""What a relation learnt: arrays of numbers or of text of a fixed width, by name."""


@dataclass(frozen=True, eq=False)
class Nodes:
    """The nodes of one type, as a relation builder sees them. Labels are not among what it sees.

    Args:
        type: The node type, e.g. ``glyph`` or ``glyph/sans``.
        ids: The id of each node's entity, text [N].
        features: float32 [N, D], fitted on training entities; nothing for entity nodes.
        frame: N rows of the entity table, without the columns that a task predicts; a custom relation gets
            those that it names.
        entity_index: The row of each node's entity in the entity table, int64 [N].
        training: Whether the entity is a training one in every split, bool [N].
        position: The position of each element of a sequence, int64 [N]; nothing for other node types.
    """

    type: str
    ids: NDArray[np.object_]
    features: NDArray[np.float32] | None
    frame: pd.DataFrame
    entity_index: NDArray[np.int64]
    training: NDArray[np.bool_]
    position: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, eq=False)
class Edges:
    """Edges between two node types: positions of nodes in their types.

    Args:
        source: int64 [E].
        target: int64 [E].
        weight: float32 [E], finite and greater than 0; nothing for an unweighted relation.
        attr: Edge features, float32 [E, F], finite; nothing for a relation that has none.
        attr_names: The names of the F edge features.
        time: When each edge came to be, int64 [E]: seconds since 1970 for dates, else the number itself;
            nothing for a relation that knows no time.
    """

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    weight: NDArray[np.float32] | None = None
    attr: NDArray[np.float32] | None = None
    attr_names: tuple[str, ...] = ()
    time: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.source)

    def take(self, which: NDArray[Any]) -> Edges:
        """Return some of the edges, by their positions [K] or by a mask [E]."""
        return Edges(
            self.source[which],
            self.target[which],
            None if self.weight is None else self.weight[which],
            None if self.attr is None else self.attr[which],
            self.attr_names,
            None if self.time is None else self.time[which],
        )

    def reversed(self) -> Edges:
        """Return the edges the other way round, in the same order."""
        return replace(self, source=self.target, target=self.source)


@dataclass(frozen=True, eq=False)
class Attached:
    """The edges that new nodes get. Messages run from known nodes to new ones only.

    Args:
        incoming: Edges of the relation from known source nodes to new target nodes.
        outgoing: Edges of the relation from new source nodes to known target nodes: the new nodes hear from
            those along the reverse relation. Nothing for a relation whose incoming edges say all.
        own: Edges among the new nodes of one and the same entity, such as those of a sequence. New entities
            hear nothing from each other, so that what becomes of one does not depend on its company.
    """

    incoming: Edges
    outgoing: Edges | None = None
    own: Edges | None = None


def nothing() -> Attached:
    """Return no edges for new nodes."""
    empty = np.empty(0, dtype=np.int64)
    return Attached(Edges(empty, empty))


@dataclass(frozen=True)
class RelationBuilder(WithParameters, ABC):
    """Makes one relation of a graph. Subclasses are frozen dataclasses; their fields are its parameters.

    Parameters are checked by pydantic when a builder is made, from YAML or in Python. Register a builder with
    ``RELATIONS.register("name")`` to name it in ``dataset.yaml``; for a plain function there is
    :func:`mmgraph.relations.relation`.

    Args:
        allow_empty: Accept that the relation has no edge, which is an error otherwise.
        filters: Which of the edges stay, and whether they hold in both directions.
        scope: ``training`` lets no edge leave a held-out entity, so that the model hears nothing of those
            while it trains (inductive); ``all`` builds the edges among all entities, without labels
            (transductive).

    Raises:
        ConfigError: If parameters cannot be used; all faults at once.
    """

    kind: ClassVar[Literal["given", "derived"]]
    """``given`` where the dataset says it in so many words, else ``derived``."""

    uses_features: ClassVar[bool] = False
    """Whether it needs features. If not, it is built first, so that its faults show before the encoding."""

    pure: ClassVar[bool] = False
    inductive: ClassVar[bool] = False
    """Whether :meth:`attach` gives new entities their edges. If not, a new entity asks for a new graph."""

    allow_empty: Annotated[
        bool, Field(description="Accept that the relation has no edge, which is an error otherwise.")
    ] = field(default=False, kw_only=True)
    filters: Annotated[
        Filters, Field(description="Which of the edges stay, and whether they hold in both directions.")
    ] = field(default=Filters(), kw_only=True)
    scope: Annotated[
        Scope, Field(description="Whose nodes send: those of all entities, or of training ones alone.")
    ] = field(default="all", kw_only=True)

    @property
    def symmetric(self) -> bool:
        """Whether an edge holds in both directions, so that both are stored and no reverse is made."""
        return False

    @property
    def one_way(self) -> bool:
        """Whether no reverse relation is made, as nothing may run backwards or both directions are there."""
        return self.scope == "training"

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

    def needs(self) -> tuple[str, ...]:
        """Return the names of the relations that it is made of; ``context.edges_of`` gives their edges."""
        return ()

    def fit(self, context: BuildContext) -> Fitted:  # noqa: ARG002 - for subclasses
        """Return what the relation learns before it is built: statistics of training entities, and whatever
        of the known entities :meth:`attach` will need beyond ids and features.

        It stays in the graph's folder. :meth:`build` and :meth:`attach` find it as ``context.fitted``.

        Raises:
            MMGraphError: With all faults that were found.
        """
        return {}

    def estimate(self, context: BuildContext) -> int | None:  # noqa: ARG002 - for subclasses
        """Return how many edges :meth:`build` will return at most, without building anything.

        Nothing if that cannot be known.
        """
        return None

    @abstractmethod
    def build(self, context: BuildContext) -> Edges:
        """Return the edges. What is worth telling goes to ``context.count`` and ``context.warn``.

        Raises:
            MMGraphError: With all faults that were found.
        """

    def attach(self, context: AttachContext) -> Attached:
        """Return the edges between known nodes and new ones, without touching those among known nodes.

        Raises:
            GraphError: If the relation is not inductive.
            MMGraphError: With all faults that were found.
        """
        raise GraphError(
            f"a {type(self).__name__} relation cannot be extended by new entities",
            where=context.where,
            fix="Build the graph again with them, or leave the relation out.",
        )

    def why_empty(self, context: BuildContext) -> str:  # noqa: ARG002 - for subclasses
        """Return why the relation came out without an edge."""
        return "the builder returned none"
