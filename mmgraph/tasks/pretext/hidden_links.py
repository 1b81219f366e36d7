"""The base of objectives that leave out edges and ask for them, by the states of their ends.

Shapes: N entities, R of them that are asked for, E edges, B of them that are asked for.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.graph.schema import Triple
from mmgraph.models.graph_batch import GraphBatch, View
from mmgraph.tasks.pairs import Pairs
from mmgraph.tasks.pretext.pretext import Option, Pretext, Subject
from mmgraph.tasks.step import Encode, Unify

_MOST_ASKED = 1 << 14
"""How many edges are asked for at a time, at the most."""
_SEED = 0


class HiddenLinks(Pretext):
    """Leaves out a share of the edges of a relation between entities, and asks for them.

    A step takes one relation at random. What is asked for is out of the graph in both directions, and so is
    every relation that was made of this one. Training entities alone are asked for: an edge that has a
    held-out one at either end is none to learn. Of held-out entities, edges at any of them are measured.

    Args:
        subject: What is asked about.
    """

    reads: tuple[Option, ...] = ("mask_share",)
    needs_links = True

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self._pairs = {triple: self._pairs_of(triple, edges) for triple, edges in subject.links.items()}
        self._made_of = {
            triple: {t.triple for t in subject.schema.edge_types if triple[1] in t.made_of}
            for triple in subject.links
        }
        self._learnt = {
            triple: edges[:, self._touched(triple, edges, ~subject.held_out, both=True)]
            for triple, edges in subject.links.items()
        }
        self._places = {triple: self._pairs[triple].places(edges) for triple, edges in self._learnt.items()}
        self._everyone = {name: torch.arange(self.size(name)) for t in subject.links for name in t[::2]}
        self._measured: dict[tuple[Triple, Tensor], tuple[Tensor, View]] = {}

    @abstractmethod
    def part(self, triple: Triple, channels: int) -> nn.Module:
        """Return what is learnt of a relation beside the model, with fresh weights.

        Args:
            triple: The relation.
            channels: The width of the unified states.
        """

    @abstractmethod
    def loss(
        self,
        part: nn.Module,
        triple: Triple,
        ends: tuple[Tensor, Tensor],
        asked: Tensor,
        generator: torch.Generator | None,
    ) -> Tensor:
        """Return the loss of edges that the model did not see, a scalar of float32.

        Args:
            part: What :meth:`part` made.
            triple: The relation.
            ends: The states of all entities that are sources, and of all that are targets, [N, C] each.
            asked: The edges, int64 [2, B].
            generator: Draws whatever is drawn, on the CPU; torch's own by default.
        """

    def make_head(self, channels: int) -> nn.Module:
        """Return what is learnt of each relation."""
        head: nn.Module = ModuleDict({triple: self.part(triple, channels) for triple in self.subject.links})
        return head

    def step(
        self,
        head: nn.Module,
        encode: Encode,
        batch: GraphBatch,
        rows: Tensor,  # noqa: ARG002 - it asks for edges between all training entities
        here: Tensor,  # noqa: ARG002
    ) -> Tensor | None:
        """Return the loss of some edges of one relation."""
        assert isinstance(head, ModuleDict)
        some = [triple for triple, edges in self._learnt.items() if edges.shape[1]]
        if not some:
            return None
        triple = some[int(torch.randint(len(some), ()))]
        edges, pairs = self._learnt[triple], self._pairs[triple]
        share = min(self.subject.mask_share, _MOST_ASKED / edges.shape[1])
        chosen = pairs.draw(share, among=self._places[triple])
        asked = edges[:, pairs.among(edges, chosen)]
        states = encode(self._without(batch, triple, chosen))
        ends = states[triple[0]].float(), states[triple[2]].float()
        return self.loss(head[triple], triple, ends, asked, None)

    def measure(self, head: nn.Module, unify: Unify, rows: Tensor) -> Tensor | None:
        """Return the mean loss over all relations, of the same edges each time."""
        assert isinstance(head, ModuleDict)
        losses = []
        for triple in self.subject.links:
            asked, view = self._fixed(triple, rows)
            if asked.shape[1]:
                states = unify({name: self._everyone[name] for name in dict.fromkeys(triple[::2])}, view)
                ends, generator = (states[triple[0]], states[triple[2]]), torch.Generator().manual_seed(_SEED)
                losses.append(self.loss(head[triple], triple, ends, asked, generator))
        return torch.stack(losses).mean() if losses else None

    def _fixed(self, triple: Triple, rows: Tensor) -> tuple[Tensor, View]:
        """Return which edges of entities are measured, and what is seen then."""
        key = triple, rows
        if key not in self._measured:
            edges, pairs = self.subject.links[triple], self._pairs[triple]
            held_out = bool(self.subject.held_out[rows.cpu()].all())
            edges = edges[:, self._touched(triple, edges, self.subject.mask(rows.cpu()), both=not held_out)]
            asked, chosen = edges, torch.zeros(len(pairs), dtype=torch.bool)
            if edges.shape[1]:
                share = min(self.subject.mask_share, _MOST_ASKED / edges.shape[1])
                generator = torch.Generator().manual_seed(_SEED)
                chosen = pairs.draw(share, among=pairs.places(edges), generator=generator)
                asked = edges[:, pairs.among(edges, chosen)]
            self._measured[key] = (asked, lambda batch: self._without(batch, triple, chosen))
        return self._measured[key]

    def _without(self, batch: GraphBatch, triple: Triple, chosen: Tensor) -> GraphBatch:
        """Return what is seen where chosen pairs of a relation are asked for."""
        # A model wants each relation that it knows, so one that must not be seen is there without edges.
        none = {
            t: torch.zeros(index.shape[1], dtype=torch.bool, device=index.device)
            for t, index in batch.edge_index_dict.items()
            if t in self._made_of[triple]
        }
        return self._pairs[triple].hide(batch.keeping(none), triple, chosen)

    def _pairs_of(self, triple: Triple, edges: Tensor) -> Pairs:
        return Pairs(edges, self.size(triple[2]), same_type=triple[0] == triple[2])

    def size(self, name: str) -> int:
        """Return how many entities of a type there are."""
        return self.subject.schema.node_type(name).num_nodes

    def _touched(self, triple: Triple, edges: Tensor, mask: Tensor, *, both: bool) -> Tensor:
        """Return which edges have entities of the subject's type that a mask holds at one end, or at both."""
        ends = [mask[edges[end]] for end in (0, 1) if triple[2 * end] == self.subject.entity]
        joined = torch.stack(ends)
        return joined.all(dim=0) if both else joined.any(dim=0)
