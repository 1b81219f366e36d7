"""What a relation builder is given when new entities join a graph: what the graph knows, and what is new."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmgraph.data.stream import Wanted, read_columns
from mmgraph.errors import Faults
from mmgraph.graph.relation import Fitted, Scope
from mmgraph.graph.remarks import Remarks
from mmgraph.progress import Progress

if TYPE_CHECKING:
    from mmgraph.data.choice import Choice
    from mmgraph.data.entity_table import EntityTable
    from mmgraph.graph.graph import Graph
    from mmgraph.graph.nodes import NodeFactory

T = TypeVar("T")


class AttachContext(Remarks):
    """The surroundings of one relation while new entities get their edges.

    Positions of known nodes are those of the graph; positions of new nodes count the new ones alone.

    Args:
        graph: The graph.
        factory: Makes the nodes of the new entities, by the graph's encoders.
        name: The relation's name.
        where: The place, for messages.
        scope: ``training`` if known nodes of held-out entities must not send.

    Attributes:
        fitted: What the builder's ``fit`` gave when the graph was built.
        counts: Numbers worth knowing.
        warnings: Sentences worth reading.
        unknown: By entity type, how many neighbours that nobody is each new entity names, int64 [N].
    """

    def __init__(self, graph: Graph, factory: NodeFactory, *, name: str, where: str, scope: Scope) -> None:
        super().__init__()
        self._graph = graph
        self._factory = factory
        self._scope = scope
        self.name = name
        self.where = where
        self.fitted: Fitted = dict(graph.fitted.get(name, {}))
        self.unknown: dict[str, NDArray[np.int64]] = {}

    @property
    def ends(self) -> tuple[str, str]:
        """The node types at the relation's ends."""
        edge_type = next(t for t in self._graph.schema.edge_types if t.name == self.name)
        return edge_type.source, edge_type.target

    def at(self, parameter: str) -> str:
        """Return the place of one of the relation's parameters, for messages."""
        return f"{self.where}.{parameter}"

    def known_ids(self, node_type: str) -> NDArray[np.object_]:
        """Return the id of each known node's entity, text [N]."""
        ids: NDArray[np.object_] = self._graph.nodes[node_type]["id"].to_numpy(object)
        return ids

    def known_features(self, node_type: str) -> NDArray[np.float32]:
        """Return the features of a modality's known nodes, float32 [N, D]."""
        return self._graph.features[node_type]

    def once(self, make: Callable[[], T]) -> T:
        """Return what the relation makes of the known nodes alone, made at the first question and kept.

        Args:
            make: Makes it.
        """
        kept = self._graph.kept
        if self.name not in kept:
            kept[self.name] = make()
        found: T = kept[self.name]
        return found

    def known_entity_index(self, node_type: str) -> NDArray[np.int64]:
        """Return the row of each known node's entity in the table of entity nodes, int64 [N]."""
        table = self._graph.nodes[node_type]
        if "entity_index" not in table:
            return np.arange(len(table), dtype=np.int64)
        rows: NDArray[np.int64] = table["entity_index"].to_numpy(np.int64)
        return rows

    def permitted(self, node_type: str) -> NDArray[np.bool_]:
        """Return which known nodes may send, bool [N]."""
        if self._scope == "all":
            return np.ones(len(self._graph.nodes[node_type]), dtype=bool)
        return self.training(node_type)

    def training(self, node_type: str) -> NDArray[np.bool_]:
        """Return which known nodes belong to entities that no split holds out, bool [N]."""
        rows = self.known_entity_index(node_type)
        training: NDArray[np.bool_] = self._graph.nodes[node_type.partition("/")[0]]["training"].to_numpy(
            bool
        )
        return training[rows]

    def num_nodes(self, node_type: str) -> int:
        """Return the number of new nodes of a type."""
        return self._factory.num_nodes(node_type)

    def ids(self, node_type: str) -> NDArray[np.object_]:
        """Return the id of each new node's entity, text [N]."""
        entity, _ = self._factory.parts(node_type)
        return np.array(self._factory.dataset.entity_ids(entity), dtype=object)[self.entity_index(node_type)]

    def features(self, node_type: str, encoder: Choice | None = None) -> NDArray[np.float32]:
        """Return the features of a modality's new nodes, float32 [N, D].

        Args:
            node_type: The modality's node type.
            encoder: Given where the relation has an encoder for itself: the one fitted then is used.
        """
        if encoder is None:
            return self._factory.encoded(node_type).features
        return self._factory.encode_by(node_type, self._graph.relation_encoders[self.name, node_type])

    def entity_index(self, node_type: str) -> NDArray[np.int64]:
        """Return the row of each new node's entity among the new entities, int64 [N]."""
        return self._factory.entity_index(node_type)

    def position(self, node_type: str) -> NDArray[np.int64] | None:
        """Return the position of each new element of a sequence, int64 [N]; nothing for other node types."""
        return self._factory.position(node_type)

    def entity_table(self, entity: str) -> EntityTable:
        """Return the checked table of the new entities of a type."""
        return self._factory.dataset.entity_table(entity)

    def frame(self, entity: str) -> pd.DataFrame:
        """Return the table of the new entities of a type, one row an entity."""
        return self._factory.dataset.frame(entity)

    def columns(self, path: str, wanted: Sequence[Wanted], faults: Faults) -> list[NDArray[Any] | None]:
        """Return columns of another table of the new entities' folder; see :meth:`BuildContext.columns`."""
        file = self._factory.dataset.table_file(path, where=self.at("table"))
        arrays, rows = read_columns(file, wanted, faults, progress=Progress(quiet=True), name=self.name)
        self.counts["rows"] = rows
        return arrays

    def note_unknown(self, entity: str, rows: NDArray[np.integer[Any]]) -> None:
        """Remember that new entities name neighbours that nobody is, known or new.

        Args:
            entity: The type of the new entities.
            rows: Their positions, one for each such neighbour, [U].
        """
        count = np.bincount(rows, minlength=self.num_nodes(entity))
        self.unknown[entity] = count + self.unknown.get(entity, np.zeros_like(count))

    def file(self, path: str) -> str:
        """Return where a file of the new entities' folder is, for messages."""
        return str(self._factory.dataset.folder / path)

    def has_table(self, path: str) -> bool:
        """Return whether the folder that the new entities come from holds a table; if not, that is told."""
        there = (self._factory.dataset.folder / path).is_file()
        if not there:
            self.warn(f"there is no {path} beside the new entities, so that they have no edge here")
        return there

    def table(self, path: str) -> pd.DataFrame:
        """Return another table of the folder that the new entities come from."""
        return self._factory.dataset.table(path, where=self.at("table"))
