"""Several things at a time, in threads; the results are in order, whoever was first."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from mmgraph.errors import MMGraphError

T = TypeVar("T")
R = TypeVar("R")


def run_all(
    do: Callable[[T], R],
    items: Sequence[T],
    workers: int,
    needs: Callable[[T], Iterable[T]] = lambda item: (),  # noqa: ARG005
) -> list[R | MMGraphError]:
    """Do something with every item, also after it has failed with one.

    Args:
        do: What is done.
        items: The items.
        workers: How many at a time.
        needs: Returns those of the items before this one that must be done first.

    Returns:
        For each item the result, or the error of mmgraph that was raised.

    Example:
        >>> run_all(len, ["a", "bcd"], 2)
        [1, 3]
    """

    def attempt(item: T) -> R | MMGraphError:
        try:
            return do(item)
        except MMGraphError as error:
            return error

    if workers == 1:
        return [attempt(item) for item in items]
    futures: dict[int, Future[Any]] = {}

    def after(item: T, first: list[Future[Any]]) -> R | MMGraphError:
        wait(first)
        return attempt(item)

    # Threads take the items in their order, so that one that waits does not keep what it waits for waiting.
    with ThreadPoolExecutor(workers) as threads:
        for number, item in enumerate(items):
            first = [futures[items.index(need)] for need in needs(item)]
            # What is set for this thread, such as where models compute, goes for those that it starts.
            futures[number] = threads.submit(contextvars.copy_context().run, after, item, first)
        return [future.result() for future in futures.values()]
