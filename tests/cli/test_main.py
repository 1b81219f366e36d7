"""How ``mmgraph`` starts and ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

import mmgraph
from mmgraph.cli import app

Call = Callable[..., Any]
MMGRAPH = [sys.executable, "-m", "mmgraph.cli"]


def test_no_command_shows_the_help(call: Call) -> None:
    assert call().out == call("--help").out
    assert "build-graph" in call().out


def test_version_is_the_installed_one(call: Call) -> None:
    assert call("--version").out == f"mmgraph {version('mmgraph')}\n"
    assert mmgraph.__version__ == version("mmgraph")


def test_a_fault_of_ours_is_short_and_debug_shows_it(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr(mmgraph, "load_graph", broken, raising=False)
    result = call("inspect", "x")
    assert result.code == 1
    assert result.err.startswith("error: a fault of mmgraph: ZeroDivisionError: by nought")
    assert "--debug" in result.err
    assert "Traceback" not in result.err
    for arguments in (("--debug", "inspect", "x"), ("inspect", "x", "--debug")):
        shown = call(*arguments)
        assert shown.code == 1
        assert "Traceback" in shown.err
        assert "in broken" in shown.err


def test_debug_shows_where_a_users_fault_was_found(call: Call) -> None:
    result = call("inspect", "nowhere", "--debug")
    assert result.code == 2
    assert "Traceback" in result.err
    assert "\nerror: " in result.err


def test_interrupt_in_a_command_is_130(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(mmgraph, "load_graph", interrupted, raising=False)
    result = call("inspect", "x")
    assert (result.code, result.err) == (130, "interrupted\n")


@pytest.mark.parametrize(
    ("number", "code", "last"),
    [
        (signal.SIGINT, 130, "interrupted\n"),
        pytest.param(signal.SIGTERM, 143, "", marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_a_training_and_leaves_what_it_takes_to_go_on(
    graph: str, house: Path, tmp_path: Path, number: signal.Signals, code: int, last: str
) -> None:
    keys = ("max_epochs=1000000", "patience=1000000", "checkpoint_seconds=0")
    endless = [part for key in keys for part in ("--set", key)]
    process = subprocess.Popen(
        [*MMGRAPH, "train", graph, "--task", "script", "--model", "mlp", "--out", "run", *endless],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        # A shell lets what runs in its background ignore interrupts, and so would this.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while process.poll() is None and not list(tmp_path.glob("*/checkpoint.pt")):
        time.sleep(0.05)
    process.send_signal(number)
    written = process.communicate(timeout=60)[1]
    assert process.returncode == code, written
    assert "Traceback" not in written
    said = "the state is in run.unfinished: give the same command with --resume to go on\n"
    assert written.endswith(said + last)
    assert [path.name for path in tmp_path.iterdir()] == ["run.unfinished"]


def test_a_closed_pipe_is_no_error(house: Path) -> None:
    process = subprocess.Popen(
        [*MMGRAPH, "list", "configs"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    process.wait(timeout=60)
    assert process.stderr.read() == ""
    process.stderr.close()


def _heavy_after(script: str) -> str:
    """Return which slow libraries are loaded after a script has run in a new interpreter."""
    heavy = {
        "torch",
        "pandas",
        "numpy",
        "sklearn",
        "lightning",
        "scipy",
        "matplotlib",
        "yaml",
        "mmgraph.config",
    }
    code = f"{script}\nimport sys\nsys.stderr.write(' '.join({heavy!r} & sys.modules.keys()))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr


def test_help_imports_nothing_heavy() -> None:
    lines = [["--version"], ["--help"], *([name, "--help"] for name in app.COMMANDS)]
    script = f"from mmgraph.cli.main import run\nfor line in {lines!r}:\n    assert run(line) == 0"
    assert _heavy_after(script) == ""


def test_import_mmgraph_imports_nothing_heavy() -> None:
    assert _heavy_after("import mmgraph") == ""
