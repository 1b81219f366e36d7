"""What a graph says about itself in another form, so that reading it back gives the same graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmgraph.config import parse
from mmgraph.data.spec import TaskSpec
from mmgraph.errors import GraphError
from mmgraph.graph.schema import EdgeType, GraphSchema, Triple

if TYPE_CHECKING:
    from mmgraph.graph.graph import Graph

VERSION = 1
"""The version of the description; another one is refused."""


@dataclass(frozen=True)
class Description:
    """What nodes and edges alone do not tell: names, order, tasks, and how relations came to be.

    Counts are taken from the nodes and edges themselves, which may have been changed since.

    Args:
        name: The name of the graph.
        schema: Its node types and edge types.
        tasks: Its tasks.
    """

    name: str
    schema: GraphSchema
    tasks: dict[str, TaskSpec]

    @property
    def kinds(self) -> dict[str, str]:
        """The kinds of the modality node types."""
        return {t.name: t.kind for t in self.schema.node_types if t.kind is not None}

    @property
    def edge_types(self) -> dict[Triple, EdgeType]:
        """The relations that are stored: all but ``of`` and reverse ones."""
        stored = (t for t in self.schema.edge_types if t.kind != "of" and t.reverse_of is None)
        return {t.triple: t for t in stored}


def describe(graph: Graph) -> dict[str, Any]:
    """Return the description of a graph as JSON values."""
    return {
        "version": VERSION,
        "name": graph.name,
        "schema": graph.schema.to_json(),
        "tasks": {name: task.model_dump(mode="json") for name, task in graph.tasks.items()},
    }


def read_description(value: Any, *, where: str) -> Description:
    """Return the description that :func:`describe` made.

    Args:
        value: JSON values.
        where: The place, for messages.

    Raises:
        MMGraphError: If it is none; all faults at once.
    """
    parts = ("name", "schema", "tasks")
    if not isinstance(value, Mapping) or not value.keys() >= {"version", *parts}:
        raise GraphError(
            "is no description of a graph", where=where, fix="Remove it, or export the graph again."
        )
    if value["version"] != VERSION:
        raise GraphError(
            f"has version {value['version']!r}; this version of mmgraph reads {VERSION}",
            where=where,
            fix="Export the graph again with this version.",
        )
    name, schema, tasks = (value[part] for part in parts)
    if not isinstance(name, str) or not isinstance(schema, Mapping) or not isinstance(tasks, Mapping):
        raise GraphError("is damaged", where=where, fix="Remove it, or export the graph again.")
    return Description(
        name,
        GraphSchema.from_json(schema, where=f"{where}: schema"),
        {str(task): parse(TaskSpec, spec, where=f"{where}: tasks.{task}") for task, spec in tasks.items()},
    )
