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
entities; its size is given. *ridge* is linear ridge regression in both directions (`linear_map`), *kernel
ridge* the same with a Gaussian kernel where that is better (`kernel_map`), both chosen on training pairs left
out of the fit; they and `cca` read the two modalities alone, and so do the *two towers* (`mlp`). `hetero_gat`
hears of neighbours as well ([what it sees](how_to/retrieval.md)). All trained entries but *no ridge* begin
with kernel ridge regression and add to it (`contrastive.ridge`).

Made by the command that stands at each case, with {versions}.
"""
_READING = """The entry that is compared with others is that of ours (*kernel ridge* and all that are
trained, as far as they were run) with the best mean reciprocal rank on validation, over both directions and
all seeds; test had no part in it. *Kernel ridge* reads no edge: where it was chosen, nothing here says that
the graph helps. *Ahead* means by more than the standard deviation of the difference, split
by split. The splits are drawn from the same entities, so that their test sets overlap and the deviation is a
little small.
"""


def render_page(
    results: Mapping[str, Found],
    *,
    directions: Mapping[str, tuple[str, str]],
    about: Mapping[str, str],
    rivals: Sequence[str],
    entries: Sequence[str],
) -> str:
    """Return the page as Markdown.

    Args:
        results: By case and entry the test metrics of each seed, and ``validation_mrr``.
        directions: The directions of each case.
        about: What is special about a case.
        rivals: The entries that ours are compared with, and chance.
        entries: All entries that there are.
    """
    seeds = sorted({len(trials) for found in results.values() for trials in found.values()})
    libraries = ("mmgraph", "torch", "torch-geometric", "scikit-learn")
    versions = ", ".join(
        [f"Python {platform.python_version()}"] + [f"{lib} {version(lib)}" for lib in libraries]
    )
    told = " or ".join(map(str, seeds))
    parts = [_INTRODUCTION.format(seeds=told, versions=versions), "## Is it ahead?\n"]
    parts += [f"- {verdict(case, found, directions[case], rivals)}" for case, found in results.items()]
    parts += ["", _READING]
    for case, found in results.items():
        parts += [_case(case, found, directions[case], about.get(case, "")), _command(case, found, entries)]
    return "\n".join(parts)


def chosen(found: Found, rivals: Sequence[str]) -> str:
    """Return the entry of ours that is best on validation."""
    ours = [name for name in found if name not in rivals]
    return max(ours, key=lambda name: statistics.fmean(trial["validation_mrr"] for trial in found[name]))


def against(found: Found, name: str, rival: str, metric: str) -> tuple[list[float], float]:
    """Return by how much an entry is ahead of another on each seed, and its mean over that of the other."""
    own, other = ([trial[metric] for trial in found[entry]] for entry in (name, rival))
    ahead = [a - b for a, b in zip(own, other, strict=True)]
    return ahead, statistics.fmean(own) / statistics.fmean(other)


def is_ahead(ahead: Sequence[float]) -> bool:
    """Return whether differences are above 0 by more than their spread."""
    return statistics.fmean(ahead) > (statistics.stdev(ahead) if len(ahead) > 1 else 0.0)


def verdict(case: str, found: Found, directions: tuple[str, str], rivals: Sequence[str]) -> str:
    """Return whether the entry that validation chose is ahead of its rivals, in a sentence."""
    name = chosen(found, rivals)
    told = [
        f"ahead of {rival}: {', '.join(_answer(found, name, rival, way) for way in directions)}"
        for rival in rivals
        if rival != "chance" and rival in found
    ]
    return f"{case}: validation chose *{name}*; {'; '.join(told)}."


def _answer(found: Found, name: str, rival: str, direction: str) -> str:
    """Return yes or no, and by how much."""
    ahead, times = against(found, name, rival, f"{direction}_mrr")
    won = f"{sum(gain > 0 for gain in ahead)} of {len(ahead)} splits"
    answer = "yes" if is_ahead(ahead) else "no"
    return f"`{direction}` {answer} ({mean_and_spread(ahead)}, {times:.2f} times, {won})"


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


def _command(case: str, found: Found, entries: Sequence[str]) -> str:
    """Return the command that makes what is there of a case."""
    words = ["python benchmarks/retrieval.py", "--source emoji=DIR --source countries=DIR"]
    words += ["--json retrieval.json --page docs/retrieval_results.md", f'--only "{case}"']
    words.append(f"--seeds {len(next(iter(found.values())))}")
    if set(found) != set(entries):
        words += [f'--entry "{name}"' for name in found if name not in ("chance", "ridge")]
    lines = " \\\n    ".join([*words[:5], " ".join(words[5:])] if words[5:] else words)
    return f"```bash\n{lines}\n```\n"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
