"""How many neighbours are sampled, hop by hop and relation by relation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmgraph.errors import ConfigError, Faults, did_you_mean
from mmgraph.graph import Triple

_FIX = "Give a list with one number a hop, e.g. [15, 10]; -1 takes all neighbours, 0 none."
OF = "of"


def read_fanout(
    num_neighbors: Sequence[int] | Mapping[Triple, Sequence[int]], triples: Sequence[Triple], *, groups: bool
) -> dict[Triple, list[int]]:
    """Return how many neighbours each relation gives at each hop.

    Args:
        num_neighbors: One number a hop for all relations, or for each of those that are sampled at all.
        triples: The edge types of the graph.
        groups: Whether nodes bring their groups along: ``of`` edges are taken whole, and there is one hop
            more for the modality nodes of the entities that the last hop found.

    Raises:
        ConfigError: If a relation is not there, a number is below -1, or relations differ in their hops; all
            faults at once.

    Example:
        >>> triples = [("a/text", "of", "a"), ("a", "likes", "a")]
        >>> read_fanout([15, 10], triples, groups=True)
        {('a/text', 'of', 'a'): [-1, -1, -1], ('a', 'likes', 'a'): [15, 10, 0]}
    """
    given: dict[Any, Any] = dict(num_neighbors) if isinstance(num_neighbors, Mapping) else {}
    if not isinstance(num_neighbors, Mapping):
        given = dict.fromkeys(triples, num_neighbors) or {"": num_neighbors}
    faults = Faults()
    names = [" -> ".join(triple) for triple in triples]
    for triple, hops in given.items():
        where = "num_neighbors" if not isinstance(num_neighbors, Mapping) else f"num_neighbors[{triple!r}]"
        if triple not in triples and triple != "":
            name = " -> ".join(map(str, triple)) if isinstance(triple, tuple) else str(triple)
            faults.add(where, "there is no such edge type", did_you_mean(name, names))
        if not _is_fanout(hops):
            faults.add(where, f"got {hops!r}; wanted whole numbers of at least -1", _FIX)
            break
    if not faults.found and len({len(hops) for hops in given.values()}) > 1:
        counts = sorted({len(hops) for hops in given.values()})
        faults.add("num_neighbors", f"relations have {counts} hops; wanted as many each", "Fill up with 0.")
    faults.raise_if_any(ConfigError)
    num_hops = max((len(hops) for hops in given.values()), default=0)
    fanout = {triple: [int(k) for k in given.get(triple, [0] * num_hops)] for triple in triples}
    if groups:
        fanout = {
            triple: [-1] * (num_hops + 1) if triple[1] == OF else [*hops, 0]
            for triple, hops in fanout.items()
        }
    return fanout


def _is_fanout(hops: Any) -> bool:
    if not isinstance(hops, Sequence) or isinstance(hops, str) or not hops:
        return False
    return all(isinstance(k, int) and not isinstance(k, bool) and k >= -1 for k in hops)
