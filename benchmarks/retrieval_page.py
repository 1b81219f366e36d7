"""The page that ``retrieval.py`` writes: ``docs/retrieval_results.md``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seeded_page import Found, against, answer, best_by, command, made_with, row, table

_SHOWN = ("mrr", "recall@1", "recall@10", "median_rank")
_INTRODUCTION = """# Results of retrieval

How well one modality finds another, on test entities that no training has seen: mean ± sample standard
deviation over {seeds} seeds, each of which draws split and weights anew. The gallery of a query is all test
entities; its size is given. *ridge* is linear ridge regression in both directions (`linear_map`), *kernel
ridge* the same with a Gaussian kernel where that is better (`kernel_map`), *closed form* a mean of that and
of canonical correlations (`closed_form`), all chosen on training pairs left out of the fit; they and `cca`,
which is chosen on validation, read the two modalities alone, and so do the *two towers* (`mlp`).
`hetero_gat` hears of neighbours as well ([what it sees](how_to/retrieval.md)). All trained entries but *no
ridge* begin with the closed form and add to it (`contrastive.ridge`).

Made by the command that stands at each case, with {versions}.
"""
_READING = """Each is judged by itself: *kernel ridge* and *closed form*, which read no edge, and of those
that are trained, as far as they were run, the one with the best mean reciprocal rank on validation, over
both directions and all seeds; test had no part in it. All are held against *ridge* and *cca*, and what is
trained against the other two as well: where it is not ahead of these, nothing here says that training, or
the graph, helps. *Ahead* means by more than the standard deviation of the difference, split by split,
beside which stands on how many splits it was ahead at all. The splits are drawn from the same entities, so
that their test sets overlap and the deviation is a little small.

The settings of *closed form* are chosen on training pairs, but its form was not: of several variants that
were tried on the first five splits of *countries*, it was kept with their test figures in sight. *New
splits* are others, on which it was run once, after that.
"""


def render_page(
    results: Mapping[str, Found],
    *,
    directions: Mapping[str, tuple[str, str]],
    about: Mapping[str, str],
    rivals: Sequence[str],
    closed: Sequence[str],
    entries: Sequence[str],
) -> str:
    """Return the page as Markdown.

    Args:
        results: By case and entry the test metrics of each seed, and ``validation_mrr``.
        directions: The directions of each case.
        about: What is special about a case.
        rivals: The entries that ours are compared with, and chance.
        closed: Those of ours that are fitted in closed form.
        entries: All entries that there are.
    """
    seeds = sorted({len(trials) for found in results.values() for trials in found.values()})
    told = " or ".join(map(str, seeds))
    parts = [_INTRODUCTION.format(seeds=told, versions=made_with()), "## Is it ahead?\n"]
    others = [name for name in (*rivals, *closed) if name != "chance"]
    parts += [row(["", "of ours", "", *(f"ahead of {name}" for name in others)])]
    parts += [row(["---"] * (3 + len(others)))]
    for case, found in results.items():
        parts += [row([case, *cells]) for cells in verdict(found, directions[case], rivals, closed)]
    parts += ["", _READING]
    for case, found in results.items():
        parts += [_case(case, found, directions[case], about.get(case, ""))]
        parts += [_command(case, found, entries, rivals)]
    return "\n".join(parts)


def judged(found: Found, rivals: Sequence[str], closed: Sequence[str]) -> list[str]:
    """Return which of ours are judged: those in closed form, and what is trained and best on validation."""
    trained = [name for name in found if name not in (*rivals, *closed)]
    return [*(name for name in closed if name in found), *best_by(found, trained, "validation_mrr")]


def opponents(found: Found, name: str, rivals: Sequence[str], closed: Sequence[str]) -> list[str]:
    """Return what an entry should be ahead of: all that read less, as far as they were run."""
    less = [*rivals, *(() if name in closed else closed)]
    return [rival for rival in less if rival != "chance" and rival in found]


def verdict(
    found: Found, directions: tuple[str, str], rivals: Sequence[str], closed: Sequence[str]
) -> list[list[str]]:
    """Return whether each entry that is judged is ahead of what reads less, a row for each direction.

    Returns:
        The entry, the direction, and an answer for each of the rivals and of what is fitted in closed form,
        empty where the entry is not held against it.
    """
    ours, lines = judged(found, rivals, closed), []
    others = [name for name in (*rivals, *closed) if name != "chance"]
    for name in ours:
        who = name if name in closed else f"{name}, chosen by validation"
        against_these = opponents(found, name, rivals, closed)
        for way in directions:
            answers = [_answer(found, name, rival, way) if rival in against_these else "" for rival in others]
            lines.append([who, f"`{way}`", *answers])
    return (
        lines
        if set(ours) - {*closed}
        else [*lines, ["nothing that is trained was run", *[""] * (1 + len(others))]]
    )


def _answer(found: Found, name: str, rival: str, direction: str) -> str:
    """Return yes or no, by how much, how many times its value, and on how many of the splits."""
    ahead, times = against(found, name, rival, f"{direction}_mrr")
    return f"{answer(ahead)[:-1]}, {times:.2f} times)"


def _case(case: str, found: Found, directions: tuple[str, str], about: str) -> str:
    first = next(iter(found.values()))
    sizes = sorted({int(trial["gallery_size"]) for trial in first})
    gallery = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    lines = [f"## {case}", "", f"A gallery of {gallery}, {len(first)} seeds. {about}".rstrip(), ""]
    columns = {"validation_mrr": "validation MRR"}
    columns |= {f"{way}_{metric}": f"`{way}` {metric}" for way in directions for metric in _SHOWN}
    return "\n".join([*lines, *table(found, columns), ""])


def _command(case: str, found: Found, entries: Sequence[str], rivals: Sequence[str]) -> str:
    """Return the command that makes what is there of a case."""
    words = ["python benchmarks/retrieval.py", "--source emoji=DIR --source countries=DIR"]
    words += ["--json retrieval.json --page docs/retrieval_results.md", f'--only "{case}"']
    words.append(f"--seeds {len(next(iter(found.values())))}")
    every = set(found) == set(entries)
    return command(words, () if every else [f'--entry "{name}"' for name in found if name not in rivals])
