"""How many neighbours a sample takes for a model: for all relations alike, or by relation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mmgraph.counted import counted
from mmgraph.errors import ConfigError, Faults, did_you_mean
from mmgraph.graph.schema import GraphSchema, Triple
from mmgraph.layers.groups import OF

Fanout = Sequence[int] | Mapping[str, Sequence[int]]
"""One number a hop, or such numbers by relation; those of ``*`` are for all that are not named."""

OTHERS = "*"
_USUAL = (15, 10)
_USUAL_FURTHER = 5


def usual_fanout(num_hops: int) -> tuple[int, ...]:
    """Return the fanout where nobody asks for another: 15, 10, and 5 for each further hop."""
    return (*_USUAL, *[_USUAL_FURTHER] * num_hops)[:num_hops]


def cut_fanout(fanout: Fanout, num_hops: int) -> tuple[int, ...] | dict[str, tuple[int, ...]]:
    """Return a fanout without the numbers that stand beyond so many hops.

    Example:
        >>> cut_fanout([4, 3, 2], 2), cut_fanout({"likes": [4, 3, 2]}, 1)
        ((4, 3), {'likes': (4,)})
    """
    if isinstance(fanout, Mapping):
        return {name: tuple(numbers[:num_hops]) for name, numbers in fanout.items()}
    return tuple(fanout[:num_hops])


def hops_of(fanout: Fanout) -> int:
    """Return how many hops every relation has a number for."""
    by_relation = fanout.values() if isinstance(fanout, Mapping) else [fanout]
    return min(map(len, by_relation), default=0)


def takes_none(fanout: Fanout) -> bool:
    """Return whether a fanout takes no neighbour at all: the first number is 0 for every relation.

    Example:
        >>> takes_none([0, 5]), takes_none([5, 0]), takes_none({"likes": [0]}), takes_none({"*": [0]})
        (True, False, False, True)
    """
    if not isinstance(fanout, Mapping):
        return bool(fanout) and fanout[0] == 0
    return OTHERS in fanout and all(takes_none(numbers) for numbers in fanout.values())


def write_fanout(fanout: Fanout) -> str:
    """Return a fanout as it is written on the command line.

    Example:
        >>> write_fanout([15, 10]), write_fanout({"likes": [15, 10], "*": [5, 5]})
        ('15,10', 'likes=15,10 *=5,5')
    """
    if isinstance(fanout, Mapping):
        return " ".join(f"{name}={write_fanout(numbers)}" for name, numbers in fanout.items())
    return ",".join(map(str, fanout))


def fanout_by_triple(fanout: Fanout, schema: GraphSchema, num_hops: int) -> dict[Triple, list[int]]:
    """Return the numbers of each edge type.

    A reverse relation takes as many as the one that it reverses, unless it is named itself. Relations that
    are not named, where there is no ``*``, take the usual numbers.

    Args:
        fanout: What is asked for. Numbers beyond the hops are not used.
        schema: The schema of the graph.
        num_hops: How many numbers are needed: one for each layer that reads relations.

    Raises:
        ConfigError: If there are too few numbers, or there is no relation of a name; all faults at once.

    Example:
        >>> from mmgraph.graph.schema import EdgeType, NodeType
        >>> likes = EdgeType("a", "likes", "a", 2)
        >>> reverse = EdgeType("a", "rev_likes", "a", 2, reverse_of="likes")
        >>> schema = GraphSchema((NodeType("a", 2, 0, "a"),), (likes, reverse))
        >>> fanout_by_triple({"likes": [3, 2]}, schema, 2)
        {('a', 'likes', 'a'): [3, 2], ('a', 'rev_likes', 'a'): [3, 2]}
    """
    named: Mapping[str, Sequence[int]] = fanout if isinstance(fanout, Mapping) else {OTHERS: fanout}
    faults = Faults()
    names = [t.name for t in schema.edge_types if t.kind != OF]
    for name, numbers in named.items():
        where = f"fanout[{name!r}]" if isinstance(fanout, Mapping) else "fanout"
        if name == OF or name.removeprefix("rev_") == OF:
            faults.add(where, "groups are taken whole, and are not sampled", "Leave it out.")
        elif name != OTHERS and name not in names:
            faults.add(where, "there is no such relation", did_you_mean(name, [*names, OTHERS]))
        if len(numbers) < num_hops:
            faults.add(
                where,
                f"got {counted(len(numbers), 'number')} ({write_fanout(numbers)}); the model has {num_hops} "
                "layers that read relations, and each takes one",
                f"Give {write_fanout(usual_fanout(num_hops))}.",
            )
    faults.raise_if_any(ConfigError)
    others = named.get(OTHERS, usual_fanout(num_hops))
    return {
        t.triple: list(named.get(t.name, named.get(t.relation, others))[:num_hops]) for t in schema.edge_types
    }
