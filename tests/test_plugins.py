"""Plugins: a user's own Python file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mmgraph.errors import ConfigError
from mmgraph.plugins import load_plugin


def test_runs_the_file_once(tmp_path: Path) -> None:
    plugin = tmp_path / "own.py"
    plugin.write_text(
        "import sys\nsys.own_plugin_runs = getattr(sys, 'own_plugin_runs', 0) + 1\nANSWER = 42\n"
    )
    assert load_plugin(plugin).ANSWER == 42
    assert load_plugin(str(plugin)) is load_plugin(plugin)
    assert sys.own_plugin_runs == 1  # type: ignore[attr-defined]


def test_two_files_of_one_name_are_two_plugins(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "own.py").write_text(f"NAME = {folder!r}\n")
    assert [load_plugin(tmp_path / folder / "own.py").NAME for folder in ("a", "b")] == ["a", "b"]


def test_dataclasses_in_a_plugin_find_their_module(tmp_path: Path) -> None:
    plugin = tmp_path / "own.py"
    plugin.write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\nfrom typing import ClassVar\n"
        "@dataclass\nclass Own:\n    shared: ClassVar[int] = 1\n    x: int = 2\n"
    )
    assert load_plugin(plugin).Own().x == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x = 1\nx.missing\n", r"own\.py, line 2: raised AttributeError"),
        ("def f():\n    raise ValueError('no')\nf()\n", r"own\.py, line 2: raised ValueError: no"),
        ("import sys\nsys.exit(3)\n", r"own\.py, line 2: raised SystemExit: 3"),
        ("x = (\n", r"own\.py, line 1: is not valid Python"),
        ("import not_a_module_at_all\n", r"own\.py, line 1: raised ModuleNotFoundError"),
        (
            "from mmgraph.errors import ConfigError\nraise ConfigError('taken', fix='Rename it.')\n",
            r"own\.py, line 2: taken\. Rename it\.",
        ),
    ],
)
def test_names_the_line_that_raises(tmp_path: Path, content: str, message: str) -> None:
    plugin = tmp_path / "own.py"
    plugin.write_text(content)
    with pytest.raises(ConfigError, match=message):
        load_plugin(plugin)


def test_a_mended_plugin_loads(tmp_path: Path) -> None:
    plugin = tmp_path / "own.py"
    plugin.write_text("1 / 0\n")
    with pytest.raises(ConfigError):
        load_plugin(plugin)
    plugin.write_text("ANSWER = 4200\n")
    assert load_plugin(plugin).ANSWER == 4200


def test_an_interrupt_is_no_fault_of_the_plugin(tmp_path: Path) -> None:
    plugin = tmp_path / "own.py"
    plugin.write_text("raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load_plugin(plugin)


@pytest.mark.parametrize("name", ["none.py", "notes.txt"])
def test_refuses_what_is_no_python_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(ConfigError, match=name):
        load_plugin(tmp_path / name)
