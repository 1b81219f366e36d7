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
