"""Baselines for links that read the training links alone: neighbours in common, popularity, factorisation."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mmgraph.evaluation.factorisation import factorisations
from mmgraph.tasks.link_prediction import LinkPrediction
from mmgraph.tasks.link_ranking import Score
from mmgraph.tasks.link_structure import LinkStructure, by_degree

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
    """Return the training links by the matrix factorisation that is best on validation.

    Tried are truncated singular value decompositions, of the links as they are and divided by degrees, and
    alternating least squares; see :func:`~mmgraph.evaluation.factorisation.factorisations`.

    Args:
        task: The task.
    """
    adjacency, rows = LinkStructure(task.links, np.ones_like).adjacency, task.rows("validation")
    best: tuple[float, Score, dict[str, Any]] | None = None
    for chosen, factors in factorisations(adjacency):
        score = _by_factors(*factors)
        reached = task.metrics(task.rank(score, rows), rows)[task.monitor[0]]
        if best is None or reached > best[0]:
            best = reached, score, chosen
    assert best is not None, "some are always tried"
    return best[1], best[2]


def _by_factors(source: NDArray[np.float64], target: NDArray[np.float64]) -> Score:
    left, right = torch.from_numpy(source), torch.from_numpy(np.ascontiguousarray(target.T))
    return lambda sources: left[sources] @ right


def _by_paths(structure: LinkStructure) -> Score:
    return lambda sources: torch.from_numpy(structure.all_paths(sources.numpy()))
