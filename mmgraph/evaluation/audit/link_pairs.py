"""Held-out links, and as many couples that are not linked, to see what tells the ones from the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmgraph.evaluation.audit.ranks import FEWEST
from mmgraph.evaluation.audit.subject import CannotLookError, Subject
from mmgraph.evenly import evenly

_MOST = 2_000
"""How many links are looked at at most."""


@dataclass(frozen=True, eq=False)
class LinkPairs:
    """Couples of nodes.

    Args:
        source: int64 [L].
        target: int64 [L], linked to the sources.
        other: int64 [L], nodes that other links lead to and that are not known to be linked to these sources.
    """

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    other: NDArray[np.int64]


def link_pairs(subject: Subject) -> LinkPairs:
    """Return held-out links, each beside a couple of the same source that is not linked.

    Raises:
        CannotLookError: If there are too few.
    """
    links = subject.link_prediction.links
    asked = np.flatnonzero(np.isin(links.part, subject.parts))
    asked = asked[evenly(len(asked), _MOST)]
    source, target = links.source.numpy(), links.target.numpy()
    linked = np.unique(source * links.num_target + target)
    other = np.random.default_rng(0).permutation(target[asked])
    clash = np.isin(source[asked] * links.num_target + other, linked)
    if links.same_type:
        clash |= np.isin(other * links.num_target + source[asked], linked) | (other == source[asked])
    asked, other = asked[~clash], other[~clash]
    if len(asked) < FEWEST:
        raise CannotLookError(f"fewer than {FEWEST} links are held out that have couples beside them")
    return LinkPairs(source[asked], target[asked], other)
