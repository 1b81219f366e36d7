"""Which wrong pairs a matching asks about: those to measure on, and those that a step learns from.

Shapes: N entities, R of them that are asked for, A of these that have wrong answers, K of each.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mmgraph.data.task_spec import MatchingTaskSpec
from mmgraph.graph.graph import Graph
from mmgraph.models.graph_batch import GraphBatch
from mmgraph.tasks.labels import SPLITS, Labels
from mmgraph.tasks.matching_options import MatchingOptions
from mmgraph.tasks.objectives import neighbours_in, neighbours_of
from mmgraph.tasks.wrong_answers import Walks, Wrong, draw_wrong

_NOBODY = -1


def draw_measured(view: Graph, labels: Labels, spec: MatchingTaskSpec) -> Wrong:
    """Return the wrong answers to measure on, of each entity some of its own split, [N, K].

    Args:
        view: The graph as the task sees it.
        labels: Who has both modalities.
        spec: How many there are, and how they are drawn.
    """
    sizes = {t.name: t.num_nodes for t in view.schema.node_types}
    edges = {triple: torch.from_numpy(np.asarray(index)) for triple, index in view.edge_index.items()}
    whose = np.full((len(labels), spec.num_negatives), _NOBODY, dtype=np.int64)
    hard = np.zeros(whose.shape, dtype=np.bool_)
    for number, split in enumerate(SPLITS):
        rows = labels.rows(split)
        if len(rows):
            here = torch.from_numpy(rows)
            drawn = draw_wrong(
                Walks(neighbours_of(edges, sizes, spec.entity, here), here, sizes[spec.entity]),
                len(rows),
                num_negatives=spec.num_negatives,
                hard_share=spec.hard_share,
                rng=np.random.default_rng([spec.seed, number]),
            )
            whose[rows], hard[rows] = rows[drawn.whose], drawn.hard
    return Wrong(whose, hard)


def draw_learnt(
    batch: GraphBatch, entity: str, here: Tensor, fold: Tensor, options: MatchingOptions
) -> tuple[Tensor, Tensor]:
    """Return who is asked about in a step, and whose answers stand beside their own.

    Wrong answers are of the same fold: the maps that know nothing of a fold know the answers of all others,
    and would be drawn to them. Who is alone in a fold has no wrong answer, and is not asked about.

    Args:
        batch: The whole graph, or a sample of it.
        entity: The entity type.
        here: The entities as the batch numbers them, each once, int64 [R].
        fold: The fold of each, int64 [R]; one number where there are no folds.
        options: How many there are, and how they are drawn; anew each time, by torch's random numbers.

    Returns:
        Places among the entities, int64 [A] and [A, K].
    """
    rng, size = np.random.default_rng(int(torch.randint(2**62, ()))), batch.x_dict[entity].shape[0]
    asked, whose = [here[:0]], [here.new_zeros(0, options.num_negatives)]
    for number in torch.unique(fold):
        part = (fold == number).nonzero().squeeze(1)
        if len(part) > 1:
            wrong = draw_wrong(
                Walks(neighbours_in(batch, entity, here[part]), here[part], size),
                len(part),
                num_negatives=options.num_negatives,
                hard_share=options.hard_share,
                rng=rng,
            )
            asked.append(part)
            whose.append(part[torch.from_numpy(wrong.whose).to(part.device)])
    return torch.cat(asked), torch.cat(whose)
