"""Which wrong pairs a matching asks about: those to measure on, and those that a step learns from.

Shapes: N entities, R of them that are asked for, K wrong answers of each.
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
    whose = np.full((len(labels.ids), spec.num_negatives), _NOBODY, dtype=np.int64)
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


def draw_learnt(batch: GraphBatch, entity: str, here: Tensor, options: MatchingOptions) -> Tensor:
    """Return whose answers stand beside the right ones of a step, places among its entities, int64 [R, K].

    Args:
        batch: The whole graph, or a sample of it.
        entity: The entity type.
        here: The entities as the batch numbers them, each once, at least two, int64 [R].
        options: How many there are, and how they are drawn; anew each time, by torch's random numbers.
    """
    wrong = draw_wrong(
        Walks(neighbours_in(batch, entity, here), here, batch.x_dict[entity].shape[0]),
        len(here),
        num_negatives=options.num_negatives,
        hard_share=options.hard_share,
        rng=np.random.default_rng(int(torch.randint(2**62, ()))),
    )
    return torch.from_numpy(wrong.whose).to(here.device)
