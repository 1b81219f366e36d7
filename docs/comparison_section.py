"""Print the section of `docs/results.md` about a comparison: its answer, command, table and verdict.

    python docs/comparison_section.py glyphs-script --title "`glyphs/script`" --command 'mmgraph compare ...'

All figures and words come from the ``comparison.json`` that ``mmgraph compare`` left in the folder.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_WIDTH = 120


def section(found: Mapping[str, Any], *, title: str, command: str) -> str:
    """Return the section as Markdown.

    Args:
        found: What ``comparison.json`` holds.
        title: What the section is called.
        command: The lines that make the comparison.
    """
    metric, subject = found["headline"], found["subject"]
    against = {contrast["model"]: contrast for contrast in found["contrasts"]}
    lines = [f"### {title}: {found['verdict']['answer'].replace('_', ' ')}", "", "```sh", command, "```", ""]
    lines += [f"| model | {metric} | 95% CI | `{subject}` better by | 95% CI | p, Holm | weights |"]
    lines += ["|---|---:|---:|---:|---:|---:|---:|"]
    for result in found["results"]:
        score = result["metrics"].get(metric)
        if score is None:
            continue
        weights = found["budget"][result["model"]]["parameters"]
        cells = [
            f"`{result['model']}`",
            _score(score["values"]),
            _interval(result["interval"], ""),
            *_difference(against.get(result["model"])),
            "" if weights is None else f"{weights:,}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    quote = textwrap.wrap(found["verdict"]["text"], _WIDTH - 2, break_long_words=False)
    return "\n".join([*lines, "", *(f"> {line}" for line in quote), ""])


def _score(values: list[float]) -> str:
    mean = f"{statistics.fmean(values):.3f}"
    return f"{mean} ± {statistics.stdev(values):.3f}" if len(values) > 1 else mean


def _interval(ends: list[float] | None, sign: str) -> str:
    return "" if ends is None else f"{ends[0]:{sign}.3f} to {ends[1]:{sign}.3f}"


def _difference(contrast: Mapping[str, Any] | None) -> list[str]:
    if contrast is None:
        return ["", "", ""]
    p = contrast["p_holm"]
    told = "< 0.001" if p < 0.001 else f"{p:.3f}"
    return [f"{contrast['gain']:+.3f}", _interval(contrast["interval"], "+"), told]


def main() -> int:
    """Print the section."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="what mmgraph compare --out wrote")
    parser.add_argument("--title", required=True)
    parser.add_argument("--command", required=True, help="the lines that make it")
    arguments = parser.parse_args()
    found = json.loads((arguments.folder / "comparison.json").read_text(encoding="utf-8"))
    sys.stdout.write(section(found, title=arguments.title, command=arguments.command))
    return 0


if __name__ == "__main__":
    sys.exit(main())
