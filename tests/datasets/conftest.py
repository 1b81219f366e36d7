"""Shipped recipes as modules, the public source files where this machine has them, and prepared datasets."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from mmgraph.data.prepare import prepare_dataset
from mmgraph.paths import shipped

PUBLIC_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
FOLDERS = {"spoken_digits": "fsdd"}


@pytest.fixture(scope="session")
def recipe() -> Callable[[str], ModuleType]:
    """Return a shipped dataset's ``prepare.py`` as a module."""

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(
            f"recipe_{name}", shipped("datasets") / name / "prepare.py"
        )
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def public_source() -> Callable[[str], Path]:
    """Return the folder with a dataset's public source files, or skip the test."""

    def find(name: str) -> Path:
        folder = PUBLIC_DATA / FOLDERS.get(name, name)
        if not folder.is_dir():
            pytest.skip(f"the public source files of {name} are not on this machine (looked in {folder})")
        return folder

    return find


@pytest.fixture(scope="session")
def prepared(
    tmp_path_factory: pytest.TempPathFactory, public_source: Callable[[str], Path]
) -> Callable[[str], Path]:
    """Return a dataset prepared from its public source files, once a session."""
    done: dict[str, Path] = {}

    def prepare(name: str) -> Path:
        if name not in done:
            source = None if name == "glyphs" else public_source(name)
            done[name] = prepare_dataset(name, source=source, out=tmp_path_factory.mktemp("prepared") / name)
        return done[name]

    return prepare


@pytest.fixture(scope="session")
def hashes() -> Callable[[Path], dict[str, str]]:
    """Return the hash of every file below a folder."""

    def of(folder: Path) -> dict[str, str]:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
        }

    return of


@pytest.fixture(scope="session")
def draw_picture() -> Callable[..., None]:
    """Write a small picture."""

    def draw(path: Path, *, size: tuple[int, int] = (72, 72), colour: str = "red") -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.new("RGBA", size, colour)
        picture.paste("blue", (0, 0, size[0] // 3, size[1] // 2))
        picture.save(path)

    return draw
