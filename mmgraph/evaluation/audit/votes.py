"""What the training neighbours of an entity by one relation say about it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mmgraph.evaluation.audit.subject import Subject
from mmgraph.graph.schema import EdgeType


def neighbour_guess(
    subject: Subject, edge_type: EdgeType
) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
    """Return what the training neighbours of each entity have: most of them, or their mean.

    Neighbours are the other ends of edges in either direction, or, where the relation leads to another entity
    type, the entities that have an end there in common. Nobody is their own neighbour.

    Args:
        subject: The graph under audit.
        edge_type: A relation.

    Returns:
        The guess, float64 [N], and who has such a neighbour, bool [N]; nothing for a relation that does not
        touch the task's entities.
    """
    learnt = subject.training & subject.labelled
    said = np.zeros((subject.num_entities, max(len(subject.classes), 1) + 1))
    rows = np.flatnonzero(learnt)
    if subject.is_classification:
        said[rows, subject.target[rows].astype(np.int64)] = 1
    else:
        said[rows, 0] = subject.target[rows]
    said[rows, -1] = 1
    heard = heard_from(subject, edge_type, said)
    if heard is None:
        return None
    guessed = heard[:, -1] > 0
    if subject.is_classification:
        return heard[:, :-1].argmax(axis=1).astype(np.float64), guessed
    return heard[:, 0] / np.where(guessed, heard[:, -1], 1), guessed


def heard_from(
    subject: Subject, edge_type: EdgeType, said: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Return the sum of what the neighbours of each entity by a relation say, [N, C].

    Args:
        subject: The graph under audit.
        edge_type: A relation.
        said: What each entity says, [N, C].

    Returns:
        Nothing for a relation that does not touch the task's entities.
    """
    here = [subject.is_of_the_task(end) for end in (edge_type.source, edge_type.target)]
    size = subject.num_entities
    if all(here):
        one, other = subject.pairs(edge_type)
        ties = sparse.coo_array((np.ones(len(one)), (one, other)), shape=(size, size)).tocsr()
        return np.asarray(ties @ said + ties.T @ said)
    if not any(here):
        return None
    own, met = subject.ends(edge_type) if here[0] else subject.ends(edge_type)[::-1]
    ties = sparse.coo_array((np.ones(len(own)), (own, met)), shape=(size, met.max(initial=0) + 1)).tocsr()
    ties.data[:] = 1
    alone = np.asarray(ties.sum(axis=1))[:, None] * said
    return np.asarray(ties @ (ties.T @ said)) - alone
