"""Edges that are left out are to be found again from the states of their ends.

Shapes: N entities, R of them that are asked for, E edges, B of them that are asked for, K drawn targets.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.module_dict import ModuleDict

from mmgraph.graph.schema import Triple
from mmgraph.models.graph_batch import GraphBatch, View
from mmgraph.tasks.decoders import make_decoder
from mmgraph.tasks.pairs import Pairs
from mmgraph.tasks.pretext.pretext import Pretext, Subject
from mmgraph.tasks.step import Encode, Unify

_AGAINST = 10
"""How many targets are drawn to stand against the true one."""
_MOST_ASKED = 1 << 14
"""How many edges are asked for at a time, at the most."""
_SEED = 0


class LinkReconstruction(Pretext):
    """Leaves out a share of the edges of a relation between entities, and asks where they led.

    A step takes one relation at random. What is asked for is out of the graph in both directions, and so is
    every relation that was made of this one. The loss is the cross-entropy of the true target among targets
    that are drawn from all, less those that the source is tied to; the score is DistMult (`Yang et al. 2015
    <https://arxiv.org/abs/1412.6575>`_). That edges are found again by an encoder of the graph is the graph
    autoencoder of `Kipf and Welling 2016 <https://arxiv.org/abs/1611.07308>`_.

    Training entities alone are asked for: an edge that has a held-out one at either end is none to learn. Of
    held-out entities, edges at any of them are measured.

    Args:
        subject: What is asked about.
    """

    reads = "mask_share"
    only_whole = "link_reconstruction asks for edges between entities of which a sample has few"

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self._pairs = {triple: self._pairs_of(triple, edges) for triple, edges in subject.links.items()}
        self._known = {
            triple: torch.unique(_keys(edges[0], edges[1], self._size(triple[2])))
            for triple, edges in subject.links.items()
        }
        self._made_of = {
            triple: {t.triple for t in subject.schema.edge_types if triple[1] in t.made_of}
            for triple in subject.links
        }
        self._learnt = {
            triple: edges[:, self._touched(triple, edges, ~subject.held_out, both=True)]
            for triple, edges in subject.links.items()
        }
        self._places = {triple: self._pairs[triple].places(edges) for triple, edges in self._learnt.items()}
        self._everyone = {name: torch.arange(self._size(name)) for t in subject.links for name in t[::2]}
        self._measured: dict[tuple[Triple, Tensor], tuple[Tensor, Tensor, View]] = {}

    def make_head(self, channels: int) -> nn.Module:
        """Return what scores edges of each relation by the states of their ends."""
        head: nn.Module = ModuleDict({t: make_decoder("distmult", channels) for t in self.subject.links})
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
        against = torch.randint(self._size(triple[2]), (asked.shape[1], _AGAINST))
        states = encode(self._without(batch, triple, chosen))
        source, target = states[triple[0]].float(), states[triple[2]].float()
        return self._loss(head[triple], triple, (source, target), asked, against)

    def measure(self, head: nn.Module, unify: Unify, rows: Tensor) -> Tensor | None:
        """Return the mean loss over all relations, of the same edges each time."""
        assert isinstance(head, ModuleDict)
        losses = []
        for triple in self.subject.links:
            asked, against, view = self._fixed(triple, rows)
            if asked.shape[1]:
                states = unify({name: self._everyone[name] for name in dict.fromkeys(triple[::2])}, view)
                ends = states[triple[0]], states[triple[2]]
                losses.append(self._loss(head[triple], triple, ends, asked, against))
        return torch.stack(losses).mean() if losses else None

    def _fixed(self, triple: Triple, rows: Tensor) -> tuple[Tensor, Tensor, View]:
        """Return which edges of entities are measured, what stands against them, and what is seen then."""
        key = triple, rows
        if key not in self._measured:
            generator = torch.Generator().manual_seed(_SEED)
            edges, pairs = self.subject.links[triple], self._pairs[triple]
            held_out = bool(self.subject.held_out[rows.cpu()].all())
            edges = edges[:, self._touched(triple, edges, self.subject.mask(rows.cpu()), both=not held_out)]
            asked, chosen = edges, torch.zeros(len(pairs), dtype=torch.bool)
            if edges.shape[1]:
                share = min(self.subject.mask_share, _MOST_ASKED / edges.shape[1])
                chosen = pairs.draw(share, among=pairs.places(edges), generator=generator)
                asked = edges[:, pairs.among(edges, chosen)]
            against = torch.randint(self._size(triple[2]), (asked.shape[1], _AGAINST), generator=generator)
            self._measured[key] = (asked, against, lambda batch: self._without(batch, triple, chosen))
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

    def _loss(
        self, decoder: nn.Module, triple: Triple, ends: tuple[Tensor, Tensor], asked: Tensor, against: Tensor
    ) -> Tensor:
        """Return the cross-entropy of the true targets of edges, among those that are drawn.

        Args:
            decoder: Scores them.
            triple: The relation.
            ends: The states of all sources and of all targets.
            asked: The edges, int64 [2, B].
            against: The drawn targets, int64 [B, K].
        """
        source, true = asked
        known, drawn = self._known[triple], _keys(source[:, None], against, self._size(triple[2]))
        linked = known[torch.searchsorted(known, drawn).clamp(max=len(known) - 1)] == drawn
        device = ends[0].device
        targets = torch.cat([true[:, None], against], dim=1).to(device)
        scores: Tensor = decoder(ends[0][source.to(device), None], ends[1][targets])
        scores = scores.masked_fill(F.pad(linked, (1, 0)).to(device), -torch.inf)
        return F.cross_entropy(scores, torch.zeros(len(scores), dtype=torch.int64, device=device))

    def _pairs_of(self, triple: Triple, edges: Tensor) -> Pairs:
        return Pairs(edges, self._size(triple[2]), same_type=triple[0] == triple[2])

    def _size(self, name: str) -> int:
        return self.subject.schema.node_type(name).num_nodes

    def _touched(self, triple: Triple, edges: Tensor, mask: Tensor, *, both: bool) -> Tensor:
        """Return which edges have entities of the subject's type that a mask holds at one end, or at both."""
        ends = [mask[edges[end]] for end in (0, 1) if triple[2 * end] == self.subject.entity]
        joined = torch.stack(ends)
        return joined.all(dim=0) if both else joined.any(dim=0)


def _keys(source: Tensor, target: Tensor, num_target: int) -> Tensor:
    return source * num_target + target
