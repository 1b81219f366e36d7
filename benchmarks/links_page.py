"""The page that ``links.py`` writes: ``docs/links_results.md``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seeded_page import Found, against, answer, best_by, command, left_out, made_with, table

_COLUMNS = {
    "validation_mrr": "validation MRR",
    "mrr": "mrr",
    "hits@1": "hits@1",
    "hits@10": "hits@10",
    "ndcg@10": "ndcg@10",
    "auroc": "auroc",
    "cold_start_mrr": "cold_start_mrr",
}
_INTRODUCTION = """# Results of link prediction

How well held-out links are found ([how they are asked for](how_to/links.md#what-is-measured)): mean ±
sample standard deviation over seeds, each of which holds out other links and draws other weights.
*Popularity*, *common neighbours*, *Adamic-Adar* and *matrix factorisation* read the training links of the
relation alone, `mlp` the modalities of both ends and no edge. `hetero_sage` reads the graph; with
*structure* (`links.structure`) it counts the paths between both ends as well, and with *shuffled edges*
every relation's targets are permuted, as a control. *Cold starts* are links with an end that has no
training link, where a split has some.

Made by the command that stands at each case, with {versions}.
"""
_READING = """Of the variants of `hetero_sage`, the one with the best mean reciprocal rank on validation
over all seeds is held against what reads less; test had no part in the choice. *Ahead* means by more than
the standard deviation of the difference, seed by seed, beside which stands how often it was ahead at all.
Seeds hold out links of the same relation, so that the deviation is a little small. Where a model is not
ahead of itself with shuffled edges, its neighbours have told it nothing, whatever else it is ahead of; the
paths that *structure* counts are not put to this test.
"""


def render_page(
    results: Mapping[str, Found],
    cases: Sequence[str],
    *,
    baselines: Sequence[str],
    ours: Sequence[str],
    controls: Mapping[str, str],
    trained: Sequence[str],
) -> str:
    """Return the page as Markdown.

    Args:
        results: By case and entry the test metrics of each seed, and ``validation_mrr``.
        cases: All cases that there are.
        baselines: The entries that ours are held against.
        ours: The entries of which validation chooses one.
        controls: By entry, the one that is the same with shuffled edges.
        trained: All entries that are trained, which a command names where not all were run.
    """
    parts = [_INTRODUCTION.format(versions=made_with()), "## Is it ahead?\n"]
    parts += [
        f"- {line}"
        for case, found in results.items()
        for line in _verdict(case, found, baselines, ours, controls)
    ]
    parts += ["", *left_out(cases, results), _READING]
    for case, found in results.items():
        seeds = len(next(iter(found.values())))
        parts += [f"## {case}", "", f"{seeds} seeds.", "", *table(found, _COLUMNS), ""]
        words = ["python benchmarks/links.py", "--source emoji=DIR --source countries=DIR"]
        words += ["--json links.json --page docs/links_results.md", f'--only "{case}" --seeds {seeds}']
        every = set(trained) <= set(found)
        named = () if every else [f'--entry "{name}"' for name in trained if name in found]
        parts.append(command(words, named))
    return "\n".join(parts)


def chosen(found: Found, ours: Sequence[str]) -> list[str]:
    """Return which of ours is judged: the best on validation, as far as they were run."""
    return best_by(found, ours, "validation_mrr")


def _verdict(
    case: str,
    found: Found,
    baselines: Sequence[str],
    ours: Sequence[str],
    controls: Mapping[str, str],
) -> list[str]:
    """Return whether what validation chose is ahead of each that reads less, and who of their own control."""
    return [
        f"`{case}`: validation chose *{name}*; ahead of "
        + ", ".join(
            f"{rival} {answer(against(found, name, rival, 'mrr')[0])}"
            for rival in baselines
            if rival in found
        )
        + "."
        for name in chosen(found, ours)
    ] + [
        f"`{case}`, the control: *{name}* ahead of itself with shuffled edges "
        f"{answer(against(found, name, shuffled, 'mrr')[0])}."
        for name, shuffled in controls.items()
        if name in found and shuffled in found
    ]
