"""What a graph says about itself in another form, so that reading it back gives the same graph."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmgraph.config import parse
from mmgraph.data.task_spec import AnyTaskSpec, task_model
from mmgraph.errors import GraphError
from mmgraph.graph.schema import EdgeType, GraphSchema, NodeType, Triple

if TYPE_CHECKING:
    from mmgraph.graph.graph import Graph

VERSION = 2
"""The version of the description; another one is refused."""

_ORIGIN: dict[str, type] = {"dataset": dict, "encoders": dict, "relations": dict, "changes": list}
"""What goes along of a manifest: what the audit asks, and what happened to the graph."""


@dataclass(frozen=True)
class Description:
    """What nodes and edges alone do not tell: names, order, tasks, and how relations came to be.

    Counts are taken from the nodes and edges themselves, which may have been changed since.

    Args:
        name: The name of the graph.
        schema: Its node types and edge types.
        tasks: Its tasks.
        sequences: The modality node types whose nodes have positions.
        origin: What its manifest said of where it came from: ``dataset``, ``encoders`` and ``relations``,
            and ``changes``; JSON values.
    """

    name: str
    schema: GraphSchema
    tasks: dict[str, AnyTaskSpec]
    sequences: tuple[str, ...]
    origin: dict[str, Any]

    @property
    def modalities(self) -> dict[str, NodeType]:
        """The modality node types."""
        return {t.name: t for t in self.schema.node_types if t.modality is not None}

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
        "sequences": [name for name, table in graph.nodes.items() if "position" in table],
        # Whoever gets it may change it, and the manifest must stay as it is.
        "origin": copy.deepcopy({key: graph.manifest.get(key, kind()) for key, kind in _ORIGIN.items()}),
    }


def read_description(value: Any, *, where: str) -> Description:
    """Return the description that :func:`describe` made.

    Args:
        value: JSON values.
        where: The place, for messages.

    Raises:
        MMGraphError: If it is none; all faults at once.
    """
    if not isinstance(value, Mapping) or "version" not in value:
        raise GraphError(
            "is no description of a graph", where=where, fix="Remove it, or export the graph again."
        )
    if value["version"] != VERSION:
        raise GraphError(
            f"has version {value['version']!r}; this version of mmgraph reads {VERSION}",
            where=where,
            fix="Export the graph again with this version.",
        )
    if not _is_sound(value):
        raise GraphError("is damaged", where=where, fix="Remove it, or export the graph again.")
    return Description(
        value["name"],
        GraphSchema.from_json(value["schema"], where=f"{where}: schema"),
        {
            str(task): parse(task_model(spec), spec, where=f"{where}: tasks.{task}")
            for task, spec in value["tasks"].items()
        },
        tuple(str(node_type) for node_type in value["sequences"]),
        {key: value["origin"][key] for key in _ORIGIN},
    )


def _is_sound(value: Mapping[str, Any]) -> bool:
    """Return whether a description has all its parts, each of its kind."""
    kinds = {"name": str, "schema": Mapping, "tasks": Mapping, "sequences": list, "origin": Mapping}
    return all(isinstance(value.get(part), kind) for part, kind in kinds.items()) and all(
        isinstance(value["origin"].get(part), kind) for part, kind in _ORIGIN.items()
    )


def origin(description: Description | None, schema: GraphSchema) -> dict[str, Any]:
    """Return what the manifest of a graph says of where it came from.

    What was said of node types and relations that have other counts by now is left out: it would be untrue.

    Args:
        description: What the graph said about itself; nothing for one that was made elsewhere.
        schema: Its schema now.
    """
    if description is None:
        return {"dataset": {}, "encoders": {}, "relations": {}, "changes": []}
    said = description.schema
    nodes = {t.name for t in schema.node_types if t in said.node_types}
    edges = {t.relation for t in schema.edge_types if t in said.edge_types}
    return {
        "dataset": description.origin["dataset"],
        "encoders": {n: e for n, e in description.origin["encoders"].items() if n in nodes},
        "relations": {n: r for n, r in description.origin["relations"].items() if n in edges},
        "changes": [*description.origin["changes"], {"exchanged": {"left_behind": ["encoders", "fitted"]}}],
    }
