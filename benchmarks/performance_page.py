"""The page of the documentation about speed and memory, of which each benchmark writes its own section."""

from __future__ import annotations

from pathlib import Path

_HEAD = """# Performance

What training layers and building graphs cost, beside their peers. The contenders of a case take turns on one
machine; ratios depend on the machine, so run the commands on yours. Where a goal is missed, the page says so.
"""

SECTIONS = ("layers", "building")
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


def _between(page: str, name: str) -> str:
    _, _, rest = page.partition(_mark(name))
    return rest.partition(_mark(name, end=True))[0].strip("\n")


def _mark(name: str, *, end: bool = False) -> str:
    return f"<!-- {'end of ' if end else ''}{name} -->"
