"""Is nearly the same text, picture or sound on both sides of the split?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from mmgraph.evaluation.audit.content import MEDIA, are_works, content_codes
from mmgraph.evaluation.audit.couples import couples
from mmgraph.evaluation.audit.figures import DOUBT
from mmgraph.evaluation.audit.report import Finding
from mmgraph.evaluation.audit.subject import Subject
from mmgraph.evenly import evenly
from mmgraph.graph.schema import NodeType

NEARER = 0.2
"""A near duplicate is at most this far away, as a share of how far away nearest neighbours are otherwise."""

_FEWEST = 50
_NEIGHBOURS = 20
_SAMPLE = 2_000
_BLOCK = 1_024
_NOTHING = 1e-6


def near_duplicates(subject: Subject) -> Iterator[Finding]:
    """Yield the modalities in which held-out entities are much nearer to a training one than is usual.

    Vectors are compared by their directions from the mean of training. What is usual is the median distance
    of a training entity to its nearest one, and the distance to the twentieth, so that a crowd of similar
    things is no crowd of copies. In few dimensions things come near by chance: there it takes less distance,
    so that a check of vectors without copies errs with a probability of about 1 %.
    """
    for node_type in subject.modalities:
        if node_type.kind in MEDIA:
            yield from _findings(subject, node_type)


def _findings(subject: Subject, node_type: NodeType) -> Iterator[Finding]:
    rows = subject.rows(node_type.name)
    usable = are_works(subject, node_type)
    same = np.isin(rows, couples(subject, content_codes(subject, node_type), rows)[0])
    learnt = np.flatnonzero(subject.training[rows] & usable)
    asked = np.flatnonzero(subject.held_out[rows] & usable & ~same)
    if len(learnt) < _FEWEST or not len(asked):
        return
    features = np.asarray(subject.graph.features[node_type.name], dtype=np.float32)
    centred = features - features[learnt].mean(axis=0)
    length = np.linalg.norm(centred, axis=1)
    # A vector of almost no length has a direction by chance alone.
    clear = length > 0.01 * np.median(length[learnt])
    learnt, asked = learnt[clear[learnt]], asked[clear[asked]]
    if len(learnt) < _FEWEST or not len(asked):
        return
    vectors = centred / np.maximum(length, _NOTHING)[:, None]
    limit, typical = _limit(vectors[learnt], len(asked), len(subject.modalities))
    where, distance = _nearest(vectors[asked], vectors[learnt], min(_NEIGHBOURS, len(learnt)))
    near = distance[:, 0] <= limit * np.minimum(typical, distance[:, -1])
    if not near.any():
        return
    order = np.argsort(distance[near, 0], kind="stable")
    held_out, training = rows[asked[near]][order], rows[learnt[where[near, 0]]][order]
    cosine = 1 - distance[near, 0] ** 2 / 2
    of = int(subject.held_out[rows].sum())
    yield Finding(
        severity="medium",
        where=f"modality {node_type.name}",
        what=(
            f"Held-out entities that have nearly what a training entity has: {len(held_out):,} of {of:,}, "
            f"by a cosine of {cosine.min():.4f} or more, where nearest neighbours have "
            f"{1 - typical**2 / 2:.4f}{subject.agreement(held_out, training)}."
        ),
        count=len(held_out),
        of=of,
        sure="exact search; without copies one such couple or more comes with a probability of about 1 %",
        fix="Look at the examples; keep near copies together with a grouped split, or remove them.",
        figure=len(held_out) / of,
        examples=subject.examples(held_out, training),
    )


def _limit(learnt: NDArray[np.float32], asked: int, tests: int) -> tuple[float, float]:
    """Return how near counts as a copy, as a share of what is usual, and what is usual.

    The number of dimensions that the vectors really fill is estimated from the ratio of the distances to the
    two nearest others: E. Facco et al., "Estimating the intrinsic dimension of datasets by a minimal
    neighborhood information", https://doi.org/10.1038/s41598-017-11873-y
    """
    sample = evenly(len(learnt), _SAMPLE)
    where, distance = _nearest(learnt[sample], learnt, min(_NEIGHBOURS, len(learnt)))
    # Neither oneself nor a copy is a neighbour.
    distance[(where == sample[:, None]) | (distance <= _NOTHING)] = np.inf
    pairs = np.sort(distance, axis=1)[:, :2]
    pairs = pairs[np.isfinite(pairs[:, 1])]
    if len(pairs) < _FEWEST:
        return 0.0, 0.0
    dimension = np.log(2) / max(float(np.median(np.log(pairs[:, 1] / pairs[:, 0]))), _NOTHING)
    by_chance = DOUBT / (asked * tests)
    return min(NEARER, float(by_chance ** (1 / max(dimension, 1.0)))), float(np.median(pairs[:, 0]))


def _nearest(
    queries: NDArray[np.float32], base: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the k nearest of some unit vectors for each query, and their distances, the nearest first."""
    index = np.empty((len(queries), k), dtype=np.int64)
    distance = np.empty((len(queries), k))
    table = torch.from_numpy(np.ascontiguousarray(base)).T
    for start in range(0, len(queries), _BLOCK):
        block = queries[start : start + _BLOCK]
        found = torch.topk(torch.from_numpy(block) @ table, k, dim=1).indices.numpy()
        # Single precision tells no distance below a thousandth.
        apart = np.linalg.norm(block[:, None].astype(np.float64) - base[found].astype(np.float64), axis=2)
        order = np.argsort(apart, axis=1, kind="stable")
        index[start : start + _BLOCK] = np.take_along_axis(found, order, axis=1)
        distance[start : start + _BLOCK] = np.take_along_axis(apart, order, axis=1)
    return index, distance
