"""Baselines for links that read the training links alone: neighbours in common, popularity, factorisation."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.decomposition import TruncatedSVD

from mmgraph.tasks.link_prediction import LinkPrediction
from mmgraph.tasks.link_ranking import Score
from mmgraph.tasks.link_structure import LinkStructure, by_degree

_COMPONENTS = (4, 8, 16, 32, 64, 128)

Found = tuple[Score, dict[str, Any]]
"""A score of targets, and what was chosen on validation."""


def common_neighbours(task: LinkPrediction) -> Found:
    """Return how many neighbours two nodes have in common; between two types, how many paths of three links.

    See :class:`~mmgraph.tasks.link_structure.LinkStructure`, also of the next two.

    Args:
        task: The task.
    """
    return _by_paths(LinkStructure(task.links, np.ones_like)), {}


def adamic_adar(task: LinkPrediction) -> Found:
    """Return the same with each node on the way weighed by 1 / log of its degree: hubs tell little.

    Args:
        task: The task.
    """
    return _by_paths(LinkStructure(task.links, by_degree)), {}


def popularity(task: LinkPrediction) -> Found:
    """Return the degree of the target, whatever the source.

    Args:
        task: The task.
    """
    degree = torch.from_numpy(LinkStructure(task.links, np.ones_like).all_degrees())
    return (lambda sources: degree.expand(len(sources), -1)), {}


def matrix_factorisation(task: LinkPrediction) -> Found:
    """Return the training links by a truncated singular value decomposition, its rank chosen on validation.

    Args:
        task: The task.
    """
    adjacency, rows = LinkStructure(task.links, np.ones_like).adjacency, task.rows("validation")
    most = min(adjacency.shape) - 1
    scores: dict[int, Score] = {}
    found: dict[int, float] = {}
    for components in sorted({min(number, most) for number in _COMPONENTS}):
        scores[components] = _factorised(adjacency, components)
        found[components] = task.metrics(task.rank(scores[components], rows), rows)[task.monitor[0]]
    chosen = max(found, key=lambda number: found[number])
    return scores[chosen], {"components": chosen}


def _factorised(adjacency: sp.csr_array, components: int) -> Score:
    model = TruncatedSVD(components, random_state=0)
    source = torch.from_numpy(model.fit_transform(adjacency))
    target = torch.from_numpy(model.components_)
    return lambda sources: source[sources] @ target


def _by_paths(structure: LinkStructure) -> Score:
    return lambda sources: torch.from_numpy(structure.all_paths(sources.numpy()))
