"""Every example in every help text is run as it stands there, in order, in one new folder."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmgraph.cli.app import COMMANDS

Call = Callable[..., Any]


def _examples(call: Call, *command: str) -> list[str]:
    """Return the lines of a help text that are examples."""
    text = call(*command, "--help").out
    _, marker, after = text.partition("Examples:")
    assert marker, f"mmgraph {' '.join(command)} --help has no examples"
    return [line.strip() for line in after.splitlines() if line.strip()]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example_of_itself(call: Call, command: str) -> None:
    lines = _examples(call, command)
    assert lines
    assert all(line.startswith(f"mmgraph {command}") for line in lines)


@pytest.mark.slow
def test_examples_work(call: Call, house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # One test: they build on each other, and tests apart would run all of them in each process of pytest's.
    # Tests that came before in this process may have prepared what an example prepares.
    shutil.rmtree(house / "home" / "datasets", ignore_errors=True)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new-glyphs").mkdir()
    (tmp_path / "new-glyphs" / "glyphs.csv").write_text("id,title,sans,name\nnew1,New,,letter with stem 1\n")
    for command in COMMANDS:
        for line in _examples(call, command):
            result = call(*shlex.split(line)[1:])
            # An audit ends with 1 if it finds something, which in so small a dataset it does.
            assert result.code == (1 if command == "audit" else 0), f"{line}\n{result.err}"
            assert result.out, line
