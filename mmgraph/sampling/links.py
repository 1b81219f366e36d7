"""Links as seeds: their ends, the links that stand against them, and where to find both in the sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.sampler import EdgeSamplerInput, NegativeSampling

from mmgraph.sampling.hops import Seeds

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LinkSeeds:
    """The ends of the links of a batch as seeds.

    Args:
        seeds: By node type.
        owner: The link that each seed is an end of, or whose opposite it is, int64 [number of all seeds];
            read if sampling is disjoint.
        source: The place of each link's source among the seeds of its type, int64 [B + M].
        target: That of its target.
        num_links: How many of them are links of the graph, B.
    """

    seeds: Mapping[str, Seeds]
    owner: Ints
    source: Ints
    target: Ints
    num_links: int

    def times(self, time: Tensor | None) -> dict[str, Tensor] | None:
        """Return the time of each seed by node type, if links have times, [B]."""
        if time is None:
            return None
        return {name: time[torch.from_numpy(self.owner[part.tree])] for name, part in self.seeds.items()}

    def metadata(self, index: EdgeSamplerInput, neg_sampling: NegativeSampling | None) -> tuple[Any, ...]:
        """Return what PyG's ``LinkLoader`` puts into a batch: ids, places and labels of the links, times."""
        source, target = torch.from_numpy(self.source), torch.from_numpy(self.target)
        if neg_sampling is not None and neg_sampling.is_triplet():
            opposite = target[self.num_links :].view(-1, self.num_links).t().squeeze(-1)
            return index.input_id, source[: self.num_links], target[: self.num_links], opposite, index.time
        label = index.label
        if neg_sampling is not None:
            label = torch.ones(self.num_links) if label is None else label
            label = torch.cat([label, label.new_zeros(source.numel() - self.num_links, *label.shape[1:])])
        return index.input_id, torch.stack([source, target]), label, index.time


def link_seeds(
    index: EdgeSamplerInput,
    negatives: tuple[Ints, Ints],
    neg_sampling: NegativeSampling | None,
    *,
    disjoint: bool,
) -> LinkSeeds:
    """Return the ends of links as seeds, each node once unless sampling is disjoint.

    Args:
        index: The links, B of them.
        negatives: Source and target of those that stand against them, int64 [M] each; that at place m against
            the link ``m % B``.
        neg_sampling: How they were drawn. The sources of triplets are those of the links, so they are no
            seeds.
        disjoint: Whether each end has nodes of its own.
    """
    triplet = neg_sampling is not None and neg_sampling.is_triplet()
    source, target = index.row.numpy(), np.concatenate([index.col.numpy(), negatives[1]])
    if not triplet:
        source = np.concatenate([source, negatives[0]])
    num_links = index.row.numel()
    owner = np.concatenate([np.arange(part.size) % max(num_links, 1) for part in (source, target)])
    ends = np.concatenate([source, target])
    first, last = index.input_type[0], index.input_type[-1]
    parts = {first: ends} if first == last else {first: source, last: target}
    seeds, places, so_far = {}, [], 0
    for name, nodes in parts.items():
        node, place = (nodes, np.arange(nodes.size)) if disjoint else np.unique(nodes, return_inverse=True)
        seeds[name] = Seeds(node, np.arange(so_far, so_far + node.size))
        places.append(place)
        so_far += node.size
    place = np.concatenate(places)
    return LinkSeeds(seeds, owner, place[: source.size], place[source.size :], num_links)


def numbers(tensor: Tensor) -> Ints:
    """Return a tensor of node numbers as numpy's contiguous int64."""
    return np.ascontiguousarray(tensor.detach().cpu().numpy(), np.int64)
