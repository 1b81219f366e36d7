"""Baselines for links that read the training links alone: neighbours in common, popularity, factorisation.

Liben-Nowell and Kleinberg, "The link-prediction problem for social networks",
https://doi.org/10.1002/asi.20591; Adamic and Adar, "Friends and neighbors on the Web",
https://doi.org/10.1016/S0378-8733(03)00009-1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.decomposition import TruncatedSVD

from mmgraph.tasks.link_prediction import LinkPrediction
from mmgraph.tasks.link_ranking import Score
from mmgraph.tasks.task_links import TaskLinks

_COMPONENTS = (4, 8, 16, 32, 64, 128)

Found = tuple[Score, dict[str, Any]]
"""A score of targets, and what was chosen on validation."""


def common_neighbours(task: LinkPrediction) -> Found:
    """Return how many neighbours two nodes have in common; between two types, how many paths of three links.

    Args:
        task: The task.
    """
    return _by_paths(task.links, np.ones_like), {}


def adamic_adar(task: LinkPrediction) -> Found:
    """Return the same with each node on the way weighed by 1 / log of its degree: hubs tell little.

    Args:
        task: The task.
    """

    def weight(degree: np.ndarray) -> np.ndarray:
        # Nothing leads on from a node of one link.
        return np.where(degree > 1, 1 / np.log(np.maximum(degree, 2)), 0)

    return _by_paths(task.links, weight), {}


def popularity(task: LinkPrediction) -> Found:
    """Return the degree of the target, whatever the source.

    Args:
        task: The task.
    """
    degree = torch.from_numpy(_adjacency(task.links).sum(axis=0))
    return (lambda sources: degree.expand(len(sources), -1)), {}


def matrix_factorisation(task: LinkPrediction) -> Found:
    """Return the training links by a truncated singular value decomposition, its rank chosen on validation.

    Args:
        task: The task.
    """
    adjacency, rows = _adjacency(task.links), task.rows("validation")
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


def _adjacency(links: TaskLinks) -> sp.csr_array:
    """Return the training links, sources by targets, float64 [S, T]."""
    source, target = links.edge_index.numpy()
    shape = (links.num_source, links.num_target)
    return sp.csr_array((np.ones(len(source)), (source, target)), shape=shape)


def _by_paths(links: TaskLinks, weight: Callable[[np.ndarray], np.ndarray]) -> Score:
    """Return the sum over paths from source to target of the weights of the nodes between them.

    Args:
        links: The links.
        weight: From the degrees of nodes to their weights.
    """
    adjacency = _adjacency(links)
    if links.same_type:
        either = adjacency.maximum(adjacency.T).tocsr()
        last = sp.diags_array(weight(either.sum(axis=0))) @ either
        first = either
    else:
        first = adjacency
        through = sp.diags_array(weight(adjacency.sum(axis=0))) @ adjacency.T
        last = through @ sp.diags_array(weight(adjacency.sum(axis=1))) @ adjacency
    return lambda sources: torch.from_numpy((first[sources.numpy()] @ last).toarray())
