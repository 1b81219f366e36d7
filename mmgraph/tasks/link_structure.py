"""What the training links alone say of a pair: the paths between its ends, and the degree of its target.

Liben-Nowell and Kleinberg, "The link-prediction problem for social networks",
https://doi.org/10.1002/asi.20591; Adamic and Adar, "Friends and neighbors on the Web",
https://doi.org/10.1016/S0378-8733(03)00009-1.

Shapes: S sources, T targets, B pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from mmgraph.tasks.task_links import TaskLinks

Weigh = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]
"""From the degrees of nodes to what a path over each counts."""

_Values = npt.NDArray[np.float64]
_Numbers = npt.NDArray[np.int64]

_AT_ONCE = 1 << 22
"""How many entries products of matrices have at most, unless a single source has more: of 12 bytes each."""


def by_degree(degree: _Values) -> _Values:
    """Return 1 / log of degrees: hubs tell little, and nothing leads on from a node of one link.

    Example:
        >>> by_degree(np.array([1.0, np.e])).tolist()
        [0.0, 1.0]
    """
    return np.where(degree > 1, 1 / np.log(np.maximum(degree, 2)), 0)


class LinkStructure:
    """Paths between two nodes over training links, and degrees, as they are without the link between them.

    A path has two links between nodes of one type, whatever their direction, and three between two types. Its
    weight is the product of those of the nodes on the way. That the two are linked counts neither for a path
    nor for a degree: of a link that is asked for in training, they say what they would of one held out.

    Args:
        links: The links.
        weigh: The weights of nodes.

    Example:
        >>> import torch
        >>> ends = torch.tensor([0, 1, 1, 2, 0, 2]), torch.tensor([1, 0, 2, 1, 2, 0])  # a triangle
        >>> links = TaskLinks(("n", "to", "n"), 3, 3, *ends, np.array(["train"] * 6))
        >>> structure = LinkStructure(links, np.ones_like)
        >>> structure.paths(np.array([0]), np.array([1])), structure.degrees(np.array([0]), np.array([1]))
        (array([1.]), array([1.]))
    """

    def __init__(self, links: TaskLinks, weigh: Weigh) -> None:
        source, target = links.edge_index.numpy()
        shape = (links.num_source, links.num_target)
        self.adjacency = sp.csr_array((np.ones(len(source)), (source, target)), shape=shape)
        self._same_type = links.same_type
        self._degree: _Values = self.adjacency.sum(axis=0)
        if links.same_type:
            either = self.adjacency.maximum(self.adjacency.T)
            # A link to itself makes nobody a neighbour.
            either = (either - sp.diags_array(either.diagonal())).tocsr()
            self._first = either
            self._steps = [(sp.diags_array(weigh(either.sum(axis=0))) @ either).tocsr()]
            self._most = np.minimum(either @ either.sum(axis=1), links.num_target)
            return
        own, other = weigh(self.adjacency.sum(axis=1)), weigh(self._degree)
        # Their product would have an entry for each two targets of one source: it is made for those that ask.
        self._first = self.adjacency
        self._steps = [
            (sp.diags_array(other) @ self.adjacency.T).tocsr(),
            (sp.diags_array(own) @ self.adjacency).tocsr(),
        ]
        between = self.adjacency @ self._degree
        ends = self.adjacency @ (self.adjacency.T @ self.adjacency.sum(axis=1))
        self._most = np.maximum(np.minimum(between, links.num_source), np.minimum(ends, links.num_target))
        self._own, self._other = own, other
        # The weights of the neighbours of each node together.
        self._beside = self.adjacency @ other, self.adjacency.T @ own

    def paths(self, source: _Numbers, target: _Numbers) -> _Values:
        """Return the weights of the paths of each pair together, float64 [B].

        Args:
            source: int64 [B].
            target: int64 [B].
        """
        found = self._between(source, target)
        if self._same_type:
            return found
        # With three links, a path may go over the link itself, as its first one, its last one, or both.
        over = self._other[target] * self._beside[1][target] + self._own[source] * self._beside[0][source]
        both = self._own[source] * self._other[target]
        without: _Values = found - self._linked(source, target) * (over - both)
        return without

    def all_paths(self, source: _Numbers) -> _Values:
        """Return the weights of the paths from each source to every target, all links included, [S, T].

        Args:
            source: int64 [S].
        """
        found = np.empty((len(source), self.adjacency.shape[1]))
        for first, last in _blocks(self._most[source]):
            found[first:last] = self._over(source[first:last]).toarray()
        return found

    def degrees(self, source: _Numbers, target: _Numbers) -> _Values:
        """Return to how many other sources the target of each pair is linked, float64 [B].

        Args:
            source: int64 [B].
            target: int64 [B].
        """
        others: _Values = self._degree[target] - self._linked(source, target)
        return others

    def all_degrees(self) -> _Values:
        """Return to how many sources each target is linked, float64 [T]."""
        return self._degree

    def _between(self, source: _Numbers, target: _Numbers) -> _Values:
        """Return the weights of the paths of each pair, all links included, float64 [B]."""
        asked, place = np.unique(source, return_inverse=True)
        order, found = np.argsort(place, kind="stable"), np.empty(len(source))
        for first, last in _blocks(self._most[asked]):
            begin, end = np.searchsorted(place, [first, last], sorter=order)
            own = order[begin:end]
            found[own] = _pick(self._over(asked[first:last]), place[own] - first, target[own])
        return found

    def _over(self, source: _Numbers) -> sp.csr_array:
        """Return the weights of the paths from sources to every target, [S, T]."""
        paths = self._first[source]
        for step in self._steps:
            paths = paths @ step
        return paths

    def _linked(self, source: _Numbers, target: _Numbers) -> _Values:
        return _pick(self.adjacency, source, target)


def _blocks(entries: _Values) -> Iterator[tuple[int, int]]:
    """Yield from where to where rows are taken at once, given how many entries each has at most."""
    ends, first = np.cumsum(entries), 0
    while first < len(entries):
        before = ends[first - 1] if first else 0
        last = max(int(np.searchsorted(ends, before + _AT_ONCE, side="right")), first + 1)
        yield first, last
        first = last


def _pick(values: sp.csr_array, rows: _Numbers, columns: _Numbers) -> _Values:
    """Return some values of a matrix, float64 [B]."""
    # scipy sets flags of what it is given, which memory of a tensor's does not allow.
    picked: _Values = np.asarray(values[rows.copy(), columns.copy()]).ravel()
    return picked
