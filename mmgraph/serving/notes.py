"""What an answer about a new entity rests on, or rather does not: what is missing, and what is unknown."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from mmgraph.counted import counted
from mmgraph.graph import Graph
from mmgraph.graph.attach import AttachedGraph
from mmgraph.graph.schema import EdgeType


def notes_on(
    view: Graph,
    attached: AttachedGraph,
    entity: str,
    *,
    read: Collection[str],
    untied: Collection[str],
    modalities: Collection[str] | None = None,
) -> list[str]:
    """Return a note on each new entity of a type: modalities that it lacks, content that no training entity
    had, neighbours that it names and nobody is, relations by which it has no neighbour. Nothing where there
    is nothing to say.

    Args:
        view: The graph as the model sees it.
        attached: How the new entities joined it.
        entity: The entity type.
        read: The relations that the model reads.
        untied: Those of them that cannot tie new entities.
        modalities: Those that the model sees of the new entities; all by default.
    """
    parts: list[list[str]] = [[] for _ in attached.new[entity]]
    _note_modalities(view, attached, entity, modalities, parts)
    lonely: list[list[str]] = [[] for _ in parts]
    for name in sorted(read):
        edge_type = next(t for t in view.schema.edge_types if t.name == name)
        if entity not in (edge_type.source.partition("/")[0], edge_type.target.partition("/")[0]):
            continue
        if name in untied:
            for part in parts:
                part.append(f"{name} ties no new entities")
            continue
        for row in np.flatnonzero(~_tied(attached, edge_type, entity)):
            lonely[row].append(name)
        nobody = attached.relations[edge_type.relation].unknown.get(entity, np.empty(0, dtype=np.int64))
        for row in np.flatnonzero(nobody):
            parts[row].append(f"{counted(int(nobody[row]), 'unknown neighbour')} by {name}")
    for part, names in zip(parts, lonely, strict=True):
        if names:
            part.append(f"no neighbour by {', '.join(names)}")
    return ["; ".join(part) for part in parts]


def _note_modalities(
    view: Graph,
    attached: AttachedGraph,
    entity: str,
    modalities: Collection[str] | None,
    parts: list[list[str]],
) -> None:
    factory = attached.factory
    node_types = [
        t
        for t in view.schema.node_types
        if t.entity == entity and t.modality is not None and (modalities is None or t.modality in modalities)
    ]
    missing: list[list[str]] = [[] for _ in parts]
    unseen: list[list[str]] = [[] for _ in parts]
    for node_type in node_types:
        name, raw = str(node_type.modality), factory.raw(node_type.name)
        for row in np.setdiff1d(np.arange(len(parts)), raw.index):
            why = raw.skipped.get(int(row))
            missing[row].append(f"{name} ({why})" if why else name)
        if len(raw):
            for row, text in zip(raw.index, view.encoders[node_type.name].unseen(raw), strict=True):
                unseen[row] += [f"{name}: {text}"] if text else []
    for part, names, texts in zip(parts, missing, unseen, strict=True):
        if names:
            told = any("(" in name for name in names)
            every = "no modality" + (f": {', '.join(names)}" if told else "")
            part.append(every if len(names) == len(node_types) else f"no {', '.join(names)}")
        part += texts


def _tied(attached: AttachedGraph, edge_type: EdgeType, entity: str) -> np.ndarray:
    """Return which new entities of a type got an edge of a relation, bool [N]."""
    found, factory = attached.relations[edge_type.relation], attached.factory
    tied = np.zeros(len(attached.new[entity]), dtype=bool)
    for node_type, nodes in (
        (edge_type.target, found.incoming.target),
        (edge_type.source, found.outgoing.source),
    ):
        if node_type.partition("/")[0] == entity:
            tied[factory.entity_index(node_type)[nodes]] = True
    return tied
