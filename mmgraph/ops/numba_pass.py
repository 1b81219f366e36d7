"""The jobs of one pass over all relations, shared out to threads by rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from mmgraph.ops.fused_attention import Spec
from mmgraph.worker_threads import balanced_rows, run_together, useful_threads

_Job = Callable[[int, int, int], None]
"""One relation's kernel, called with the number of a part and its first and last row."""


class Pass:
    """The jobs of all relations, of which those that write to the same tensor cut its rows alike.

    Args:
        spec: The call.
        batch: The numbers of the tasks.
        parts: Into how many parts rows are cut; as many as there are threads if None.
    """

    def __init__(self, spec: Spec, batch: Iterable[int], parts: int | None = None) -> None:
        edges = [spec.tasks[number].edges.num_edges for number in batch]
        # Between one job and the next, threads wait for each other's turn in Python.
        mean = sum(edges) * spec.heads * spec.width // max(len(edges), 1)
        self._threads = useful_threads(mean)
        self._parts = parts or self._threads
        self._groups: dict[int, list[tuple[Any, _Job]]] = {}

    def add(self, owner: int, pointer: Any, kernel: Any, *arguments: Any, places: Sequence[Any] = ()) -> None:
        """Plan a job that writes to the rows that ``pointer`` counts the edges of, of this owner.

        Args:
            owner: What it writes to.
            pointer: Where each row's edges begin and end.
            kernel: What is called with the first row, the row after the last, and the arguments.
            *arguments: All others.
            places: A last argument, of which each part gets its own.
        """

        def job(part: int, begin: int, end: int) -> None:
            own = [places[min(part, len(places) - 1)]] if places else []
            kernel(begin, end, *arguments, *own)

        self._groups.setdefault(owner, []).append((pointer, job))

    def run(self) -> None:
        """Do all jobs, those of one owner in the order in which they came."""
        cut = [
            (balanced_rows([pointer for pointer, _ in jobs], self._parts), [job for _, job in jobs])
            for jobs in self._groups.values()
        ]

        def work(thread: int) -> None:
            first, last = (self._parts * t // self._threads for t in (thread, thread + 1))
            for rows, jobs in cut:
                for part in range(first, last):
                    for job in jobs:
                        job(part, rows[part], rows[part + 1])

        run_together([partial(work, thread) for thread in range(self._threads)])
