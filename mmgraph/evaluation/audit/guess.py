"""Simple guesses of a label, learnt from training entities: from one value, or by a small tree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from mmgraph.evaluation.audit.figures import FEWEST, Figure, measure
from mmgraph.evaluation.audit.subject import Subject

_FEWEST_IN_A_LEAF = 3
_LEAVES_FOR_NUMBERS = 32
_MOST_LEAVES = 256


def figure_of(
    subject: Subject, guess: NDArray[np.float64], guessed: NDArray[np.bool_], *, tests: int
) -> Figure | None:
    """Return how good guesses for held-out entities are, or nothing if they are too few.

    Args:
        subject: The graph under audit.
        guess: Numbers of classes, or values, float64 [N].
        guessed: For which entities there is a guess, bool [N].
        tests: How many figures the check looks at.
    """
    rows = np.flatnonzero(guessed & subject.held_out & subject.labelled)
    if len(rows) < FEWEST:
        return None
    return measure(guess[rows], subject.target[rows], classes=subject.is_classification, tests=tests)


def by_value(subject: Subject, codes: NDArray[np.int64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the guess of one rule: what most training entities with the same value have.

    R. C. Holte, "Very simple classification rules perform well on most commonly used datasets",
    https://doi.org/10.1023/A:1022631118932

    Args:
        subject: The graph under audit.
        codes: The value of each entity, numbered from 0, int64 [N].
        known: Which entities may be learnt from, bool [N].

    Returns:
        float64 [N]; for a value that no training entity has, what most or all have.
    """
    rows = np.flatnonzero(known & subject.training & subject.labelled)
    target, width = subject.target[rows], int(codes.max(initial=0)) + 1
    if not subject.is_classification:
        count = np.bincount(codes[rows], minlength=width)
        total = np.bincount(codes[rows], weights=target, minlength=width)
        return np.where(count > 0, total / np.maximum(count, 1), target.mean())[codes]
    number = len(subject.classes)
    votes = np.zeros((width, number))
    np.add.at(votes, (codes[rows], target.astype(np.int64)), 1)
    common = np.argmax(votes.sum(axis=0))
    return np.where(votes.any(axis=1), votes.argmax(axis=1), common)[codes].astype(np.float64)


def by_tree(
    subject: Subject, values: NDArray[np.floating], rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the guess of a small decision tree: at most two leaves a class, or 32 for numbers.

    Args:
        subject: The graph under audit.
        values: What the tree may ask about, [M, D].
        rows: The entity of each row of ``values``, int64 [M].

    Returns:
        The guess, float64 [N], and for whom there is one, bool [N].
    """
    guess, guessed = np.full(subject.num_entities, np.nan), np.zeros(subject.num_entities, dtype=bool)
    learnt = (subject.training & subject.labelled)[rows]
    if learnt.sum() < FEWEST:
        return guess, guessed
    if subject.is_classification:
        leaves = min(2 * len(subject.classes), _MOST_LEAVES)
        tree = DecisionTreeClassifier(
            max_leaf_nodes=max(leaves, 2), min_samples_leaf=_FEWEST_IN_A_LEAF, random_state=0
        )
    else:
        tree = DecisionTreeRegressor(
            max_leaf_nodes=_LEAVES_FOR_NUMBERS, min_samples_leaf=_FEWEST_IN_A_LEAF, random_state=0
        )
    tree.fit(values[learnt], subject.target[rows[learnt]])
    asked = (subject.held_out & subject.labelled)[rows]
    if asked.any():
        guess[rows[asked]] = tree.predict(values[asked])
        guessed[rows[asked]] = True
    return guess, guessed
