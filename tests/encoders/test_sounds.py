from __future__ import annotations

import struct
import sys

import numpy as np
import pytest

from mmgraph.data.files import UnreadableFileError
from mmgraph.data.modalities import RawModality
from mmgraph.data.sound_file import read_samples
from mmgraph.encoders import LogMel
from mmgraph.encoders.sounds import audio_libraries, read_sound
from mmgraph.errors import MissingDependencyError
from mmgraph.progress import Progress


def main_frequency(sound: np.ndarray, rate: int) -> float:
    return float(np.abs(np.fft.rfft(sound)).argmax() * rate / len(sound))


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 96_000])
def test_any_sample_rate_is_brought_to_the_wanted_one(rate, sound_file, tone):
    sound = read_sound(sound_file("a.wav", tone(440, rate=rate), rate), sample_rate=16_000, seconds=30)
    assert sound.dtype == np.float32
    assert len(sound) == pytest.approx(8_000, abs=2)
    assert main_frequency(sound, 16_000) == pytest.approx(440, abs=3)


def test_channels_are_averaged(sound_file, tone):
    stereo = np.stack([tone(440), -tone(440), tone(1000)], axis=1)
    sound = read_sound(sound_file("a.wav", stereo), sample_rate=16_000, seconds=30)
    np.testing.assert_allclose(sound, tone(1000) / 3, atol=1e-3)


def test_a_sound_is_the_same_however_it_is_read(sound_file, tone, monkeypatch):
    path = sound_file("a.wav", np.stack([tone(440), tone(1000)], axis=1))
    whole = read_sound(path, sample_rate=16_000, seconds=0.3)
    monkeypatch.setattr("mmgraph.data.sound_file._BLOCK", 1_000)
    assert read_sound(path, sample_rate=16_000, seconds=0.3).tobytes() == whole.tobytes()
    assert len(whole) == 4_800


def test_samples_that_nobody_can_mean_are_refused(sound_file):
    path = sound_file("a.wav", np.array([0.0, 1e38]), subtype="FLOAT")
    with pytest.raises(UnreadableFileError, match=r"holds samples of up to 1e\+38; wanted at most 1e\+12"):
        read_sound(path, sample_rate=16_000, seconds=30)
    # Integers that were written as they are.
    assert np.isfinite(
        LogMel().describe(
            RawModality(
                "audio",
                np.arange(1),
                [
                    sound_file(
                        "b.wav", np.random.default_rng(0).uniform(-(2**31), 2**31, 16_000), subtype="FLOAT"
                    )
                ],
            ),
            Progress(quiet=True),
        )
    ).all()


def test_only_the_beginning_of_a_long_file_is_read(sound_file, tone):
    path = sound_file("a.wav", np.concatenate([tone(440, seconds=1), tone(1000, seconds=5)]))
    sound = read_sound(path, sample_rate=16_000, seconds=1)
    assert len(sound) == 16_000
    assert main_frequency(sound, 16_000) == pytest.approx(440, abs=2)


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.flac", {}), ("a.ogg", {}), ("a.wav", {"subtype": "PCM_24"}), ("a.wav", {"subtype": "FLOAT"})],
)
def test_other_formats_are_read(name, options, sound_file, tone):
    sound = read_sound(sound_file(name, tone(440), **options), sample_rate=16_000, seconds=30)
    assert main_frequency(sound, 16_000) == pytest.approx(440, abs=3)


def wave_header(rate: int, channels: int) -> bytes:
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * 2 * channels, 2 * channels, 16)
    data = struct.pack("<4sI", b"data", 2 * channels) + bytes(2 * channels)
    return struct.pack("<4sI4s", b"RIFF", 4 + len(form) + len(data), b"WAVE") + form + data


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty, it has 0 bytes"),
        (b"no sound at all", "cannot be read as audio"),
        (np.random.default_rng(0).bytes(1000), "cannot be read as audio"),
        (wave_header(16_000, 1)[:30], "cannot be read as audio"),
        (wave_header(2_000_000_000, 1), "wanted at most 64 channels at 1,000 to 1,000,000 Hz"),
        (wave_header(1, 1), "1 channel at 1 Hz"),
        (wave_header(16_000, 200), "has 200 channels"),
    ],
)
def test_what_is_no_sound_is_refused(content, problem, tmp_path):
    pytest.importorskip("soundfile")
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(UnreadableFileError, match=problem):
        read_sound(tmp_path / "a.wav", sample_rate=16_000, seconds=30)


