"""What the pages about results over seeds have in common: rows, versions, and who is ahead of whom."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version

from seeded import mean_and_spread

Found = Mapping[str, Sequence[Mapping[str, float]]]
"""By entry, the metrics of each seed."""


def row(cells: Iterable[str]) -> str:
    """Return a row of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def made_with(libraries: Iterable[str] = ("mmgraph", "torch", "torch-geometric", "scikit-learn")) -> str:
    """Return the versions of Python and of libraries, for a sentence."""
    return ", ".join(
        [f"Python {platform.python_version()}", *(f"{library} {version(library)}" for library in libraries)]
    )


def table(found: Found, columns: Mapping[str, str]) -> list[str]:
    """Return the lines of a table: an entry a row, the mean and the spread of a metric a column.

    Args:
        found: The metrics.
        columns: By metric, what stands above its column. Seeds that lack a metric are left out of its cell.
    """
    lines = [row(["", *columns.values()]), row(["---"] * (1 + len(columns)))]
    for name, trials in found.items():
        values = {metric: [trial[metric] for trial in trials if metric in trial] for metric in columns}
        lines.append(row([name, *(_cell(metric, of_seeds) for metric, of_seeds in values.items())]))
    return lines


def _cell(metric: str, values: Sequence[float]) -> str:
    """Return mean and spread, ranks with one digit; of no values nothing."""
    return mean_and_spread(values, 1 if metric.endswith("rank") else 3) if values else ""


def best_by(found: Found, entries: Iterable[str], metric: str) -> list[str]:
    """Return which of some entries has the best mean of a metric, as far as they were run: none or one."""
    ran = [name for name in entries if name in found]
    return sorted(ran, key=lambda name: -statistics.fmean(trial[metric] for trial in found[name]))[:1]


def against(found: Found, name: str, rival: str, metric: str) -> tuple[list[float], float]:
    """Return by how much an entry is ahead of another on each seed, and its mean over that of the other."""
    own, other = ([trial[metric] for trial in found[entry]] for entry in (name, rival))
    ahead = [a - b for a, b in zip(own, other, strict=True)]
    return ahead, statistics.fmean(own) / statistics.fmean(other)


def is_ahead(ahead: Sequence[float]) -> bool:
    """Return whether differences are above 0 by more than their spread."""
    return statistics.fmean(ahead) > (statistics.stdev(ahead) if len(ahead) > 1 else 0.0)


def answer(ahead: Sequence[float]) -> str:
    """Return yes or no, by how much, and how often.

    Example:
        >>> answer([0.25, 0.5])
        'yes (0.375 ± 0.177, 2 of 2)'
    """
    won = f"{sum(gain > 0 for gain in ahead)} of {len(ahead)}"
    return f"{'yes' if is_ahead(ahead) else 'no'} ({mean_and_spread(ahead)}, {won})"


def left_out(cases: Iterable[str], found: Iterable[str]) -> list[str]:
    """Return the lines that name the cases which nobody has run yet, where there are some.

    Example:
        >>> left_out(["a", "b", "c"], ["b"])
        ['Not run yet: `a`, `c`.', '']
    """
    missing = [f"`{case}`" for case in cases if case not in set(found)]
    return [f"Not run yet: {', '.join(missing)}.", ""] if missing else []


def command(words: Sequence[str], options: Sequence[str] = ()) -> str:
    """Return a command in Markdown, a word a line, the options together on the last."""
    lines = [*words, *([" ".join(options)] if options else [])]
    return "```bash\n" + " \\\n    ".join(lines) + "\n```\n"
