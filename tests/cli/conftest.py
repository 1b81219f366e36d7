"""The command line in this process, in a house whose ``glyphs`` are few and whose configs are short."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mmgraph import paths
from mmgraph.cli.main import run


@dataclass(frozen=True)
class Result:
    """What one command did."""

    code: int
    out: str
    err: str


Call = Callable[..., Result]


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Put the small datasets and configs in the place of the shipped ones, and a new home in the user's."""
    root = tmp_path_factory.mktemp("house")
    shutil.copytree(Path(__file__).parent / "house", root, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "_PACKAGE", root / "mmgraph")
        patch.setenv("MMGRAPH_HOME", str(root / "home"))
        patch.setenv("COLUMNS", "250")
        yield root


@pytest.fixture(scope="session")
def call(house: Path) -> Call:
    """Return a function that runs one command and returns its exit code and what it wrote."""

    def call(*arguments: str) -> Result:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(arguments)
        return Result(code, out.getvalue(), err.getvalue())

    return call


@pytest.fixture(scope="session")
def graph(house: Path, call: Call) -> str:
    """Return the folder of a graph of the small glyphs."""
    folder = str(house / "graph")
    result = call("build-graph", "glyphs", "--out", folder, "--quiet")
    assert result.code == 0, result.err
    return folder


@pytest.fixture(scope="session")
def trained(house: Path, call: Call, graph: str) -> str:
    """Return a run folder on that graph."""
    folder = str(house / "run")
    result = call("train", graph, "--task", "script", "--model", "mlp", "--out", folder, "--quiet")
    assert result.code == 0, result.err
    return folder
