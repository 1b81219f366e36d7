"""The ``of`` edges of a graph in another form: which entity each modality node belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mmgraph.counted import agreed, counted
from mmgraph.errors import Faults, did_you_mean
from mmgraph.graph.exchange.parts import Modality, name_fault
from mmgraph.graph.relation import Edges
from mmgraph.graph.schema import Triple

_Relations = dict[Triple, Edges]


def untie(
    features: Mapping[str, NDArray[np.float32]],
    relations: Mapping[Triple, Edges],
    sizes: Mapping[str, int],
    *,
    positions: Mapping[str, NDArray[np.int64]] | None = None,
    place: str,
    faults: Faults,
) -> tuple[dict[str, Modality], _Relations]:
    """Return the modalities and the relations without ``of`` and its reverse.

    The nodes of a modality are put in the order of their entities, and the ends of relations with them.

    Args:
        features: By modality node type (``product/image``), float32 [M, D].
        relations: By source, name and target, edges that are checked.
        sizes: The number of nodes of every node type.
        positions: By modality node type that is a sequence, the position of each node, int64 [M].
        place: How messages call a relation, with ``{source!r}``, ``{name!r}`` and ``{target!r}``.
        faults: Told about nodes that do not belong to one entity.
    """
    modalities, new_place = {}, {}
    for name, values in features.items():
        entity, _, short = name.partition("/")
        where = place.format(source=name, name="of", target=entity)
        name_fault(short, where, faults)
        if entity not in sizes:
            near = did_you_mean(entity, [n for n in sizes if "/" not in n])
            faults.add(where, f"there is no node type {entity!r} that {name!r} belongs to", near)
            continue
        rows = _rows(relations.get((name, "of", entity)), len(values), where, faults)
        if rows is None:
            continue
        order = np.argsort(rows, kind="stable")
        new_place[name] = np.empty(len(order), dtype=np.int64)
        new_place[name][order] = np.arange(len(order))
        position = (positions or {}).get(name)
        modalities[name] = Modality(
            rows[order], values[order], position=None if position is None else position[order]
        )
    return modalities, _without_ties(relations, new_place, place, faults)


def _rows(edges: Edges | None, size: int, where: str, faults: Faults) -> NDArray[np.int64] | None:
    """Return the entity of each modality node, int64 [M]."""
    times = np.bincount(edges.source, minlength=size) if edges is not None else np.zeros(size, dtype=np.int64)
    wrong = np.flatnonzero(times != 1)
    if len(wrong):
        faults.add(
            where,
            f"{len(wrong)} of {counted(size, 'node')} {agreed(len(wrong), 'does', 'do')} not lead to one "
            f"entity, first node {wrong[0]} with {counted(int(times[wrong[0]]), 'edge')}",
            "Give each modality node one edge 'of' to its entity.",
        )
        return None
    rows = np.empty(size, dtype=np.int64)
    if edges is not None:
        rows[edges.source] = edges.target
    return rows


def _without_ties(
    relations: Mapping[Triple, Edges],
    new_place: Mapping[str, NDArray[np.int64]],
    place: str,
    faults: Faults,
) -> _Relations:
    kept: _Relations = {}
    for (source, name, target), edges in relations.items():
        if (name == "of" and source in new_place and target == source.partition("/")[0]) or (
            name == "rev_of" and target in new_place and source == target.partition("/")[0]
        ):
            continue
        where = place.format(source=source, name=name, target=target)
        name_fault(name, where, faults)
        if name in ("of", "rev_of"):
            faults.add(
                where, f"{name!r} is the name of the edges that tie modalities to entities", "Rename it."
            )
            continue
        ends = [
            new_place[end][nodes] if end in new_place else nodes
            for end, nodes in ((source, edges.source), (target, edges.target))
        ]
        kept[source, name, target] = replace(edges, source=ends[0], target=ends[1])
    return kept
