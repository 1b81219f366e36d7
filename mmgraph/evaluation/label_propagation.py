"""A baseline of relations alone: labels of training entities flow along all edges.

Shapes: V nodes of all types, N entities, C classes, labels or numbers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from torch import Tensor

from mmgraph.evaluation.fitted import Fitted, best_on_validation, fitted_entities
from mmgraph.evaluation.label_baselines import settled
from mmgraph.graph.graph import Graph
from mmgraph.tasks.classification import Classification
from mmgraph.tasks.entity_task import EntityTask
from mmgraph.tasks.multi_label import MultiLabel
from mmgraph.tasks.regression import Regression
from mmgraph.tasks.task import Task

_SPREADS = (0.5, 0.8, 0.9, 0.95, 0.99)
_STEPS = 40
_PRIOR = 1e-4
"""How much of what reaches a node without any label near is the share of each class in training."""


def label_propagation(task: Task, view: Graph) -> Fitted:
    """Return label spreading (`Zhou et al. 2003 <https://dl.acm.org/doi/10.5555/2981345.2981386>`_).

    All node types and relations count as one graph without directions, in which modalities are tied to their
    entities, so that likeness of modalities carries labels too; features are not read. How far labels flow is
    chosen by the task's metric on validation.

    Args:
        task: A classification, a regression or several labels.
        view: The graph as the task sees it.
    """
    assert isinstance(task, EntityTask)
    links, first = _adjacency(view, task.labels.entity)
    rows = task.rows("train").numpy()
    known, prior = _known(task)
    start = np.zeros((links.shape[0], known.shape[1] + 1))
    start[first + rows] = np.column_stack([known[rows], np.ones(len(rows))])
    count = len(task.labels)
    outputs: dict[float, Tensor] = {}
    for spread in _SPREADS:
        state = start
        for _ in range(_STEPS):
            state = spread * (links @ state) + (1 - spread) * start
        reached = state[first : first + count]
        share = (reached[:, :-1] + _PRIOR * prior) / (reached[:, -1:] + _PRIOR)
        outputs[spread] = _output(task, torch.from_numpy(share))
    chosen = best_on_validation(task, outputs)
    config = {"name": "label_propagation", "spread": chosen}
    if isinstance(task, MultiLabel):
        output, more = settled(task, outputs[chosen][:, :-1])
        return fitted_entities(task, output, config | more)
    return fitted_entities(task, outputs[chosen], config)


def _known(task: EntityTask) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return all targets, [N, C], of which those of training are read, and their mean, [C]."""
    target = task.target
    if isinstance(task, Classification):
        known = (
            torch.nn.functional.one_hot(target.clamp(0, len(task.classes) - 1), len(task.classes))
            .double()
            .numpy()
        )
    elif isinstance(task, Regression):
        known = task.standardise(target).double().numpy()[:, None]
    else:
        known = target.double().numpy()
    return known, known[task.rows("train").numpy()].mean(axis=0)


def _output(task: EntityTask, share: Tensor) -> Tensor:
    """Return what the task's metrics take of the mean of what reached each entity, [N, C]."""
    if isinstance(task, Classification):
        return share.clamp(min=1e-12).log()
    if isinstance(task, MultiLabel):
        return settled(task, share.float().logit(eps=1e-6))[0]
    return share.float()


def _adjacency(view: Graph, entity: str) -> tuple[sp.csr_array, int]:
    """Return D^-1/2 (A + A^T) D^-1/2 over all nodes, [V, V], and where the nodes of an entity type begin."""
    sizes = {t.name: int(t.num_nodes) for t in view.schema.node_types}
    ends = np.cumsum([0, *sizes.values()])
    offset = dict(zip(sizes, ends[:-1].tolist(), strict=True))
    total = int(ends[-1])
    links = sp.csr_array((total, total))
    for edge_type in view.schema.edge_types:
        if edge_type.reverse_of is None:
            source, target = view.edge_index[edge_type.triple]
            weight = np.ones(len(source))
            if edge_type.triple in view.edge_weight:
                weight = np.clip(view.edge_weight[edge_type.triple].astype(np.float64), 0, None)
                # So that relations count by how many edges they have, whatever their weights measure.
                weight = weight / max(weight.mean(), 1e-12) if len(weight) else weight
            place = source + offset[edge_type.source], target + offset[edge_type.target]
            one_way = sp.coo_array((weight, place), shape=(total, total)).tocsr()
            links = links + one_way + one_way.T
    degree = np.asarray(links.sum(axis=1)).ravel()
    scale = sp.dia_array((1 / np.sqrt(np.where(degree > 0, degree, 1))[None], [0]), shape=(total, total))
    return (scale @ links @ scale).tocsr(), offset[entity]
