"""The page that ``quality.py`` writes: ``docs/results.md``."""

from __future__ import annotations

import platform
import statistics
from importlib.metadata import version
from typing import Any

_NAMES = {"linear": "linear (scikit-learn)"}
COMPARISONS = "## As `mmgraph compare` tells it"
_INTRODUCTION = """# Results

Test metrics on real data, mean ± sample standard deviation over {seeds} seeds. A seed draws the split and
the weights anew; all models share the split. *Linear* is scikit-learn's logistic regression (accuracy) or
ridge regression (R²) on the concatenated features, with regularisation chosen on validation. Each of our
models had the same search: {grid} settings on the split of seed 0, the best on validation kept for all seeds.
The controls take the setting of `hetero_gat`. The defaults that the search starts from were found while
mmgraph was made, on splits of the same datasets.

Made by:

```bash
{command}
```

with {versions}.
"""

_READING = """Ahead and behind mean by more than the standard deviation of the difference, split by split. The
splits are drawn from the same entities, so that their test sets overlap and the deviation is a little small;
the next table also counts the splits that `hetero_gat` wins. `mmgraph compare --splits` counts what splits
have in common and how many comparisons there are: what wins here by little may be called level there.
"""
_REMEDIES = """## What else was tried

Where `hetero_gat` does not beat the linear model, it was given more settings, beside those that validation
chose. The last column is the difference to the linear model, split by split. No remedy was picked on
validation, so that the best of them is a little flattered.
"""
_NEIGHBOURS = """Other neighbours do more than other settings: the cases with MiniLM change the encoder of the
texts, for the neighbours alone or for the features as well.
"""


def kept_end(page: str) -> str:
    """Return what of an earlier page this script did not write: all from the comparisons on."""
    _, heading, end = page.partition(COMPARISONS)
    return f"\n{heading}{end}" if heading else ""


def render_page(results: dict[str, Any], *, grid: int, command: str) -> str:
    """Return the page as Markdown.

    Args:
        results: What ``quality.py --json`` holds.
        grid: How many settings each model tried.
        command: The command that made the results.
    """
    (seeds,) = {len(result["trials"]) for result in results.values()}
    libraries = ("mmgraph", "torch", "torch-geometric", "scikit-learn")
    versions = ", ".join(
        [f"Python {platform.python_version()}"] + [f"{lib} {version(lib)}" for lib in libraries]
    )
    parts = [_INTRODUCTION.format(seeds=seeds, grid=grid, command=command, versions=versions)]
    parts += [_table(results), _findings(results), _gains(results), _remedies(results), _settings(results)]
    return "\n".join(parts)


def _table(results: dict[str, Any]) -> str:
    names = list(next(iter(results.values()))["trials"][0])
    lines = ["## Test metrics", "", _row(["task", "metric", *(_NAMES.get(name, name) for name in names)])]
    lines.append(_row(["---"] * (len(names) + 2)))
    for key, result in results.items():
        trials = result["trials"]
        cells = [_mean([trial[name]["test"] for trial in trials]) for name in names]
        lines.append(_row([f"`{key}`", trials[0]["linear"]["metric"], *cells]))
    return "\n".join([*lines, ""])


def _findings(results: dict[str, Any]) -> str:
    lines = ["## Does the graph help?", ""]
    for key, result in results.items():
        gains = {name: _gain(result, name) for name in result["trials"][0] if name != "hetero_gat"}
        ahead = [name for name, (mean, spread) in gains.items() if mean > spread]
        behind = [name for name, (mean, spread) in gains.items() if -mean > spread]
        level = [name for name in gains if name not in ahead + behind]
        says = [
            f"{text} {_join(names)}"
            for text, names in (("ahead of", ahead), ("level with", level), ("behind", behind))
            if names
        ]
        lines.append(f"- `{key}`: `hetero_gat` is {'; '.join(says)}.{_goal(result)}")
    lines += ["", _READING]
    return "\n".join(lines)


def _goal(result: dict[str, Any]) -> str:
    if result["goal"] is None:
        return ""
    mean = statistics.fmean(trial["hetero_gat"]["test"] for trial in result["trials"])
    return (
        f" Its goal was {result['goal']:.2f}, which it {'reaches' if mean >= result['goal'] else 'misses'}."
    )


def _gain(result: dict[str, Any], rival: str) -> tuple[float, float]:
    gains = [trial["hetero_gat"]["test"] - trial[rival]["test"] for trial in result["trials"]]
    return statistics.fmean(gains), statistics.stdev(gains) if len(gains) > 1 else 0.0


def _join(names: list[str]) -> str:
    shown = [
        _NAMES.get(name, name.replace("hetero_gat", "itself with").replace("with,", "with")) for name in names
    ]
    return ", ".join(shown[:-1]) + f" and {shown[-1]}" if len(shown) > 1 else shown[0]


def _gains(results: dict[str, Any]) -> str:
    rivals = [name for name in next(iter(results.values()))["trials"][0] if name != "hetero_gat"]
    lines = ["## `hetero_gat` against the others, split by split", ""]
    lines += [
        "The mean of the difference ± its standard deviation, and how many splits `hetero_gat` wins.",
        "",
    ]
    lines += [_row(["task", *(_NAMES.get(name, name) for name in rivals)]), _row(["---"] * (len(rivals) + 1))]
    for key, result in results.items():
        cells = [
            _paired([trial["hetero_gat"]["test"] - trial[name]["test"] for trial in result["trials"]])
            for name in rivals
        ]
        lines.append(_row([f"`{key}`", *cells]))
    return "\n".join([*lines, ""])


def _remedies(results: dict[str, Any]) -> str:
    tried = {key: result for key, result in results.items() if result["remedies"]}
    if not tried:
        return ""
    lines = [_REMEDIES]
    lines += [_row(["task", "remedy", "hetero_gat", "against linear"]), _row(["---"] * 4)]
    for key, result in tried.items():
        linear = [trial["linear"]["test"] for trial in result["trials"]]
        for remedy, values in result["remedies"].items():
            gains = [value - other for value, other in zip(values, linear, strict=True)]
            lines.append(_row([f"`{key}`", remedy, _mean(values), _mean(gains, "+.3f")]))
    lines += ["", _NEIGHBOURS]
    return "\n".join([*lines, ""])


def _settings(results: dict[str, Any]) -> str:
    lines = ["## Settings that validation chose", "", _row(["task", "model", "settings"]), _row(["---"] * 3)]
    for key, result in results.items():
        for model, options in result["chosen"].items():
            shown = ", ".join(f"`{name}={value}`" for name, value in options.items())
            lines.append(_row([f"`{key}`", f"`{model}`", shown]))
    lines += ["", "What a task's cases differ in:", ""]
    for key, result in results.items():
        changed = [f"`{item}`" for item in (*result["overrides"], *result["settings"])]
        changed += [f"in the search `{item}`" for item in result["search"]]
        lines.append(f"- `{key}`: {', '.join(changed) or 'everything as by default'}")
    return "\n".join([*lines, ""])


def _paired(gains: list[float]) -> str:
    return f"{_mean(gains, '+.3f')} ({sum(gain > 0 for gain in gains)} of {len(gains)})"


def _mean(values: list[float], form: str = ".3f") -> str:
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.fmean(values):{form}} ± {spread:.3f}"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
