"""What is left of a model where the features of entities are noisy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mmgraph.evaluation.robustness.missing import ALL
from mmgraph.evaluation.robustness.subject import Subject
from mmgraph.graph.graph import Graph
from mmgraph.graph.lazy import LazyMapping
from mmgraph.graph.schema import NodeType


def noise_curves(
    subject: Subject, levels: tuple[float, ...], seed: int
) -> Iterator[tuple[str, float, Graph]]:
    """Yield the modality, how many standard deviations of noise it has, and the graph with it.

    Normal noise is added to the features of the entities that are measured. The standard deviation is that of
    each feature over all entities but these; the draw is the same for all levels.

    Args:
        subject: The run.
        levels: In standard deviations.
        seed: Draws the noise.
    """
    names = [t.name for t in subject.modalities]
    noise = {t.name: _noise(subject, t, seed) for t in subject.modalities}
    several = [(ALL, names)] if len(names) > 1 else []
    for label, hit in [*((subject.label(name), [name]) for name in names), *several]:
        for level in levels:
            yield label, level, _noisy(subject.graph, {name: level * noise[name] for name in hit})


def _noise(subject: Subject, modality: NodeType, seed: int) -> NDArray[np.float32]:
    """Return one standard deviation of noise for each feature, [M, D]; 0 for entities that are left alone."""
    name, touched = modality.name, subject.touched[modality.entity]
    features = subject.graph.features[name]
    measured = np.isin(subject.graph.nodes[name]["entity_index"].to_numpy(), touched)
    scale = features[~measured].std(axis=0) if (~measured).any() else features.std(axis=0)
    noise = np.zeros(features.shape, dtype=np.float32)
    rng = np.random.default_rng([seed, *name.encode()])
    noise[measured] = scale * rng.standard_normal((int(measured.sum()), features.shape[1]))
    return noise


def _noisy(graph: Graph, noise: dict[str, NDArray[np.float32]]) -> Graph:
    same = graph.restricted(graph.schema, {"noise": sorted(noise)})
    return replace(
        same,
        features=LazyMapping(
            same.features,
            lambda name: graph.features[name] + noise[name] if name in noise else graph.features[name],
        ),
        stored_features={n: same.stored_features[n] for n in same.stored_features if n not in noise},
    )
