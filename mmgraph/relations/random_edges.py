"""Edges from random nodes: the control for a relation that claims to know who belongs together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mmgraph.errors import GraphError
from mmgraph.graph.attach_context import AttachContext
from mmgraph.graph.context import BuildContext
from mmgraph.graph.relation import Attached, Edges, Fitted, RelationBuilder
from mmgraph.registry import RELATIONS


@RELATIONS.register("random")
@dataclass(frozen=True)
class Random(RelationBuilder):
    """Edges to every node from random ones, as many as asked for or as another relation gives the node.

    No node hears from itself, nor from another one twice. A new entity hears from random known nodes: from as
    many as asked for, or as a known node taken at random hears from along the other relation. Who they are
    depends on its id and the seed.

    Args:
        source: The node type that edges come from; given by ``like``, if that is there.
        target: The node type that they go to; given by ``like``, if that is there.
        k: How many sources each node hears from.
        like: The name of a relation: each node hears from as many as it does along that one.
        seed: Another seed gives other edges.

    Example:
        >>> Random(like="borders").default_name
        'random_borders'
    """

    kind: ClassVar[Literal["given", "derived"]] = "derived"
    inductive: ClassVar[bool] = True

    source: Annotated[str | None, Field(description="The node type that edges come from.")] = None
    target: Annotated[str | None, Field(description="The node type that they go to.")] = None
    k: Annotated[int | None, Field(ge=1, description="How many sources each node hears from.")] = None
    like: Annotated[
        str | None, Field(description="A relation: each node hears from as many as along that one.")
    ] = None
    seed: Annotated[int, Field(ge=0, description="Another seed gives other edges.")] = 0

    @property
    def default_name(self) -> str:
        """``random_`` and the name of the other relation, or ``random``."""
        return f"random_{self.like}" if self.like else "random"

    def needs(self) -> tuple[str, ...]:
        """Return the relation whose degrees it takes."""
        return () if self.like is None else (self.like,)

    def endpoints(self, context: BuildContext) -> tuple[str, str]:
        """Return the node types that were given, or those of the other relation.

        Raises:
            GraphError: If what says how many edges there shall be, and between what, is missing or too much.
        """
        if self.like is not None:
            for parameter in ("source", "target", "k"):
                if getattr(self, parameter) is not None:
                    raise GraphError(
                        f"got {getattr(self, parameter)!r} beside like: {self.like}, which says that already",
                        where=context.at(parameter),
                        fix="Give one or the other.",
                    )
            return context.ends_of(self.like)
        for parameter in ("source", "target", "k"):
            if getattr(self, parameter) is None:
                raise GraphError(
                    "is not given; wanted source, target and k, or like",
                    where=context.at(parameter),
                    fix="Give it, or name a relation by `like`.",
                )
        assert self.source is not None and self.target is not None  # noqa: PT018
        context.parts(self.source, parameter="source")
        context.parts(self.target, parameter="target")
        return self.source, self.target

    def check(self, context: BuildContext) -> None:
        """Refuse more sources than there are.

        Raises:
            GraphError: If k is larger than the number of nodes that may send, other than the node itself.
        """
        source, target = self.endpoints(context)
        others = int(context.permitted(source).sum()) - (source == target)
        if self.k is not None and self.k > others:
            raise GraphError(
                f"got {self.k}; a node of {target} can hear from {others} of {source}",
                where=context.at("k"),
                fix=f"Set k to at most {others}." if others else "Leave the relation out.",
            )

    def fit(self, context: BuildContext) -> Fitted:
        """Return how many sources each node hears from."""
        _, target = self.endpoints(context)
        size = context.num_nodes(target)
        if self.like is None:
            return {"degrees": np.full(size, self.k, dtype=np.int64)}
        return {"degrees": np.bincount(context.edges_of(self.like).target, minlength=size)}

    def build(self, context: BuildContext) -> Edges:
        """Return edges from random sources."""
        source, target = self.endpoints(context)
        senders = np.flatnonzero(context.permitted(source))
        degrees = context.fitted["degrees"]
        own = np.arange(len(degrees)) if source == target else np.full(len(degrees), -1)
        # A relation may be so dense that among permitted sources there are not as many.
        most = len(senders) - np.isin(own, senders)
        context.count("too_few_sources", int((degrees > most).sum()))
        degrees = np.minimum(degrees, most)
        chosen = random_sources(senders, degrees, own, np.random.default_rng(self.seed))
        return Edges(chosen, np.repeat(np.arange(len(degrees)), degrees))

    def attach(self, context: AttachContext) -> Attached:
        """Return edges from random known nodes to new ones."""
        source, target = context.ends
        senders = np.flatnonzero(context.permitted(source))
        known, parts, targets = context.fitted["degrees"], [], []
        for node, name in enumerate(context.ids(target)):
            rng = np.random.default_rng([self.seed, *str(name).encode()])
            degree = min(int(known[rng.integers(len(known))]), len(senders))
            parts.append(rng.choice(senders, degree, replace=False))
            targets.append(np.full(degree, node))
        nothing = np.empty(0, dtype=np.int64)
        return Attached(Edges(np.concatenate([nothing, *parts]), np.concatenate([nothing, *targets])))


def random_sources(
    senders: NDArray[np.int64], degrees: NDArray[np.int64], own: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return for each node so many random sources, none twice and never itself.

    Args:
        senders: The sources to choose from, int64 [S].
        degrees: How many each node gets, at most those that are not itself, int64 [N].
        own: The source that each node is itself, -1 for none, int64 [N].
        rng: Where chance comes from.

    Returns:
        The sources, node after node, int64 [sum of degrees].
    """
    node = np.repeat(np.arange(len(degrees)), degrees)
    chosen = np.empty(len(node), dtype=np.int64)
    # Who hears from most of all draws a whole permutation; the others draw anew what came twice.
    dense = degrees * 2 > len(senders)
    begins = np.cumsum(degrees) - degrees
    for one in np.flatnonzero(dense):
        others = senders[senders != own[one]]
        chosen[begins[one] : begins[one] + degrees[one]] = rng.permutation(others)[: degrees[one]]
    open_places = np.flatnonzero(~dense[node])
    while len(open_places):
        chosen[open_places] = senders[rng.integers(len(senders), size=len(open_places))]
        order = np.lexsort((chosen, node))
        again = np.zeros(len(node), dtype=bool)
        again[order[1:]] = (np.diff(node[order]) == 0) & (np.diff(chosen[order]) == 0)
        open_places = np.flatnonzero(again | (chosen == own[node]))
    return chosen
