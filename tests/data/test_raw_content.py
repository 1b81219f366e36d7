"""Whether raw files can be read."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest
from PIL import Image

from mmgraph.data.raw_content import content_problem


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "gif"])
def test_images(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    Image.effect_noise((100, 100), 50).convert("RGB").save(path)
    assert content_problem("image", path) == ""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert content_problem("image", path)


def test_text_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("hello")
    assert content_problem("image", tmp_path / "a.png").startswith("is none of the image formats PNG, JPEG")


def test_audio(tmp_path: Path) -> None:
    pytest.importorskip("soundfile")
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\0" * 80)
    assert content_problem("audio", path) == ""
    path.write_text("hello")
    assert content_problem("audio", path)


@pytest.mark.parametrize(
    ("samples", "problem"),
    [
        ([0.0, float("nan")], "holds samples that are not finite"),
        ([0.0, 1e38], "holds samples of up to 1e+38; wanted at most 1e+12"),
        ([], "holds no sound"),
    ],
)
def test_audio_is_decoded(tmp_path: Path, samples: list[float], problem: str) -> None:
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "a.wav", samples, 8000, subtype="FLOAT")
    assert content_problem("audio", tmp_path / "a.wav") == problem


@pytest.mark.parametrize(("kind", "library"), [("image", "PIL"), ("audio", "soundfile"), ("video", "av")])
def test_a_file_that_is_empty_or_gone_is_said_to_be(tmp_path: Path, kind: str, library: str) -> None:
    pytest.importorskip(library)
    path = tmp_path / "a"
    path.touch()
    assert content_problem(kind, path) == "is empty, it has 0 bytes"
    path.unlink()
    assert content_problem(kind, path) == "cannot be opened: No such file or directory"
