"""The page that ``retrieval.py`` writes: ``docs/retrieval_results.md``."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from seeded import mean_and_spread

Found = Mapping[str, Sequence[Mapping[str, float]]]
"""By entry, the metrics of each seed."""

_SHOWN = ("mrr", "recall@1", "recall@10", "median_rank")
_INTRODUCTION = """# Results of retrieval

How well one modality finds another, on test entities that no training has seen: mean ± sample standard
deviation over {seeds} seeds, each of which draws split and weights anew. The gallery of a query is all test
entities; its size is given. *ridge* is ridge regression in both directions (`linear_map`), its strength
chosen on training pairs left out of the fit; it and `cca` read the two modalities alone, and so do the *two
towers* (`mlp`). `hetero_gat` hears of neighbours as well ([what it sees](how_to/retrieval.md)). All learnt
entries but *no linear maps* begin with ridge regression and add to it (`contrastive.linear_maps`).

Made by:

```bash
{command}
```

with {versions}.
"""
_READING = """The entry that is compared with ridge regression is the learnt one with the best mean reciprocal
rank on validation, over both directions and all seeds; test had no part in it. *Ahead* means by more than the
standard deviation of the difference, split by split. The splits are drawn from the same entities, so that
their test sets overlap and the deviation is a little small.
"""


def render_page(
    results: Mapping[str, Found],
    *,
    directions: Mapping[str, tuple[str, str]],
    about: Mapping[str, str],
    read_alone: Sequence[str],
    command: str,
) -> str:
    """Return the page as Markdown.

    Args:
        results: By case and entry the test metrics of each seed, and ``validation_mrr``.
        directions: The directions of each case.
        about: What is special about a case.
        read_alone: Entries that nothing is learnt of.
        command: The command that made the results.
    """
    seeds = sorted({len(trials) for found in results.values() for trials in found.values()})
    libraries = ("mmgraph", "torch", "torch-geometric", "scikit-learn")
    versions = ", ".join(
        [f"Python {platform.python_version()}"] + [f"{lib} {version(lib)}" for lib in libraries]
    )
    told = " or ".join(map(str, seeds))
    parts = [_INTRODUCTION.format(seeds=told, command=command, versions=versions), "## Is it ahead?\n"]
    parts += [f"- {verdict(case, found, directions[case], read_alone)}" for case, found in results.items()]
    parts += ["", _READING]
    for case, found in results.items():
        parts += [_case(case, found, directions[case], about.get(case, ""))]
    return "\n".join(parts)


def chosen(found: Found, read_alone: Sequence[str]) -> str:
    """Return the learnt entry that is best on validation."""
    learnt = [name for name in found if name not in read_alone]
    return max(learnt, key=lambda name: statistics.fmean(trial["validation_mrr"] for trial in found[name]))


def against_ridge(found: Found, name: str, metric: str) -> tuple[list[float], float]:
    """Return by how much an entry is ahead of ridge regression on each seed, and its mean over that of it."""
    own, other = ([trial[metric] for trial in found[entry]] for entry in (name, "ridge"))
    ahead = [a - b for a, b in zip(own, other, strict=True)]
    return ahead, statistics.fmean(own) / statistics.fmean(other)


def is_ahead(ahead: Sequence[float]) -> bool:
    """Return whether differences are above 0 by more than their spread."""
    return statistics.fmean(ahead) > (statistics.stdev(ahead) if len(ahead) > 1 else 0.0)


def verdict(case: str, found: Found, directions: tuple[str, str], read_alone: Sequence[str]) -> str:
    """Return whether the entry that validation chose is ahead of ridge regression, in a sentence."""
    name = chosen(found, read_alone)
    told = []
    for direction in directions:
        ahead, times = against_ridge(found, name, f"{direction}_mrr")
        won = f"{sum(gain > 0 for gain in ahead)} of {len(ahead)} splits"
        answer = "yes" if is_ahead(ahead) else "no"
        told.append(f"`{direction}` {answer} ({mean_and_spread(ahead)}, {times:.2f} times ridge, {won})")
    return f"{case}: validation chose *{name}*; ahead of ridge regression: {', '.join(told)}."


def _case(case: str, found: Found, directions: tuple[str, str], about: str) -> str:
    first = next(iter(found.values()))
    sizes = sorted({int(trial["gallery_size"]) for trial in first})
    gallery = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    lines = [f"## {case}", "", f"A gallery of {gallery}, {len(first)} seeds. {about}".rstrip(), ""]
    lines += [_row(["", "validation MRR", *(f"`{way}` {m}" for way in directions for m in _SHOWN)])]
    lines += [_row(["---"] * (2 + len(directions) * len(_SHOWN)))]
    for name, trials in found.items():
        keys = ["validation_mrr", *(f"{way}_{metric}" for way in directions for metric in _SHOWN)]
        cells = [
            mean_and_spread([trial[key] for trial in trials], 1 if key.endswith("rank") else 3)
            for key in keys
        ]
        lines.append(_row([name, *cells]))
    return "\n".join([*lines, ""])


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
