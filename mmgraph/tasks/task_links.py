"""The links that a task asks for, by the parts of its split, and those that are known to be there.

Shapes: L links, S sources, T targets.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mmgraph.errors import GraphError
from mmgraph.graph.graph import Graph
from mmgraph.graph.schema import EdgeType, Triple
from mmgraph.tasks.labels import SPLITS


@dataclass(frozen=True, eq=False)
class TaskLinks:
    """Links of one relation, each once in a part; of a symmetric relation, or if asked, in both directions.

    Args:
        triple: Source node type, relation, target node type.
        num_source: Number of source nodes.
        num_target: Number of target nodes.
        source: int64 [L].
        target: int64 [L].
        part: ``train``, ``validation`` or ``test``, text [L].
        repeats: How many held-out links are not among these, since an earlier part has the same.
    """

    triple: Triple
    num_source: int
    num_target: int
    source: Tensor
    target: Tensor
    part: npt.NDArray[np.object_]
    repeats: int = 0

    @property
    def same_type(self) -> bool:
        """Whether source and target are nodes of the same type."""
        return self.triple[0] == self.triple[2]

    @functools.cached_property
    def train(self) -> Tensor:
        """The positions of the training links, int64."""
        return torch.from_numpy(np.flatnonzero(self.part == "train"))

    @property
    def edge_index(self) -> Tensor:
        """The training links, sources above targets, int64 [2, number of them]."""
        return torch.stack([self.source[self.train], self.target[self.train]])

    @functools.cached_property
    def cold(self) -> Tensor:
        """Whether an end of a link has no training link, as its source or its target, bool [L]."""
        source, target = self.edge_index
        if self.same_type:
            source = target = torch.cat([source, target])
        warm_source = torch.bincount(source, minlength=self.num_source) > 0
        warm_target = torch.bincount(target, minlength=self.num_target) > 0
        return ~(warm_source[self.source] & warm_target[self.target])

    def known(self, sources: Tensor) -> Tensor:
        """Return which targets some sources are linked to in any part, themselves included, bool [S, T].

        Args:
            sources: int64 [S].
        """
        mask = self._mask(sources, *self._by_source)
        if self.same_type:
            mask[torch.arange(len(sources)), sources] = True
        return mask

    def trained(self, sources: Tensor) -> Tensor:
        """Return which targets some sources are linked to in training, themselves included, bool [S, T]."""
        mask = self._mask(sources, *self._trained_by_source)
        if self.same_type:
            mask[torch.arange(len(sources)), sources] = True
        return mask

    def _mask(self, sources: Tensor, indptr: Tensor, targets: Tensor) -> Tensor:
        begin, count = indptr[sources], indptr[sources + 1] - indptr[sources]
        row = torch.arange(len(sources)).repeat_interleave(count)
        within = torch.arange(len(row)) - (count.cumsum(0) - count)[row]
        mask = torch.zeros(len(sources), self.num_target, dtype=torch.bool)
        mask[row, targets[begin[row] + within]] = True
        return mask

    @functools.cached_property
    def _by_source(self) -> tuple[Tensor, Tensor]:
        return self._compressed(self.source, self.target)

    @functools.cached_property
    def _trained_by_source(self) -> tuple[Tensor, Tensor]:
        return self._compressed(*self.edge_index)

    def _compressed(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        count = torch.bincount(source, minlength=self.num_source)
        return torch.cat([count.new_zeros(1), count.cumsum(0)]), target[source.argsort(stable=True)]


def read_links(view: Graph, edge_type: EdgeType, *, both: bool = False, where: str) -> TaskLinks:
    """Return the links of a relation, each in the earliest part that has it.

    Where edges are split by time, two nodes may be linked again in a later part. Asked for there, the link
    could be read off the edges of training.

    Args:
        view: The graph as the task sees it: its edges are the training links.
        edge_type: The relation, of which the graph holds edges out.
        both: Whether its links are read in both directions; those of a symmetric relation are in any case.
        where: The place of the task, for messages.

    Raises:
        GraphError: If a part has such repeats alone, or links have both directions but ends of two types.
    """
    if both and edge_type.source != edge_type.target:
        raise GraphError(
            f"got both, but {edge_type.name!r} leads from {edge_type.source!r} to {edge_type.target!r}; "
            "wanted ends of one type",
            where=f"{where}.direction",
            fix="Leave it out.",
        )
    held_out = view.held_out[edge_type.name]
    sizes = {t.name: t.num_nodes for t in view.schema.node_types}
    num_source, num_target = sizes[edge_type.source], sizes[edge_type.target]
    sources, targets, parts = [], [], []
    seen, repeats = np.empty(0, dtype=np.int64), 0
    for part in SPLITS:
        if part == "train":
            source, target = view.edge_index[edge_type.triple]
        else:
            source, target = held_out.of(part).source, held_out.of(part).target
        if both or (edge_type.symmetric and part != "train"):
            source, target = np.concatenate([source, target]), np.concatenate([target, source])
        # A pair may have several edges, at several times.
        links = np.unique(source * num_target + target)
        new = np.setdiff1d(links, seen, assume_unique=True)
        if len(links) and not len(new):
            raise GraphError(
                f"every {part} link of {edge_type.name!r} is in an earlier part as well, so that none is new",
                where=where,
                fix=f"Raise the fraction of {part!r}, or hold edges out at random.",
            )
        seen, repeats = np.concatenate([seen, new]), repeats + len(links) - len(new)
        source, target = np.divmod(new, num_target)
        sources.append(source)
        targets.append(target)
        parts.append(np.full(len(source), part, dtype=object))
    return TaskLinks(
        triple=edge_type.triple,
        num_source=num_source,
        num_target=num_target,
        source=torch.from_numpy(np.concatenate(sources)),
        target=torch.from_numpy(np.concatenate(targets)),
        part=np.concatenate(parts),
        repeats=repeats,
    )
