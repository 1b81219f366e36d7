"""Asks what the answer for one entity rests on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from mmgraph.errors import ConfigError
from mmgraph.evaluation.explanation.explanation import Explanation, Fidelity
from mmgraph.evaluation.explanation.features import attention, integrated_gradients
from mmgraph.evaluation.explanation.players import (
    Player,
    kept_without,
    modalities_and_relations,
    neighbours,
)
from mmgraph.evaluation.explanation.pyg_explainer import ExplainerName, explain_by_pyg
from mmgraph.evaluation.explanation.question import Question, checked_task, find_row
from mmgraph.evaluation.explanation.shapley import Known, Shapley, important, shapley
from mmgraph.evaluation.samples import shown
from mmgraph.training.memory import memory_told
from mmgraph.training.run import Run

MOST_NEIGHBOURS = 20
"""Of more neighbours than this, those that the answer changes most without are players."""


def explain(
    run: Run,
    entity_id: str,
    *,
    answer: str | None = None,
    task: str | None = None,
    explainer: ExplainerName | None = None,
    orders: int = 64,
    seed: int = 0,
) -> Explanation:
    """Say what the answer of a run for an entity rests on.

    Asked is a number: of a regression its answer, of a class or a label its log-odds, which move also where
    the model is so sure that the probability does not. What a modality of the entity or a relation added to
    it is its Shapley value: the mean, over all orders in which they could come, of how far each moves the
    number when it comes. A modality that is not there is one that the entity lacks, with the edges that were
    made from it; a relation that is not there has no edge anywhere around the entity. Values are exact for up
    to eight of them, else sampled, with their standard errors.

    Args:
        run: A run of a classification, a regression, a task of several labels, or several such tasks.
        entity_id: The id of an entity of the task's type.
        answer: The class or label to ask about; by default what the model predicts, of labels the likeliest.
        task: Of several tasks that the run was trained on, the one whose answer is explained.
        explainer: An explainer of PyG to ask as well, ``gnn_explainer`` or ``captum``.
        orders: How many orders are sampled where Shapley values are not exact.
        seed: Draws them.

    Raises:
        ConfigError: If the task cannot be explained, or there is no such class or explainer.
        GraphError: If there is no such entity.
        MissingDependencyError: If captum is asked for and not installed.
        RunError: If the run keeps to times, or memory runs out.

    Example:
        >>> explain(mmgraph.load_run("run"), "U+0041").parts  # doctest: +SKIP
    """
    if orders < 4:
        raise ConfigError(f"got {orders}; wanted at least 4", where="--orders")
    asked = checked_task(run, task)
    row = find_row(asked.task, entity_id)
    with memory_told("while an answer was explained", fix="Free some memory."):
        question = Question.of(run, asked, row, answer)
        masks = pd.DataFrame(columns=["modality", "whose", "mean", "max"])
        if explainer is not None:
            masks = explain_by_pyg(question, explainer, seed=seed)
        players = modalities_and_relations(question.around)
        game = game_of(question, players)
        parts = shapley(game, len(players), orders=orders, seed=seed)
        near, left_out = _chosen(question, neighbours(question.around))
        near_game = game_of(question, near)
        added = shapley(near_game, len(near), orders=orders, seed=seed)
        gradients = integrated_gradients(question)
        looked = attention(question)
        with torch.no_grad():
            output = question.output(question.around.batch).unsqueeze(0)
    nodes = run.view.nodes[question.around.entity]
    near_table = _table(near, added, near_game)
    ordered = [near[place] for place in near_table.index]
    return Explanation(
        task=asked.task.labels.task,
        model=run.config.model.name,
        entity=question.around.entity,
        id=entity_id,
        title=str(nodes["title"].iloc[row]),
        target=_text(question.task.targets().iloc[row]),
        prediction=_text(question.task.decode(output)["prediction"].iloc[0]),
        asked=question.unit,
        value=parts.everybody,
        nothing=parts.nobody,
        plain=(question.plain(parts.everybody), question.plain(parts.nobody)),
        parts=_table(players, parts, game).reset_index(drop=True),
        exact=parts.exact,
        neighbours=pd.DataFrame(
            {
                "id": [player.name for player in ordered],
                "title": [str(run.view.nodes[p.entity]["title"].iloc[p.row]) for p in ordered],
                "type": [player.entity for player in ordered],
                "relations": [", ".join(player.relations) for player in ordered],
                **{name: near_table[name].tolist() for name in ("added", "error", "alone")},
            }
        ),
        left_out=left_out,
        fidelity=_fidelity(question, players, parts, game),
        fidelity_of_neighbours=_fidelity(question, near, added, near_game),
        features=gradients.totals,
        own_features=gradients.own,
        gap=gradients.gap,
        attention=looked,
        masks=masks,
        row=row,
        neighbour_rows=tuple((player.entity, player.row) for player in ordered),
    )


def game_of(question: Question, players: Sequence[Player]) -> Known:
    """Return the game in which a coalition is worth what the model says where the other players are away.

    Args:
        question: What the model is asked.
        players: All players.
    """
    everybody = frozenset(range(len(players)))
    return Known(lambda present: question.ask(kept_without(players, everybody - present)))


def _chosen(question: Question, players: list[Player]) -> tuple[list[Player], int]:
    """Return the neighbours that are looked at, and how many are not."""
    if len(players) <= MOST_NEIGHBOURS:
        return players, 0
    whole = question.ask()
    effect = [abs(whole - question.ask(kept_without(players, [place]))) for place in range(len(players))]
    order = np.argsort(-np.array(effect), kind="stable")[:MOST_NEIGHBOURS]
    return [players[place] for place in sorted(order.tolist())], len(players) - MOST_NEIGHBOURS


def _table(players: Sequence[Player], found: Shapley, game: Known) -> pd.DataFrame:
    """Return one row for each player, the one that added most first; the index is their places."""
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
    return table.sort_values("added", ascending=False, kind="stable")


def fidelity(question: Question, players: int, found: Shapley, game: Known) -> tuple[float, float]:
    """Return how far the plain number falls without those that added most, and with them alone.

    `Amara et al. 2022 <https://arxiv.org/abs/2206.09677>`_: fidelity+ and fidelity-.

    Args:
        question: What the model is asked.
        players: How many players there are.
        found: What they added.
        game: The game.
    """
    chosen, everybody = important(found), frozenset(range(players))
    whole = question.plain(found.everybody)
    return whole - question.plain(game(everybody - chosen)), whole - question.plain(game(chosen))


def _fidelity(question: Question, players: Sequence[Player], found: Shapley, game: Known) -> Fidelity:
    chosen = sorted(important(found))
    names = tuple((players[place].kind, players[place].name) for place in chosen)
    return Fidelity(names, *fidelity(question, len(players), found, game))


def _text(value: Any) -> str:
    missing = not isinstance(value, list) and pd.isna(value)
    return "" if missing else shown(value)
