"""The page that ``pretraining.py`` writes: ``docs/pretraining_results.md``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seeded_page import Found, against, answer, command, left_out, made_with, table

_LABELS = " labels"
_INTRODUCTION = """# Results of pre-training

What [pre-training](how_to/pretraining.md) gives where labels are few: test accuracy of `{model}`, mean ±
sample standard deviation over seeds, each of which draws the split, the weights and the labels anew. The
model is pre-trained without labels by the objectives that are the default, which ask for training entities
and see the others as their neighbours; then it is trained on a share of the training labels, of each class
at least one. Validation keeps all its labels, and chooses the epoch: where there are next to no labels,
that is kinder than life, to all ways alike.

| | begins with | what is trained |
| --- | --- | --- |
| scratch | fresh weights | all |
| full | what was learnt | all |
| frozen | what was learnt | the head, and what a new graph adds |
| linear_probe | what was learnt | the head, on states without dropout |
| random probe | fresh weights | the head, on states without dropout: a control |

Made by the command that stands at each case, with {versions}.
"""
_READING = """*Yes* means ahead by more than the standard deviation of the difference, seed by seed; beside
it stands how often it was ahead at all. *linear_probe* is held against *random probe*, since both train as
little: what it is ahead, the states tell by what they have learnt. Splits are drawn from the same entities,
so that the deviation is a little small.
"""


def shares_of(found: Found) -> list[str]:
    """Return the shares of the labels, the fewest first, as the metrics name them."""
    return [name for name in next(iter(found.values()))[0] if not name.endswith(_LABELS)]


def render_page(
    results: Mapping[str, Found],
    cases: Sequence[str],
    model: str,
    rivals: Mapping[str, str],
    libraries: Sequence[str],
) -> str:
    """Return the page as Markdown.

    Args:
        results: By case and way of training the test metric and the number of labels by share, of each seed.
        cases: All cases that there are.
        model: The model.
        rivals: By way what it is held against.
        libraries: Whose versions are told.
    """
    parts = [_INTRODUCTION.format(model=model, versions=made_with(libraries)), "## Does it help?\n"]
    for case, found in results.items():
        parts += [f"- {line}" for line in _verdict(case, found, rivals)]
    parts += ["", *left_out(cases, results), _READING]
    for case, found in results.items():
        seeds = len(next(iter(found.values())))
        columns = {share: f"{share}: {_labels(found, share)} labels" for share in shares_of(found)}
        parts += [f"## {case}", "", f"{seeds} seeds.", "", *table(found, columns), ""]
        words = ["python benchmarks/pretraining.py", "--source emoji=DIR --source countries=DIR"]
        words += ["--json pretraining.json --page docs/pretraining_results.md"]
        parts.append(command([*words, f'--only "{case}" --seeds {seeds}']))
    return "\n".join(parts)


def _labels(found: Found, share: str) -> str:
    counts = sorted({int(trial[f"{share}{_LABELS}"]) for trials in found.values() for trial in trials})
    return f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def _verdict(case: str, found: Found, rivals: Mapping[str, str]) -> list[str]:
    """Return for each way whether it is ahead of its rival, share by share."""
    return [
        f"`{case}`: *{way}* ahead of *{rival}*: "
        + ", ".join(f"{share} {answer(against(found, way, rival, share)[0])}" for share in shares_of(found))
        + "."
        for way, rival in rivals.items()
        if way in found and rival in found
    ]
