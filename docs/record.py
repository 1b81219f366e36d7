"""Runs the Python of a page whose data a build of the documentation has not; writes what it printed into it.

    mmgraph prepare emoji --source DIR --out emoji
    python docs/record.py docs/tutorials/emoji.md --folder .

Blocks run one after another, in one place and with one memory, in the folder that holds what the page reads.
What a block prints becomes the block of text right after it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import sys
from pathlib import Path
from typing import Any

_BLOCK = re.compile(r"```python\n(?P<code>.*?)```\n(?:\n```text\n.*?```\n)?", re.DOTALL)


def record(page: str, name: str) -> str:
    """Return a page with what its blocks of Python print now.

    Args:
        page: The page, Markdown.
        name: What tracebacks call it.

    Raises:
        Exception: Whatever a block raises.

    Example:
        >>> print(record("```python\\nprint(1 + 1)\\n```\\n", "page"))
        ```python
        print(1 + 1)
        ```
        <BLANKLINE>
        ```text
        2
        ```
        <BLANKLINE>
    """
    memory: dict[str, Any] = {"__name__": "__main__"}

    def ran(block: re.Match[str]) -> str:
        printed = io.StringIO()
        # Blank lines put each line where it stands on the page.
        code = "\n" * page.count("\n", 0, block.start("code")) + block["code"]
        with contextlib.redirect_stdout(printed):
            exec(compile(code, name, "exec"), memory)  # noqa: S102 - the page is ours
        text = "\n".join(line.rstrip() for line in printed.getvalue().rstrip().splitlines())
        return f"```python\n{block['code']}```\n" + (f"\n```text\n{text}\n```\n" if text else "")

    return _BLOCK.sub(ran, page)


def main() -> int:
    """Record a page; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("--folder", type=Path, required=True, help="what the page reads is in here")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if it would change")
    options = parser.parse_args()
    file = options.page.resolve()
    before = file.read_text(encoding="utf-8")
    os.chdir(options.folder)
    after = record(before, str(options.page))
    if options.check:
        return int(after != before)
    file.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
