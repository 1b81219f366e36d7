"""Links that a batch is made for, left out of its message edges: what is to be predicted must not be seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmgraph.errors import ConfigError, Faults, did_you_mean
from mmgraph.graph import Triple

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class HiddenLinks:
    """Links that samples leave out.

    Args:
        links: By edge type, sources, targets, and the number of each link in the batch, int64 [H] each.
        owner: If sampling is disjoint, the link that each seed belongs to, int64 [number of all seeds]: the
            sample of a seed leaves out its own link alone.
    """

    links: Mapping[Triple, tuple[Ints, Ints, Ints]]
    owner: Ints | None

    @classmethod
    def both_ways(
        cls, triple: Triple, source: Ints, target: Ints, reverse: Triple | None, owner: Ints | None
    ) -> HiddenLinks:
        """Return the links of a batch and their reverses; between nodes of one type in either direction.

        Args:
            triple: Their edge type.
            source: int64 [B].
            target: int64 [B].
            reverse: The edge type of their reverses; nothing if they have none.
            owner: See the class.
        """
        number = np.arange(source.size)
        if triple[0] == triple[2]:
            # Who is linked to whom is half told by who is linked back, so a split holds both out as well.
            source, target = np.concatenate([source, target]), np.concatenate([target, source])
            number = np.tile(number, 2)
        links = {triple: (source, target, number)}
        if reverse is not None:
            links[reverse] = target, source, number
        return cls(links, owner)

    def of(self, triple: Triple, node: Ints, tree: Ints, num_target: int) -> tuple[Ints, Ints, Ints]:
        """Return the key of each target node, and of each link its target's key and its source, in order.

        Args:
            triple: The edge type.
            node: The target nodes, int64 [N].
            tree: The seed that each hangs on, int64 [N]; read if sampling is disjoint.
            num_target: Number of target nodes in the whole graph.
        """
        source, target, link = self.links[triple]
        if self.owner is not None:
            node, target = self.owner[tree] * num_target + node, link * num_target + target
        order = np.lexsort((source, target))
        return node, target[order], source[order]


def reverse_of(triples: Sequence[Triple], given: Mapping[Triple, Triple]) -> dict[Triple, Triple]:
    """Return the reverse of each edge type that has one.

    Args:
        triples: The edge types of the graph.
        given: Those whose reverse has not the usual name; either may be the key.

    Raises:
        ConfigError: If an edge type is not there, or does not lead back; all faults at once.

    Example:
        >>> reverse_of([("a", "buys", "b"), ("b", "rev_buys", "a")], {})[("b", "rev_buys", "a")]
        ('a', 'buys', 'b')
    """
    faults, names = Faults(), [" -> ".join(triple) for triple in triples]
    for pair in given.items():
        for triple in pair:
            if triple not in triples:
                name = " -> ".join(map(str, triple))
                faults.add("reverse_types", f"there is no edge type {name!r}", did_you_mean(name, names))
        if all(triple in triples for triple in pair) and pair[0][::2] != pair[1][::-2]:
            faults.add(
                "reverse_types",
                f"{' -> '.join(pair[1])} does not lead back along {' -> '.join(pair[0])}",
                "Name the edge type between the same node types in the other direction.",
            )
    faults.raise_if_any(ConfigError)
    usual = {(s, name, t): (t, f"rev_{name}", s) for s, name, t in triples}
    pairs = {one: other for one, other in usual.items() if other in triples} | dict(given)
    return {other: one for one, other in pairs.items()} | pairs
