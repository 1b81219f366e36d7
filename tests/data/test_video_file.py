"""Video files: evenly spaced frames, limits before decoding, and what is no video."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmgraph.data import video_file
from mmgraph.data.files import UnreadableFileError
from mmgraph.data.raw_content import content_problem
from mmgraph.data.video_file import read_frames, video_problem
from mmgraph.errors import MissingDependencyError

pytest.importorskip("av", reason="the extra mmgraph[video] is not installed")


def greys(path: Path, number: int, seconds: float = 60.0) -> list[int]:
    """Return which of the steps of grey of `brighter` each frame shows."""
    return [round(float(frame.mean()) / 10) for frame in read_frames(path, number=number, seconds=seconds)]


@pytest.fixture
def brighter(video: Callable[..., Path]) -> Callable[..., Path]:
    """Return a function that writes a video whose frame ``n`` has the brightness ``10 * n``."""

    def write(name: str, frames: int = 20, **options) -> Path:
        return video(name, [np.full((32, 48, 3), 10 * n, np.uint8) for n in range(frames)], **options)

    return write


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.avi"])
def test_frames_are_the_middles_of_equal_parts(name, brighter):
    path = brighter(name)
    assert greys(path, 4) == [2, 7, 12, 17]
    assert greys(path, 20) == list(range(20))
    assert next(read_frames(path, number=1, seconds=60)).shape == (32, 48, 3)


IDENTITY = (1, 0, 0, 0, 1, 0, 0, 0, 0x4000)


@pytest.mark.parametrize(
    ("turn", "clockwise"), [((0, 1, 0, -1, 0), 1), ((-1, 0, 0, 0, -1), 2), ((0, -1, 0, 1, 0), 3)]
)
def test_frames_are_upright_as_the_file_says_it_was_held(turn, clockwise, video):
    frame = np.zeros((32, 64, 3), np.uint8)
    frame[:16, :32] = 250
    path = video("a.mp4", [frame] * 3)
    content = path.read_bytes()
    stored, turned = (
        (np.array([*matrix[:5], 0, 0, 0, 0x4000]) * 0x10000).astype(">i4") for matrix in (IDENTITY, turn)
    )
    track = content.index(b"tkhd")
    at = content.index(stored.tobytes(), track)
    path.write_bytes(content[:at] + turned.tobytes() + content[at + 36 :])
    (seen,) = read_frames(path, number=1, seconds=60)
    expected = np.rot90(frame, -clockwise)
    assert seen.shape == expected.shape
    assert np.abs(seen.astype(int) - expected).mean() < 12


def test_an_animation_is_a_video(tmp_path):
    frames = [Image.new("L", (32, 32), 40 * n) for n in range(5)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=100)
    means = [frame.mean() for frame in read_frames(tmp_path / "a.gif", number=5, seconds=60)]
    np.testing.assert_allclose(means, [0, 40, 80, 120, 160], atol=1)


def test_a_video_of_fewer_frames_gives_some_again(brighter):
    assert greys(brighter("a.mp4", frames=3), 6) == [0, 0, 1, 1, 2, 2]


def test_only_the_beginning_counts(brighter):
    assert greys(brighter("a.mp4", rate=10), 5, seconds=1.0) == [1, 3, 5, 7, 9]


def test_frames_are_what_ffmpeg_gives_to_the_last_bit(brighter):
    import av

    path = brighter("a.mp4")
    with av.open(str(path)) as file:
        expected = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    found = list(read_frames(path, number=20, seconds=60))
    assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty, it has 0 bytes"),
        (b"no video at all", "cannot be read as video"),
        (np.random.default_rng(0).bytes(5000), "cannot be read as video"),
    ],
)
def test_what_is_no_video_is_refused(content, problem, tmp_path):
    (tmp_path / "a.mp4").write_bytes(content)
    assert video_problem(tmp_path / "a.mp4").startswith(problem)
    assert str(tmp_path) not in video_problem(tmp_path / "a.mp4")


def test_a_sound_is_no_video(tmp_path):
    import wave

    with wave.open(str(tmp_path / "a.avi"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\0" * 800)
    assert "cannot be read as video" in video_problem(tmp_path / "a.avi")


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile a.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\na.mp4\n#EXT-X-ENDLIST\n",
    ],
)
@pytest.mark.parametrize("name", ["b.mp4", "b.ffconcat", "b.m3u8"])
def test_a_list_of_other_files_is_not_followed(text, name, brighter, tmp_path):
    brighter("a.mp4")
    (tmp_path / name).write_text(text)
    with pytest.raises(UnreadableFileError, match="cannot be read as video"):
        list(read_frames(tmp_path / name, number=1, seconds=60))


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7])
@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "start.mp4"])
def test_a_file_that_is_cut_off_is_refused(name, share, brighter):
    path = brighter(name, options={"movflags": "faststart"} if name.startswith("start") else {})
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert video_problem(path)
    with pytest.raises(UnreadableFileError):
        list(read_frames(path, number=4, seconds=60))


def test_damaged_bytes_end_in_an_error_or_in_frames(brighter):
    whole = brighter("a.mp4").read_bytes()
    rng = np.random.default_rng(0)
    for number in range(40):
        damaged = bytearray(whole)
        for at in rng.integers(0, len(whole), size=8):
            damaged[at] = rng.integers(0, 256)
        path = brighter("a.mp4").with_name(f"{number}.mp4")
        path.write_bytes(damaged)
        with contextlib.suppress(UnreadableFileError):
            assert len(list(read_frames(path, number=3, seconds=60))) == 3


def test_large_frames_are_refused_before_they_are_decoded(brighter, monkeypatch):
    path = brighter("a.mp4")
    monkeypatch.setattr(video_file, "MAX_PIXELS", 1000)
    assert video_problem(path) == "is 48 x 32 pixels large; wanted at most 1,000 pixels in all"


def test_many_frames_are_refused_before_they_are_decoded(brighter, monkeypatch):
    path = brighter("a.mp4")
    monkeypatch.setattr(video_file, "MAX_FRAMES", 10)
    assert video_problem(path) == "has more than 10 frames in 60 seconds, the most that is read"
    assert greys(path, 2, seconds=0.5) != []


def test_the_content_of_a_modality_is_looked_at(brighter):
    path = brighter("a.mp4")
    assert content_problem("video", path) == ""
    path.write_text("hello")
    assert content_problem("video", path).startswith("cannot be read as video")


def test_a_name_that_ffmpeg_would_take_for_an_address_is_a_file(brighter, tmp_path):
    path = brighter("a.mp4").rename(tmp_path / "http:%d a?.mp4")
    assert video_problem(path) == ""


def test_without_pyav_the_command_that_installs_it_is_given(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'mmgraph\[video\]'"):
        list(read_frames(tmp_path / "a.mp4", number=1, seconds=1))
