"""Tuning: trials of a model with different configs, chosen by what earlier trials came to on validation."""

from mmgraph.tuning.parameter import Parameter
from mmgraph.tuning.space import SearchSpace, find_space, space_names
from mmgraph.tuning.study import Study
from mmgraph.tuning.tune import tune

__all__ = ["Parameter", "SearchSpace", "Study", "find_space", "space_names", "tune"]
