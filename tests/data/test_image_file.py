"""Image files are opened in one place, by a list of formats that need no other program."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import mmgraph
from mmgraph.data.files import UnreadableFileError
from mmgraph.data.image_file import FORMATS, open_image
from mmgraph.data.raw_content import content_problem
from mmgraph.encoders.images import read_image
from mmgraph.errors import DataError
from mmgraph.graph.preview import thumbnail

# Pillow reads every one of these, and hands EPS to Ghostscript.
REFUSED = ("EPS", "PCX", "TGA", "SGI")


def _read(path: Path) -> None:
    read_image(path, size=16)


def _look(path: Path) -> None:
    if problem := content_problem("image", path):
        raise UnreadableFileError(problem)


@pytest.fixture(params=REFUSED)
def refused(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a picture in a format that is not on the list, by the name of one that is."""
    path = tmp_path / "a.png"
    Image.new("RGB", (20, 20), (200, 30, 10)).save(path, format=request.param)
    return path


@pytest.mark.parametrize("opens", [_read, _look, thumbnail], ids=["encoder", "validation", "preview"])
def test_formats_that_are_not_listed_are_refused_undecoded(
    refused: Path, opens: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import EpsImagePlugin

    def started(*arguments: object, **options: object) -> None:
        pytest.fail("Ghostscript was started")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", started)
    with pytest.raises((UnreadableFileError, DataError), match="is none of the image formats PNG, JPEG"):
        opens(refused)


def test_no_other_place_opens_images() -> None:
    root = Path(mmgraph.__file__).parent
    calls = [
        path.relative_to(root).as_posix()
        for path in sorted(root.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "Image.open"
    ]
    assert calls == ["data/image_file.py"]


def test_faults_inside_the_block_are_the_files(tmp_path: Path) -> None:
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    with (
        pytest.raises(UnreadableFileError, match="cannot be read as an image: odd"),
        open_image(tmp_path / "a.png"),
    ):
        raise ValueError("odd")


def test_no_listed_format_starts_another_program() -> None:
    assert not set(FORMATS) & {"EPS", "PSD", "WMF", "FLI", "MPO"}


def test_a_picture_that_is_all_width_is_refused(tmp_path: Path) -> None:
    Image.new("1", (70_000, 1)).save(tmp_path / "line.png")
    with pytest.raises(UnreadableFileError, match=r"70,000 x 1 pixels large; wanted .* and 65,536 on a side"):
        _read(tmp_path / "line.png")
