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
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with small datasets and configs."""
    root = tmp_path_factory.mktemp("house")
    shutil.copytree(Path(__file__).parent / "house", root, dirs_exist_ok=True)
    return root


@contextlib.contextmanager
def living_in(house: Path) -> Iterator[None]:
    """Put the small datasets and configs in the place of the shipped ones, and a new home in the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "_PACKAGE", house / "mmgraph")
        patch.setenv("MMGRAPH_HOME", str(house / "home"))
        patch.setenv("COLUMNS", "250")
        yield


@pytest.fixture(autouse=True)
def _in_the_house(house: Path) -> Iterator[None]:
    with living_in(house):
        yield


@pytest.fixture(scope="session")
def call(house: Path) -> Call:
    """Return a function that runs one command and returns its exit code and what it wrote."""

    def call(*arguments: str) -> Result:
        out, err = io.StringIO(), io.StringIO()
        # Fixtures of the whole session call it too, when no test is in the house.
        with living_in(house), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
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
