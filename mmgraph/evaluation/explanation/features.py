"""What single features added, by integrated gradients, and whom a model that fuses by attention looked at."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmgraph.evaluation.explanation.question import Question
from mmgraph.layers.attention_weights import record_attention

STEPS = 64

_FIRST = 8

_CONTENT = ""
"""Stands among node types for what a number reads beside the state."""

_Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Gradients:
    """Integrated gradients.

    Args:
        own: By modality of the entity, what each of its features added, float64 [D]; of a sequence over its
            elements.
        totals: One row for each modality node type: ``modality``, ``whose`` (``own``, ``others``), ``added``.
        gap: How far all that features added is from the difference that they make together: 0 but for the
            error of the sum that stands for the integral.
    """

    own: dict[str, _Values]
    totals: pd.DataFrame
    gap: float


def integrated_gradients(question: Question) -> Gradients:
    r"""Return what each feature added to an answer (`Sundararajan et al. 2017 <https://arxiv.org/abs/1703.01365>`_).

    .. math::
        (x - b) \odot \int_0^1 \nabla f(b + t (x - b)) \, dt,

    over all nodes of the neighbourhood at once, where the baseline b is the mean of the modality over the
    entities that train. The integral is a sum of :data:`STEPS` midpoints, of intervals that are the shorter
    the more the answer changes in them: near a mean, norms of states may turn at once. Where the number reads
    a modality beside the state as well, its features go the same way, and vectors of length 1 that are made
    of them have the lengths of the end all along: they would turn at once, and no gradient would tell.

    Args:
        question: What is asked.
    """
    around, content = question.around, question.number.content
    names = [
        n for n, x in around.batch.x_dict.items() if x.numel() and n in question.model.projection.node_types
    ]
    ends = {name: around.batch.x_dict[name] for name in names}
    begin = {name: _mean(question, name).expand_as(x) for name, x in ends.items()}
    if content is not None:
        names.append(_CONTENT)
        ends[_CONTENT], begin[_CONTENT] = content.features, content.mean

    def between(share: float) -> dict[str, Tensor]:
        return {n: begin[n] + share * (ends[n] - begin[n]) for n in names}

    def answer(share: float) -> float:
        with torch.no_grad():
            return float(_answer(question, between(share)))

    total = {name: torch.zeros_like(x, dtype=torch.float64) for name, x in ends.items()}
    for low, high in _intervals(answer) if names else ():
        x = {n: values.requires_grad_() for n, values in between((low + high) / 2).items()}
        gradients = torch.autograd.grad(_answer(question, x), list(x.values()), allow_unused=True)
        for name, gradient in zip(names, gradients, strict=True):
            if gradient is not None:
                total[name] += gradient.double() * (high - low)
    added = {name: (total[name] * (ends[name] - begin[name]).double()).numpy() for name in names}
    difference = answer(1.0) - answer(0.0) if names else 0.0
    return _gradients(question, added, difference)


def _gradients(question: Question, added: dict[str, _Values], difference: float) -> Gradients:
    """Return what features added by whose they are.

    Args:
        question: What is asked.
        added: By node type, what each feature of each node added, float64 [N, D].
        difference: What all of them make together.
    """
    around, content = question.around, question.number.content
    own: dict[str, _Values] = {}
    sums: dict[tuple[str, str], float] = {}
    for name, values in added.items():
        if name == _CONTENT:
            assert content is not None
            label, mine = content.modality, np.ones(len(values), dtype=bool)
        else:
            mine = around.mine(name)
            # A modality of others that the entity itself is not seen by is one of the others'.
            label = name.partition("/")[2] if around.owner(name)[0] == around.entity else name
        if mine.any():
            ours = values[mine].sum(axis=0)
            # Encoders that were fine-tuned may make features of another width than what is read beside.
            fits = label not in own or len(own[label]) == len(ours)
            own[label if fits else f"{label} as it is"] = ours + own.get(label, 0) if fits else ours
        for whose, which in (("own", mine), ("others", ~mine & ~_hidden(question, name, len(values)))):
            if which.any():
                sums[label, whose] = sums.get((label, whose), 0.0) + float(values[which].sum())
    rows = [{"modality": label, "whose": whose, "added": value} for (label, whose), value in sums.items()]
    totals = pd.DataFrame(rows, columns=["modality", "whose", "added"])
    return Gradients(own, totals, float(totals["added"].sum()) - difference)


def _hidden(question: Question, name: str, count: int) -> NDArray[np.bool_]:
    """Return which nodes are of the entity, and hidden of it: nothing leads from them, bool [N]."""
    if name not in question.around.hidden:
        return np.zeros(count, dtype=bool)
    hidden: NDArray[np.bool_] = question.around.owner(name)[1] == question.around.row
    return hidden


def _intervals(answer: Callable[[float], float]) -> list[tuple[float, float]]:
    """Return :data:`STEPS` intervals from 0 to 1, halved wherever the answer changes most."""
    at = {share: answer(share) for share in np.linspace(0, 1, _FIRST + 1).tolist()}
    while len(at) <= STEPS:
        ends = sorted(at)
        change = np.abs(np.diff([at[share] for share in ends]))
        # Width counts as well: what changes and changes back would else be stepped over.
        widest = int(np.argmax(change + change.sum() * np.diff(ends)))
        middle = (ends[widest] + ends[widest + 1]) / 2
        at[middle] = answer(middle)
    return list(itertools.pairwise(sorted(at)))


def _answer(question: Question, x: dict[str, Tensor]) -> Tensor:
    batch = question.around.batch
    nodes = {name: values for name, values in x.items() if name != _CONTENT}
    return question.value(batch._replace(x_dict={**batch.x_dict, **nodes}), x.get(_CONTENT))


def _mean(question: Question, name: str) -> Tensor:
    """Return the mean features of a modality over the entities that train, or where none has it, zeros."""
    graph = question.around.graph
    entity = graph.schema.node_type(name).entity
    owner = graph.nodes[name]["entity_index"].to_numpy()
    split = question.task.split_of(entity)
    chosen = np.ones(len(owner), dtype=bool) if split is None else split[owner] == "train"
    features = graph.features[name]
    mean = features[chosen].mean(axis=0) if chosen.any() else np.zeros(features.shape[1])
    return torch.from_numpy(np.asarray(mean, dtype=np.float32))


def attention(question: Question) -> pd.DataFrame:
    """Return whom the entity and its modalities looked at in each layer that fuses by attention.

    Args:
        question: What is asked.

    Returns:
        ``layer``, ``step``, ``looks``, ``at`` and ``weight``, the mean over heads; for several nodes of a
        type, the sum of those looked at and the mean of those that look. No row of a model without such
        attention.
    """
    around = question.around
    with record_attention() as layers, torch.no_grad():
        question.state(around.batch)
    rows = []
    for number, recorded in enumerate(layers):
        for (seen, step, looks), (pairs, weight) in recorded.items():
            mine = torch.from_numpy(around.mine(looks))[pairs[1]]
            if mine.any():
                lookers = len(torch.unique(pairs[1][mine]))
                rows.append(
                    {
                        "layer": number + 1,
                        "step": step,
                        "looks": looks,
                        "at": seen,
                        "weight": float(weight[mine].mean(dim=1).sum()) / lookers,
                    }
                )
    return pd.DataFrame(rows, columns=["layer", "step", "looks", "at", "weight"])
