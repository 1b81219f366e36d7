"""Where the workers of a cluster leave word for the one who started them: progress, and why they end."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

from mmgraph.progress import Advance, Progress

# How long steps are counted before they are told.
_EVERY = 0.5

Word = tuple[Any, ...]
"""``say`` and a line; ``begin``, ``advance`` or ``end`` and a job; ``anew`` by those who take over."""


class Desk:
    """What workers tell, until it is asked for; an actor of the cluster.

    Example:
        >>> desk = Desk()
        >>> desk.begin(), desk.begin()
        (0, 1)
        >>> desk.end(None), desk.begin()
        (None, None)
    """

    def __init__(self) -> None:
        self._begun = 0
        self._ended = False
        self._failure: BaseException | None = None
        self._words: list[Word] = []
        self._workers: list[Any] = []

    def begin(self) -> int | None:
        """Return how many groups of workers have begun before this one; nothing if it need not begin."""
        if self._ended:
            return None
        self._begun += 1
        return self._begun - 1

    def come(self, worker: Any) -> None:
        """Note a worker, so that it can be ended."""
        self._workers.append(worker)

    def tell(self, *word: Any) -> None:
        """Leave word."""
        self._words.append(word)

    def end(self, failure: BaseException | None) -> None:
        """Let no further group begin, since a failure would come again, or somebody has had enough."""
        self._ended = True
        self._failure = self._failure or failure

    def failure(self) -> BaseException | None:
        """Return the first failure that would come again."""
        return self._failure

    def workers(self) -> list[Any]:
        """Return all workers that have come."""
        return self._workers

    def collect(self) -> list[Word]:
        """Return what was told since the last time."""
        words, self._words = self._words, []
        return words


class ToldProgress(Progress):
    """Progress that is told to somebody else, who shows it by :class:`ShownProgress`.

    Args:
        tell: Takes a word.
        quiet: Tell nothing.
    """

    def __init__(self, tell: Callable[..., object], *, quiet: bool = False) -> None:
        super().__init__(quiet=quiet)
        self._tell = tell
        self._jobs = itertools.count()

    def say(self, text: str) -> None:
        """Tell one line."""
        if not self.quiet:
            self._tell("say", text)

    @contextlib.contextmanager
    def job(self, name: str, total: int | None = None) -> Iterator[Advance]:
        """Yield a function to call with the number of steps done, and optionally a note."""
        if self.quiet:
            yield Advance()
            return
        job = next(self._jobs)
        self._tell("begin", job, name, total)
        advance = _ToldAdvance(self._tell, job)
        try:
            yield advance
        finally:
            advance.tell()
            self._tell("end", job)


class _ToldAdvance(Advance):
    def __init__(self, tell: Callable[..., object], job: int) -> None:
        self._tell, self._job = tell, job
        self._steps, self._note = 0, ""
        self._last = time.monotonic()

    def __call__(self, steps: int = 1, note: str = "") -> None:
        self._steps += steps
        self._note = note or self._note
        if time.monotonic() - self._last >= _EVERY:
            self.tell()

    def tell(self) -> None:
        self._tell("advance", self._job, self._steps, self._note)
        self._steps, self._last = 0, time.monotonic()


class ShownProgress:
    """Shows what :class:`ToldProgress` tells.

    Args:
        progress: Where to show it.

    Example:
        >>> shown = ShownProgress(Progress(quiet=True))
        >>> for word in [("begin", 0, "train", 3), ("advance", 0, 2, ""), ("say", "note"), ("end", 0)]:
        ...     shown.show(word)
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._jobs: dict[int, tuple[contextlib.ExitStack, Advance]] = {}

    def show(self, word: Word) -> None:
        """Show one word."""
        kind, *rest = word
        if kind == "say":
            self._progress.say(*rest)
        elif kind == "begin":
            job, name, total = rest
            stack = contextlib.ExitStack()
            self._jobs[job] = stack, stack.enter_context(self._progress.job(name, total))
        elif kind == "advance":
            job, steps, note = rest
            self._jobs[job][1](steps, note)
        elif kind == "end":
            self._jobs.pop(rest[0])[0].close()
        else:
            self.end()

    def end(self) -> None:
        """End the jobs whose workers have not come to it."""
        while self._jobs:
            self._jobs.popitem()[1][0].close()
