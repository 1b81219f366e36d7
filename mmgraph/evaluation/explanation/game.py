"""What players added to a number: their game, tables of it, and whether what it finds important is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from mmgraph.evaluation.explanation.explanation import Fidelity
from mmgraph.evaluation.explanation.players import Player, beside_without, kept_without
from mmgraph.evaluation.explanation.question import Question
from mmgraph.evaluation.explanation.shapley import Known, Shapley, important

MOST_NEIGHBOURS = 20
"""Of more neighbours than this, those that the answer changes most without are players."""


def game_of(question: Question, players: Sequence[Player]) -> Known:
    """Return the game in which a coalition is worth what the model says where the other players are away.

    Args:
        question: What the model is asked.
        players: All players.
    """
    everybody = frozenset(range(len(players)))

    def value(present: frozenset[int]) -> float:
        absent = everybody - present
        return question.ask(kept_without(players, absent), beside_without(players, absent))

    return Known(value)


def chosen_neighbours(question: Question, players: list[Player]) -> tuple[list[Player], int]:
    """Return the neighbours that are looked at, and how many are not.

    Args:
        question: What the model is asked.
        players: All neighbours.
    """
    if len(players) <= MOST_NEIGHBOURS:
        return players, 0
    whole = question.ask()
    effect = [abs(whole - question.ask(kept_without(players, [place]))) for place in range(len(players))]
    order = np.argsort(-np.array(effect), kind="stable")[:MOST_NEIGHBOURS]
    return [players[place] for place in sorted(order.tolist())], len(players) - MOST_NEIGHBOURS


def table_of(question: Question, players: Sequence[Player], found: Shapley, game: Known) -> pd.DataFrame:
    """Return one row for each player, the one that added most first; the index is their places.

    Args:
        question: What the model is asked.
        players: All players.
        found: What they added.
        game: The game.

    Returns:
        ``kind``, ``name``, ``added``, ``error``, ``alone``, and where answers are ranked ``rank``, the one
        without that player.
    """
    everybody = frozenset(range(len(players)))
    table = pd.DataFrame(
        {
            "kind": [player.kind for player in players],
            "name": [player.name for player in players],
            "added": found.values,
            "error": found.errors,
            "alone": [found.everybody - game(everybody - {place}) for place in range(len(players))],
        }
    )
    if question.rank() is not None:
        table["rank"] = [
            question.rank(kept_without(players, [place]), beside_without(players, [place]))
            for place in range(len(players))
        ]
    return table.sort_values("added", ascending=False, kind="stable")


def fidelity(question: Question, players: int, found: Shapley, game: Known) -> tuple[float, float]:
    """Return how far the plain number falls without those that added most, and with them alone.

    `Amara et al. 2022 <https://arxiv.org/abs/2206.09677>`_: fidelity+ and fidelity-. Of a quantity it is
    how far it moves, either way.

    Args:
        question: What the model is asked.
        players: How many players there are.
        found: What they added.
        game: The game.
    """
    chosen, everybody = _chosen(question, found), frozenset(range(players))
    whole = question.plain(found.everybody)
    without, alone = whole - question.plain(game(everybody - chosen)), whole - question.plain(game(chosen))
    return (abs(without), abs(alone)) if question.number.measured else (without, alone)


def fidelity_of(question: Question, players: Sequence[Player], found: Shapley, game: Known) -> Fidelity:
    """Return the same with the names of those that added most; see :func:`fidelity`."""
    chosen = sorted(_chosen(question, found))
    names = tuple((players[place].kind, players[place].name) for place in chosen)
    moved = fidelity(question, len(players), found, game)
    return Fidelity(names, *moved, measured=question.number.measured)


def _chosen(question: Question, found: Shapley) -> frozenset[int]:
    """Return those that added most, of a quantity that is less than it would be without any took most."""
    if question.number.measured and found.everybody < found.nobody:
        found = replace(found, values=-found.values)
    return important(found)
