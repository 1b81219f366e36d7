"""Neighbour sampling: mini-batches of a graph that does not fit, without a compiled dependency."""

from mmgraph.sampling.batch_loader import BatchLoader
from mmgraph.sampling.negatives import Negatives
from mmgraph.sampling.neighbour_sampler import NeighbourSampler
from mmgraph.sampling.sampler_output import SortedSamplerOutput

__all__ = ["BatchLoader", "Negatives", "NeighbourSampler", "SortedSamplerOutput"]
