"""The one way to report progress: a bar on a terminal, plain lines otherwise, nothing when quiet."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress
from rich.text import Text


class Progress:
    """Says on standard error what is going on. Standard output stays free for results.

    Args:
        quiet: Say nothing.
        every: Seconds between two lines of one job where there is no terminal.

    Example:
        >>> progress = Progress(quiet=True)
        >>> with progress.job("count", total=3) as advance:
        ...     for _ in range(3):
        ...         advance(1)
    """

    def __init__(self, *, quiet: bool = False, every: float = 5.0) -> None:
        self.quiet = quiet
        self._every = every
        self._bar_shown = threading.Lock()
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """Say one line."""
        if not self.quiet:
            self._console.print(text, markup=False)

    @contextlib.contextmanager
    def job(self, name: str, total: int | None = None) -> Iterator[Advance]:
        """Yield a function to call with the number of steps done, and optionally a note."""
        if self.quiet:
            yield Advance()
        elif self._console.is_terminal and not self._bar_shown.acquire(blocking=False):
            # Another thread shows its bar, and a terminal has room for one.
            yield Advance()
        elif self._console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                _RateColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
            )
            try:
                with RichProgress(*columns, console=self._console, transient=True) as bar:
                    yield _BarAdvance(bar, name, total)
            finally:
                self._bar_shown.release()
        else:
            plain = _PlainAdvance(name, total, self._every)
            yield plain
            plain.end()


class _RateColumn(ProgressColumn):
    """How many steps are done in a second."""

    def render(self, task: Task) -> Text:
        """Return the rate of a job; nothing before it is known."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else _rate(speed))


def _rate(steps: float) -> str:
    """Return a rate, in steps a second."""
    return f"{steps:,.0f}/s" if steps >= 10 else f"{steps:.2g}/s"


class Advance:
    """Counts steps; this one tells nobody."""

    def __call__(self, steps: int = 1, note: str = "") -> None:
        """Note that ``steps`` more steps are done."""


class _BarAdvance(Advance):
    def __init__(self, bar: RichProgress, name: str, total: int | None) -> None:
        self._bar = bar
        self._task = bar.add_task(name, total=total, note="")

    def __call__(self, steps: int = 1, note: str = "") -> None:
        self._bar.update(self._task, advance=steps, note=note)


class _PlainAdvance(Advance):
    def __init__(self, name: str, total: int | None, every: float) -> None:
        self._name, self._total, self._every = name, total, every
        self._done, self._said, self._note = 0, -1, ""
        self._start = self._last = time.monotonic()

    def __call__(self, steps: int = 1, note: str = "") -> None:
        self._done += steps
        self._note = note or self._note
        if time.monotonic() - self._last >= self._every:
            self._last = time.monotonic()
            self._line()

    def end(self) -> None:
        if self._said != self._done:
            self._line()

    def _ahead(self, seconds: float) -> str:
        """Return the rate and the time that is left, while there is work left."""
        if self._total is None or not 0 < self._done < self._total or seconds <= 0:
            return ""
        rate = self._done / seconds
        return f"  {_rate(rate)}, {(self._total - self._done) / rate:.0f}s left"

    def _line(self) -> None:
        self._said = self._done
        of = f"/{self._total:,}" if self._total is not None else ""
        seconds = time.monotonic() - self._start
        note = f"  {self._note}" if self._note else ""
        sys.stderr.write(f"{self._name}: {self._done:,}{of}  {seconds:.1f}s{self._ahead(seconds)}{note}\n")
        sys.stderr.flush()
