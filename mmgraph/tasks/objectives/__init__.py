"""What can be learnt without labels, or to bring states together: losses as functions of tensors."""

from mmgraph.tasks.objectives.contrast import Contrast
from mmgraph.tasks.objectives.info_nce import info_nce
from mmgraph.tasks.objectives.infomax import Infomax, shuffle_features
from mmgraph.tasks.objectives.logit_scale import LogitScale, not_half
from mmgraph.tasks.objectives.pair_sigmoid import pair_sigmoid
from mmgraph.tasks.objectives.reconstruction import masked_squared_error, scaled_cosine_error
from mmgraph.tasks.objectives.related import (
    Kin,
    neighbours_in,
    neighbours_of,
    related_in,
    related_pairs,
    shared_target,
    two_steps_away,
)
from mmgraph.tasks.objectives.sparse_pairs import SparsePairs
from mmgraph.tasks.objectives.supervised_contrastive import supervised_contrastive

__all__ = [
    "Contrast",
    "Infomax",
    "Kin",
    "LogitScale",
    "SparsePairs",
    "info_nce",
    "masked_squared_error",
    "neighbours_in",
    "neighbours_of",
    "not_half",
    "pair_sigmoid",
    "related_in",
    "related_pairs",
    "scaled_cosine_error",
    "shared_target",
    "shuffle_features",
    "supervised_contrastive",
    "two_steps_away",
]
