"""The page of the documentation about speed and memory, of which each benchmark writes its own section."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

_HEAD = """# Performance

What training layers, describing raw items, building graphs and learning in batches cost, beside their peers.
The contenders of a case take turns on one machine; ratios depend on the machine, so run the commands on
yours. Where a goal is missed, the page says so.
"""

SECTIONS = ("layers", "extracting", "building", "sampling", "training", "growing")
"""The sections in their order."""


def write_section(path: Path, name: str, text: str) -> None:
    """Write one section of the page, and leave the others as they are.

    Args:
        path: The page; it need not be there.
        name: The section.
        text: Its content in Markdown, from its heading on.
    """
    page = path.read_text(encoding="utf-8") if path.is_file() else ""
    texts = {each: _between(page, each) for each in SECTIONS} | {name: text.strip("\n")}
    parts = [f"{_mark(each)}\n{texts[each]}\n{_mark(each, end=True)}\n" for each in SECTIONS if texts[each]]
    path.write_text("\n".join([_HEAD, *parts]), encoding="utf-8")


def render(report: Mapping[str, Any], columns: Mapping[str, tuple[str, str]]) -> str:
    """Return in Markdown where a benchmark ran, and the table and the goals of each of its cases.

    Args:
        report: ``machine``, ``versions``, and ``cases``: of each its name as ``case``, by contender its
            ``figures`` by kind, and its ``goals``, of each a ``text`` and whether it is ``met``.
        columns: By kind of figure, what its column is called and how it is written.
    """
    where = ", ".join(f"{name} {value}" for name, value in report["machine"].items())
    used = ", ".join(f"{name} {value}" for name, value in report["versions"].items())
    parts = [f"on {where}, with {used}.\n"]
    for result in report["cases"]:
        parts.append(f"\n### {result['case'][0].upper()}{result['case'][1:]}\n\n{_table(result, columns)}\n")
        parts.extend(f"- {'Reached' if g['met'] else '**Missed**'}: {g['text']}.\n" for g in result["goals"])
    return "".join(parts)


def _table(result: Mapping[str, Any], columns: Mapping[str, tuple[str, str]]) -> str:
    kinds = [kind for kind in columns if kind in next(iter(result["figures"].values()))]
    rows = [
        f"| contender | {' | '.join(columns[kind][0] for kind in kinds)} |",
        "| --- " * (len(kinds) + 1) + "|",
    ]
    for name, figures in result["figures"].items():
        cells = [format(figures[kind], columns[kind][1]) for kind in kinds]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _between(page: str, name: str) -> str:
    _, _, rest = page.partition(_mark(name))
    return rest.partition(_mark(name, end=True))[0].strip("\n")


def _mark(name: str, *, end: bool = False) -> str:
    return f"<!-- {'end of ' if end else ''}{name} -->"
