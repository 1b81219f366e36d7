"""What a relation builder is given: nodes and tables, and a place for counts and warnings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmgraph.data.stream import Wanted, read_columns
from mmgraph.errors import Faults, GraphError
from mmgraph.graph.remarks import Remarks

if TYPE_CHECKING:
    from mmgraph.data.choice import Choice
    from mmgraph.data.dataset import Dataset
    from mmgraph.data.entity_table import EntityTable
    from mmgraph.elsewhere import Elsewhere
    from mmgraph.encoders import Encoder
    from mmgraph.graph.nodes import NodeFactory
    from mmgraph.graph.relation import Edges, Fitted, Nodes, Scope
    from mmgraph.progress import Progress


class BuildContext(Remarks):
    """The surroundings of one relation while it is built.

    Args:
        factory: Makes the nodes; shared by all relations of a graph.
        name: The relation's name.
        where: The place that asks for the relation, for messages, e.g. ``dataset.yaml: relations.borders``.
        progress: Told what takes long.
        scope: ``training`` if nodes of held-out entities must not send.
        edges_of: Gives the edges of another relation.
        ends_of: Gives the node types at its ends.
        elsewhere: Who does large pieces of work; nothing where this process does.

    Attributes:
        fitted: What the builder's ``fit`` gave.
        encoders: By modality node type, an encoder that serves this relation alone.
        counts: Numbers worth knowing, e.g. how many duplicates were merged. They go into the manifest.
        warnings: Sentences worth reading. They go into the manifest, and to the person who builds the graph.
    """

    def __init__(
        self,
        factory: NodeFactory,
        *,
        name: str,
        where: str,
        progress: Progress,
        scope: Scope = "all",
        edges_of: Callable[[str], Edges] | None = None,
        ends_of: Callable[[str], tuple[str, str]] | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        super().__init__()
        self._factory = factory
        self.name = name
        self.where = where
        self.progress = progress
        self.elsewhere = elsewhere
        self.fitted: Fitted = {}
        self.encoders: dict[str, Encoder[Any, Any]] = {}
        self._scope = scope
        self._edges_of = edges_of
        self._ends_of = ends_of

    @property
    def dataset(self) -> Dataset:
        """The dataset that the graph is built from."""
        return self._factory.dataset

    def at(self, parameter: str) -> str:
        """Return the place of one of the relation's parameters, for messages."""
        return f"{self.where}.{parameter}" if ": " in self.where else f"{self.where}: {parameter}"

    def parts(self, node_type: str, *, parameter: str) -> tuple[str, str | None]:
        """Return the entity type and the modality (nothing for entity nodes) of a node type.

        Args:
            node_type: Its name.
            parameter: The relation's parameter that named it, for messages.

        Raises:
            GraphError: If there is no such node type.
        """
        return self._factory.parts(node_type, where=self.at(parameter))

    def entity(self, name: str, *, parameter: str) -> str:
        """Return the name of an entity type.

        Args:
            name: Its name.
            parameter: The relation's parameter that named it, for messages.

        Raises:
            GraphError: If there is no such entity type.
        """
        entity, modality = self.parts(name, parameter=parameter)
        if modality is not None:
            raise GraphError(
                f"got {name!r}, a modality; wanted an entity type",
                where=self.at(parameter),
                fix=f"Write {entity!r}.",
            )
        return entity

    def modality(self, name: str, *, parameter: str) -> tuple[str, str]:
        """Return the entity type and the modality of a modality node type.

        Args:
            name: Its name.
            parameter: The relation's parameter that named it, for messages.

        Raises:
            GraphError: If there is no such modality.
        """
        entity, modality = self.parts(name, parameter=parameter)
        if modality is None:
            known = [n for n in self._factory.modalities if n.startswith(f"{entity}/")]
            raise GraphError(
                f"got {name!r}, an entity type, which has no features; wanted one of its modalities",
                where=self.at(parameter),
                fix=f"There are: {', '.join(known)}." if known else "Give the entity type a modality.",
            )
        return entity, modality

    def is_modality(self, node_type: str) -> bool:
        """Return whether a node type is that of a modality."""
        return self._factory.is_modality(node_type)

    def num_nodes(self, node_type: str) -> int:
        """Return the number of nodes of a type, without encoding anything."""
        return self._factory.num_nodes(node_type)

    def nodes(self, node_type: str) -> Nodes:
        """Return the nodes of a type; those of a modality are encoded now, if they are not yet."""
        return self._factory.nodes(node_type)

    def features(self, node_type: str, encoder: Choice | None = None) -> NDArray[np.float32]:
        """Return the features of a modality's nodes, float32 [N, D].

        Args:
            node_type: The modality's node type.
            encoder: An encoder for this relation alone; nothing for the modality's own features.
        """
        if encoder is not None:
            encoded = self._factory.encoded_by(node_type, encoder)
            self.encoders[node_type] = encoded.encoder
            return encoded.features
        return self._factory.encoded(node_type).features

    def permitted(self, node_type: str) -> NDArray[np.bool_]:
        """Return which nodes may send, bool [N]: all, or, by ``scope: training``, training ones."""
        if self._scope == "all":
            return np.ones(self.num_nodes(node_type), dtype=bool)
        return self.training(node_type)

    def training(self, node_type: str) -> NDArray[np.bool_]:
        """Return which nodes belong to entities that no split holds out, bool [N]: fit on these alone."""
        entity, _ = self._factory.parts(node_type)
        return self.dataset.training_rows(entity)[self.entity_index(node_type)]

    def edges_of(self, name: str) -> Edges:
        """Return the edges of another relation, which the builder's ``needs`` names.

        Args:
            name: The relation; ``rev_`` before its name turns the edges round.

        Raises:
            GraphError: If that relation could not be built.
        """
        assert self._edges_of is not None
        return self._edges_of(name)

    def ends_of(self, name: str) -> tuple[str, str]:
        """Return the source and the target node type of another relation, as for :meth:`edges_of`."""
        assert self._ends_of is not None
        return self._ends_of(name)

    def ids(self, node_type: str) -> NDArray[np.object_]:
        """Return the id of each node's entity, text [N], without encoding anything."""
        entity, _ = self._factory.parts(node_type)
        return np.array(self.dataset.entity_ids(entity), dtype=object)[self.entity_index(node_type)]

    def entity_table(self, entity: str) -> EntityTable:
        """Return the checked table of an entity type; ask :meth:`refuse_target` before a column is read."""
        return self.dataset.entity_table(entity)

    def entity_index(self, node_type: str) -> NDArray[np.int64]:
        """Return the row of each node's entity in the entity table, int64 [N]."""
        return self._factory.entity_index(node_type)

    def position(self, node_type: str) -> NDArray[np.int64] | None:
        """Return the position of each element of a sequence, int64 [N]; nothing for other node types."""
        return self._factory.position(node_type)

    def file(self, path: str) -> str:
        """Return where a file of the dataset folder is, for messages."""
        return str(self.dataset.folder / path)

    def columns(self, path: str, wanted: Sequence[Wanted], faults: Faults) -> list[NDArray[Any] | None]:
        """Return columns of a table of the dataset folder, read block by block, so that it may be large.

        The number of rows is counted as ``rows``.

        Args:
            path: The table, relative to the dataset folder.
            wanted: The columns, and what each block of them is turned into.
            faults: Is told every fault of every column.

        Returns:
            For each of ``wanted`` an array [E] or [E, D], or nothing if it has faults.

        Raises:
            DataError: If there is no such table.
        """
        file = self.dataset.table_file(path, where=self.at("table"))
        arrays, rows = read_columns(file, wanted, faults, progress=self.progress, name=self.name)
        self.counts["rows"] = rows
        return arrays

    def table(self, path: str) -> pd.DataFrame:
        """Return a table of the dataset folder."""
        return self.dataset.table(path, where=self.at("table"))

    def readers(self, entity: str, column: str) -> list[str]:
        """Return the modality node types of an entity type that are read from one of its columns."""
        return self._factory.readers(entity, column)

    def refuse_target(self, entity: str, column: str | None, *, parameter: str) -> None:
        """Refuse a column that a task predicts: edges made from it would give the label away.

        A task may predict what a relation is made from if it does not see the relation, by its ``without``.

        Args:
            entity: The entity type.
            column: A column of its table.
            parameter: The relation's parameter that named it, for messages.

        Raises:
            GraphError: If the column is the target of a task that sees the relation.
        """
        tasks = [] if column is None else self._factory.targets(entity).get(column, [])
        known = self.dataset.spec.entity_tasks
        seeing = [name for name in tasks if self.name not in known[name].without.relations]
        if seeing:
            raise GraphError(
                f"got {column!r}, which the task {seeing[0]!r} predicts: the edges would give the label away",
                where=self.at(parameter),
                fix=f"Choose another column, or add {self.name!r} to the task's without.relations.",
            )
