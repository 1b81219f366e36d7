"""Puts nodes and relations together into a graph, with the edges between an entity and its modalities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmgraph.data.modality_spec import PairModality
from mmgraph.encoders.build import encoder_name
from mmgraph.graph.edge_sets import EdgeSets
from mmgraph.graph.graph import Graph
from mmgraph.graph.layout import FORMAT
from mmgraph.graph.nodes import NodeFactory
from mmgraph.graph.relation_job import RelationJob
from mmgraph.graph.schema import GraphSchema, NodeType


def assemble(factory: NodeFactory, jobs: Sequence[RelationJob], tables: Mapping[str, pd.DataFrame]) -> Graph:
    """Return the graph of a dataset.

    Args:
        factory: Makes the nodes; the features of all modalities are ready.
        jobs: The relations, built.
        tables: The node table of every node type.
    """
    edges = EdgeSets()
    for name in factory.modalities:
        edges.add_of(name, factory.parts(name)[0], factory.entity_index(name))
    for job in jobs:
        edges.add(job.edge_type, job.stored)
    encoded = {name: factory.encoded(name) for name in factory.modalities}
    features = {name: result.features for name, result in encoded.items()}
    return Graph(
        schema=GraphSchema(
            tuple(_node_type(factory, name, features) for name in factory.names), tuple(edges.types)
        ),
        manifest=_manifest(factory, jobs),
        tasks=dict(factory.dataset.spec.tasks),
        nodes={name: tables[name] for name in factory.names},
        features=features,
        inputs={name: inputs for name in encoded if (inputs := factory.inputs(name)) is not None},
        edges=edges.edges,
        encoders={name: result.encoder for name, result in encoded.items()},
        held_out={job.name: job.held_out for job in jobs if job.held_out is not None},
        fitted={job.name: job.fitted for job in jobs if job.fitted},
        relation_encoders={
            (job.name, node_type): encoder for job in jobs for node_type, encoder in job.encoders.items()
        },
    )


def _node_type(factory: NodeFactory, name: str, features: Mapping[str, NDArray[np.float32]]) -> NodeType:
    entity, modality = factory.parts(name)
    size = factory.num_nodes(name)
    if modality is None:
        return NodeType(name, size, 0, entity)
    spec = factory.dataset.spec
    described = spec.entities[entity].modalities[modality]
    made_from = described.inputs if isinstance(described, PairModality) else ()
    return NodeType(
        name,
        size,
        features[name].shape[1],
        entity,
        modality,
        described.kind,
        spec.storage_of(entity, modality),
        tuple(f"{entity}/{part}" for part in made_from),
    )


def _manifest(factory: NodeFactory, jobs: Sequence[RelationJob]) -> dict[str, Any]:
    """Return what the manifest says; no time and no path of a machine, so that equal graphs are equal."""
    dataset = factory.dataset
    encoders = {}
    for name in factory.modalities:
        entity, _ = factory.parts(name)
        encoder = factory.encoded(name).encoder
        encoders[name] = {
            "kind": encoder.kind,
            "encoder": encoder_name(encoder),
            "version": encoder.version,
            "parameters": encoder.parameters(),
            "fitted_on": int(factory.dataset.training_rows(entity)[factory.entity_index(name)].sum()),
        }
    return {
        "format": FORMAT,
        "name": dataset.spec.name,
        "mmgraph": version("mmgraph"),
        "dataset": {"spec": dataset.spec.model_dump(mode="json")},
        "encoders": encoders,
        "relations": {job.name: job.description() for job in jobs},
        "changes": [],
    }
