"""The loops that sort edges by counting, compiled at first use and kept on disk."""

from __future__ import annotations

from numba import njit


@njit(nogil=True, cache=True)
def place(keys, after, pointer, order):  # type: ignore[no-untyped-def]
    """Write the order that sorts elements by a key, those of one key in the order ``after``.

    Args:
        keys: The key of each element, [E].
        after: An order of the elements, [E]; [0] for that in which they stand.
        pointer: Zeros, [K + 1]; room for where the elements of each key begin.
        order: Where the result goes, [E].
    """
    for key in keys:
        pointer[key + 1] += 1
    for key in range(1, len(pointer)):
        pointer[key] += pointer[key - 1]
    for rank in range(len(keys)):
        element = after[rank] if len(after) else rank
        key = keys[element]
        order[pointer[key]] = element
        pointer[key] += 1


@njit(nogil=True, cache=True)
def sort_pairs(source, target, first, pointer, between, sources, targets):  # type: ignore[no-untyped-def]
    """Write edges in the order of (target, source).

    Args:
        source: The source of each edge, [E].
        target: The target of each edge, [E].
        first: Zeros, [S + 1]; room for where the edges of each source begin.
        pointer: Zeros, [N + 1]; the same for targets.
        between: Room for the targets in the order of the sources, [E].
        sources: Where the sources go, [E].
        targets: Where the targets go, [E].
    """
    for e in range(len(source)):
        first[source[e] + 1] += 1
        pointer[target[e] + 1] += 1
    for node in range(1, len(first)):
        first[node] += first[node - 1]
    for node in range(1, len(pointer)):
        pointer[node] += pointer[node - 1]
    for e in range(len(source)):
        node = source[e]
        between[first[node]] = target[e]
        first[node] += 1
    # Each entry now is where the edges of the node end.
    begin = 0
    for node in range(len(first) - 1):
        for e in range(begin, first[node]):
            sources[pointer[between[e]]] = node
            pointer[between[e]] += 1
        begin = first[node]
    begin = 0
    for node in range(len(pointer) - 1):
        for e in range(begin, pointer[node]):
            targets[e] = node
        begin = pointer[node]
