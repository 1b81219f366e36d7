"""Asks what an answer rests on: a target of one entity, or a pair by either of its ends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import torch

from mmgraph.encoders import Encoder
from mmgraph.errors import ConfigError
from mmgraph.evaluation.explanation.explanation import Explanation
from mmgraph.evaluation.explanation.features import attention, integrated_gradients
from mmgraph.evaluation.explanation.game import chosen_neighbours, fidelity_of, game_of, table_of
from mmgraph.evaluation.explanation.number import EntityNumber
from mmgraph.evaluation.explanation.pairs import node_ids, title_of
from mmgraph.evaluation.explanation.pairs_of import pairs_of
from mmgraph.evaluation.explanation.players import modalities_and_relations, neighbours
from mmgraph.evaluation.explanation.pyg_explainer import ExplainerName, explain_by_pyg
from mmgraph.evaluation.explanation.question import Question, checked_task, find_row
from mmgraph.evaluation.explanation.shapley import shapley
from mmgraph.evaluation.samples import shown
from mmgraph.registry import ENCODERS
from mmgraph.training.memory import memory_told
from mmgraph.training.run import Run

_TELLS = "while an answer was explained"


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
    """Say what the answer of a run for an entity, or for a pair of entities, rests on.

    Asked is a number: of a regression its answer, of a class or a label its log-odds, which move also where
    the model is so sure that the probability does not. Of a link it is the log-odds of its target among all
    targets that the source is not known to be linked to, of a retrieval those of an answer in the gallery,
    and of a matching those that both sides belong together. What a modality of the entity or a relation
    added to it is its Shapley value: the mean, over all orders in which they could come, of how far each
    moves the number when it comes. A modality that is not there is one that the entity lacks, with the edges
    that were made from it; a relation that is not there has no edge anywhere around the entity. Values are
    exact for up to eight of them, else sampled, with their standard errors.

    A pair is explained twice: by its first end, while the second and all that compete with it stay as they
    are, and by its second end, while the first does (:attr:`Explanation.other`). Two ends of which nothing
    is known would be no ground to start from: they are alike, which is what most scores ask for.

    Args:
        run: A run; of anything but a pre-training, which answers nothing.
        entity_id: The id of an entity of the task's type; of links the source, of a retrieval or a matching
            the query.
        answer: The class or label to ask about; by default what the model predicts, of labels the likeliest.
            Of a pair the id of the other end; by default the target or the answer that is found first, and of
            a matching the entity's own.
        task: Of several tasks that the run was trained on, the one whose answer is explained.
        explainer: An explainer of PyG to ask as well, ``gnn_explainer`` or ``captum``.
        orders: How many orders are sampled where Shapley values are not exact.
        seed: Draws them.

    Raises:
        ConfigError: If the task cannot be explained, or there is no such class or explainer.
        GraphError: If there is no such entity, or the task does not ask about the pair.
        MissingDependencyError: If captum is asked for and not installed.
        RunError: If the run keeps to times, or memory runs out.

    Example:
        >>> explain(mmgraph.load_run("run"), "U+0041").parts  # doctest: +SKIP
    """
    if orders < 4:
        raise ConfigError(f"got {orders}; wanted at least 4", where="--orders")
    how = _How(explainer, orders, seed)
    pairs = pairs_of(run, task)
    if pairs is not None:
        with memory_told(_TELLS, fix="Free some memory."):
            rows = pairs.rows_of(entity_id, answer)
            pair = pairs.found(*rows)
            one, other = (
                replace(how.explain(run, question), pair=pair, role=end.role)
                for question, end in zip(pairs.questions(*rows), pair.ends, strict=True)
            )
        return replace(one, other=other)
    asked = checked_task(run, task)
    entity = asked.task.labels.entity
    row = find_row(entity, node_ids(run.view, entity), entity_id)
    with memory_told(_TELLS, fix="Free some memory."):
        question = Question.of(run, asked, row, answer)
        found = how.explain(run, question)
        assert isinstance(question.number, EntityNumber)
        with torch.no_grad():
            output = question.number.output(question.state(question.around.batch))
    return replace(
        found,
        target=_text(asked.task.targets().iloc[row]),
        prediction=_text(asked.task.decode(output[None])["prediction"].iloc[0]),
    )


@dataclass(frozen=True)
class _How:
    """How a question is explained; see :func:`explain`."""

    explainer: ExplainerName | None
    orders: int
    seed: int

    def explain(self, run: Run, question: Question) -> Explanation:
        """Return what the number of a question rests on."""
        around = question.around
        masks = pd.DataFrame(columns=["modality", "whose", "mean", "max"])
        if self.explainer is not None:
            masks = explain_by_pyg(question, self.explainer, seed=self.seed)
        players = modalities_and_relations(around, question.number)
        game = game_of(question, players)
        parts = shapley(game, len(players), orders=self.orders, seed=self.seed)
        near, left_out = chosen_neighbours(question, neighbours(around))
        near_game = game_of(question, near)
        added = shapley(near_game, len(near), orders=self.orders, seed=self.seed)
        gradients = integrated_gradients(question)
        table, near_table = (
            table_of(question, *three) for three in ((players, parts, game), (near, added, near_game))
        )
        ordered = [near[place] for place in near_table.index]
        nodes = run.view.nodes[around.entity]
        return Explanation(
            task=question.task.labels.task,
            model=run.config.model.name,
            entity=around.entity,
            id=str(nodes["id"].iloc[around.row]),
            title=title_of(nodes, around.row),
            target="",
            prediction="",
            asked=question.number.unit,
            value=parts.everybody,
            nothing=parts.nobody,
            plain=(question.plain(parts.everybody), question.plain(parts.nobody)),
            parts=table.reset_index(drop=True),
            exact=parts.exact,
            neighbours=pd.DataFrame(
                {
                    "id": [player.name for player in ordered],
                    "title": [title_of(run.view.nodes[p.entity], p.row) for p in ordered],
                    "type": [player.entity for player in ordered],
                    "relations": [", ".join(player.relations) for player in ordered],
                    **{
                        name: near_table[name].tolist() for name in near_table if name not in ("kind", "name")
                    },
                }
            ),
            left_out=left_out,
            fidelity=fidelity_of(question, players, parts, game),
            fidelity_of_neighbours=fidelity_of(question, near, added, near_game),
            features=gradients.totals,
            own_features=gradients.own,
            feature_names=_feature_names(run, around.entity, gradients.own),
            gap=gradients.gap,
            attention=attention(question),
            masks=masks,
            row=around.row,
            neighbour_rows=tuple((player.entity, player.row) for player in ordered),
        )


def _feature_names(run: Run, entity: str, modalities: Iterable[str]) -> dict[str, list[str]]:
    """Return what features stand for, of modalities whose encoder can tell; no other is loaded."""
    found = {}
    for modality in modalities:
        node_type = f"{entity}/{modality}"
        known = run.view.manifest.get("encoders", {}).get(node_type)
        name = "" if known is None else str(known["encoder"])
        if name in ENCODERS and ENCODERS.get(name).feature_names is not Encoder.feature_names:
            found[modality] = run.view.encoders[node_type].feature_names()
    return found


def _text(value: Any) -> str:
    missing = not isinstance(value, list) and pd.isna(value)
    return "" if missing else shown(value)
