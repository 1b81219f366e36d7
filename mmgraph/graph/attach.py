"""New entities of a graph: encoded by its encoders, tied by its relations, without building it anew."""

from __future__ import annotations

import functools
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mmgraph.config import parse
from mmgraph.counted import counted
from mmgraph.data.dataset import Dataset
from mmgraph.data.spec import DatasetSpec
from mmgraph.errors import Faults, GraphError, MMGraphError
from mmgraph.graph.attach_relation import AttachedRelation, attach_relation, no_edges
from mmgraph.graph.graph import Graph
from mmgraph.graph.grow import grown
from mmgraph.graph.nodes import NodeFactory
from mmgraph.progress import Progress

_SHOWN = 5


@dataclass(frozen=True, eq=False)
class AttachedGraph:
    """A graph that new entities have joined, and how they did.

    Args:
        before: The graph without them.
        factory: Makes their nodes.
        new: By entity type, the ids of the new entities.
        relations: By relation, the edges that they got.
    """

    before: Graph
    factory: NodeFactory
    new: dict[str, list[str]]
    relations: dict[str, AttachedRelation]

    @functools.cached_property
    def graph(self) -> Graph:
        """The graph with the new entities, whose nodes come after the known ones of their type.

        Messages run to them and not from them: states of known nodes stay what they were, and a new entity's
        do not depend on which others are new.
        """
        return grown(self.before, self.factory, self.new, self.relations)

    def edge_table(self) -> pd.DataFrame:
        """Return every edge that a new entity got, by the ids of its ends.

        Returns:
            ``relation``, ``source_type``, ``source``, ``target_type``, ``target``, ``weight`` (missing where
            there is none); ``of`` edges are not among them.
        """
        parts = []
        for name, found in self.relations.items():
            edge_type = next(t for t in self.graph.schema.edge_types if t.name == name)
            known = {end: len(self.before.nodes[end]) for end in (edge_type.source, edge_type.target)}
            for edges, ends in (
                (found.incoming, (0, known[edge_type.target])),
                (found.outgoing, (known[edge_type.source], 0)),
                (found.own, (known[edge_type.source], known[edge_type.target])),
            ):
                columns = {"relation": np.full(len(edges), name, dtype=object)}
                sides = zip(("source", "target"), (edges.source, edges.target), ends, strict=True)
                for end, positions, first in sides:
                    node_type = getattr(edge_type, end)
                    columns[f"{end}_type"] = np.full(len(edges), node_type, dtype=object)
                    columns[end] = self.graph.nodes[node_type]["id"].to_numpy(object)[positions + first]
                nothing = np.full(len(edges), np.nan, dtype=np.float32)
                columns["weight"] = nothing if edges.weight is None else edges.weight
                parts.append(pd.DataFrame(columns))
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def attach(
    graph: Graph,
    entities: Dataset | str | Path,
    *,
    skip: Collection[str] = (),
    progress: Progress | None = None,
) -> AttachedGraph:
    """Let new entities join a graph, without building it anew.

    They are encoded by the encoders that were fitted when the graph was built, and each relation gives them
    edges from what it learnt then. Known nodes, their features and the edges among them stay as they are.

    Args:
        graph: The graph, as ``build_graph`` made it or ``load_graph`` opened it.
        entities: A folder in the form of the graph's dataset: tables, arrays and files under the names that
            its ``dataset.yaml`` gives, for the new entities alone. An entity type whose table is not there
            has no new entities, any modality may be missing, and columns that tasks predict need not be
            there.
        skip: Relations that give them no edges.
        progress: Told what is being done; nothing for silence.

    Raises:
        GraphError: If the graph came back from another form: its encoders did not.
        MMGraphError: If an id is known already, a relation is not inductive, or something cannot be read:
            all faults at once.

    Example:
        >>> graph = load_graph("graphs/emoji")  # doctest: +SKIP
        >>> attach(graph, "new-emoji").edge_table()  # doctest: +SKIP
    """
    progress = progress or Progress(quiet=True)
    _refuse_exchanged(graph)
    dataset = entities if isinstance(entities, Dataset) else new_entities(graph, entities)
    factory = NodeFactory(dataset, cache=None, progress=progress, encoders=graph.encoders)
    new = {name: dataset.entity_ids(name) for name in dataset.spec.entities}
    _refuse_known(graph, dataset, new)
    faults = Faults()
    relations = {}
    for name in graph.schema.relations:
        try:
            skipped = name in skip
            relations[name] = no_edges(graph, name) if skipped else attach_relation(graph, factory, name)
        except MMGraphError as error:
            faults.extend(error)
    faults.raise_if_any(GraphError)
    for name, found in relations.items():
        edges = len(found.incoming) + len(found.outgoing) + len(found.own)
        progress.say(f"relation {name}: {counted(edges, 'edge')} of new entities")
        for sentence in found.warnings:
            progress.say(f"relation {name}: warning: {sentence}")
    return AttachedGraph(graph, factory, new, relations)


def new_entities(graph: Graph, folder: str | Path) -> Dataset:
    """Return the dataset of new entities in a folder of the form of a graph's dataset.

    Args:
        graph: The graph.
        folder: The folder.

    Raises:
        GraphError: If the graph was not built from a dataset, or the folder holds none of its tables.
    """
    path = Path(folder)
    spec = spec_of_new(graph)
    tables = sorted({entity.table for entity in spec.entities.values() if entity.table is not None})
    if not any((path / table).is_file() for table in tables):
        raise GraphError(
            f"holds none of the tables {', '.join(tables)}",
            where=str(path),
            fix="Give a folder that holds the new entities in tables of these names.",
        )
    return Dataset(spec, path, additional=True)


def spec_of_new(graph: Graph) -> DatasetSpec:
    """Return how new entities of a graph are to be read: as its dataset was, without splits and tasks.

    Raises:
        GraphError: If the graph was not built from a dataset.
    """
    content = graph.manifest.get("dataset", {}).get("spec")
    if content is None:
        raise GraphError(
            "was not built from a dataset, so that it does not tell how new entities are to be read",
            where=f"graph {graph.name}",
            fix="Build a graph with `mmgraph build-graph`.",
        )
    spec = parse(DatasetSpec, content, where=f"graph {graph.name}: dataset.spec")
    return spec.model_copy(update={"splits": {}, "tasks": {}})


def _refuse_exchanged(graph: Graph) -> None:
    if any("exchanged" in change for change in graph.manifest.get("changes", [])):
        raise GraphError(
            "came back from another form, in which fitted encoders and what relations learnt do not travel",
            where=f"graph {graph.name}",
            fix="Give the graph that was exported, or build it again.",
        )


def _refuse_known(graph: Graph, dataset: Dataset, new: dict[str, list[str]]) -> None:
    faults = Faults()
    for entity, ids in new.items():
        known = set(graph.nodes[entity]["id"])
        twice = [name for name in ids if name in known]
        if twice:
            more = f" and {len(twice) - _SHOWN} more" if len(twice) > _SHOWN else ""
            faults.add(
                dataset.entity_table(entity).file,
                f"the graph has {', '.join(map(repr, twice[:_SHOWN]))}{more} already",
                "Remove the rows, or give the entities ids of their own.",
            )
    if not any(new.values()):
        faults.add(str(dataset.folder), "holds no new entity", "Fill a table.")
    faults.raise_if_any(GraphError)