@pytest.mark.parametrize("ending", ["raw", "vox", "gsm", "txt"])
def test_the_content_says_what_a_file_is_not_its_name(ending, sound_file, tmp_path):
    (tmp_path / f"noise.{ending}").write_bytes(np.random.default_rng(0).bytes(16_000))
    with pytest.raises(UnreadableFileError, match="cannot be read as audio"):
        read_sound(tmp_path / f"noise.{ending}", sample_rate=16_000, seconds=30)
    file = sound_file("a.wav", np.linspace(-1, 1, 16_000))
    expected = read_sound(file, sample_rate=16_000, seconds=30)
    renamed = file.rename(tmp_path / f"a.{ending}")
    np.testing.assert_array_equal(read_sound(renamed, sample_rate=16_000, seconds=30), expected)


def test_silence_of_no_length_and_samples_that_are_not_finite_are_refused(sound_file):
    with pytest.raises(UnreadableFileError, match="holds no sound"):
        read_sound(sound_file("a.wav", np.zeros(0)), sample_rate=16_000, seconds=30)
    broken = sound_file("b.wav", np.array([0.0, np.nan, 1.0]), subtype="FLOAT")
    with pytest.raises(UnreadableFileError, match="not finite"):
        read_sound(broken, sample_rate=16_000, seconds=30)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    pytest.importorskip("soundfile")
    with pytest.raises(UnreadableFileError, match="cannot be opened: No such file"):
        read_sound(tmp_path / "absent.wav", sample_rate=16_000, seconds=30)


@pytest.mark.parametrize("library", ["librosa", "soundfile"])
def test_without_the_libraries_the_command_that_installs_them_is_given(library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'mmgraph\[audio\]'") as caught:
        audio_libraries()
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("ending", ["wav", "aiff"])
def test_a_file_that_ends_before_its_header_says_is_refused(ending, tmp_path):
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path / f"a.{ending}"
    soundfile.write(path, np.sin(np.arange(8000) / 20), 8000, subtype="PCM_16")
    whole = path.read_bytes()
    read_samples(path, seconds=9)
    path.write_bytes(whole[:5000])
    with pytest.raises(UnreadableFileError, match=r"is cut off: its header says 16,0\d\d bytes"):
        read_samples(path, seconds=9)


@pytest.mark.parametrize("claimed", [0x7FFFF000, 0xFFFFFFFF])
def test_a_length_that_is_not_known_yet_is_none(claimed, tmp_path):
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path / "a.wav"
    soundfile.write(path, np.sin(np.arange(800) / 20), 8000, subtype="PCM_16")
    whole = bytearray(path.read_bytes())
    place = whole.find(b"data") + 4
    whole[place : place + 4] = claimed.to_bytes(4, "little")
    path.write_bytes(bytes(whole))
    samples, rate = read_samples(path, seconds=9)
    assert (len(samples), rate) == (800, 8000)


def test_a_cut_off_file_is_told_whatever_stands_before_the_sound(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path / "a.wav"
    soundfile.write(path, np.sin(np.arange(8000) / 20), 8000, subtype="PCM_16")
    whole = path.read_bytes()
    place = whole.find(b"data")
    junk = b"JUNK" + (20_000).to_bytes(4, "little") + bytes(20_000)
    path.write_bytes(whole[:place] + junk + whole[place:-8000])
    with pytest.raises(UnreadableFileError, match="is cut off"):
        read_samples(path, seconds=9)


@pytest.mark.parametrize("too_many", [1, 8, 44])
def test_a_header_that_counts_itself_is_no_cut_off_file(too_many, tmp_path):
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path / "a.wav"
    soundfile.write(path, np.sin(np.arange(800) / 20), 8000, subtype="PCM_16")
    whole = bytearray(path.read_bytes())
    place = whole.find(b"data") + 4
    whole[place : place + 4] = (1600 + too_many).to_bytes(4, "little")
    path.write_bytes(bytes(whole))
    assert len(read_samples(path, seconds=9)[0]) == 800


def test_a_comment_that_looks_like_the_log_changes_nothing(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path / "a.wav"
    with soundfile.SoundFile(path, "w", 8000, 1) as file:
        file.comment = "a\ndata : 999 (should be 5)\n"
        file.write(np.sin(np.arange(800) / 20))
    assert len(read_samples(path, seconds=9)[0]) == 800
