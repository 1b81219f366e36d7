"""Moving glyphs: what is rendered is what the table says."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import mmgraph as mg
from mmgraph.data.dataset_faults import dataset_faults
from mmgraph.errors import DataError

pytest.importorskip("av", reason="the extra mmgraph[video] is not installed")


QUICK = ("model.hidden_channels=32", "model.dropout=0.1", "optimiser.lr=0.01", "max_epochs=25", "device=cpu")


@pytest.fixture(scope="module")
def recipe_of_clips(recipe: Callable[[str], ModuleType]) -> ModuleType:
    return recipe("moving_glyphs")


@pytest.fixture
def few(recipe_of_clips: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(recipe_of_clips, "GLYPHS", ("A", "5"))
    monkeypatch.setattr(recipe_of_clips, "FONTS", {"sans": "DejaVuSans.ttf", "mono": "DejaVuSansMono.ttf"})
    monkeypatch.setattr(recipe_of_clips, "TAKES", 1)
    return recipe_of_clips


def ink(frame: np.ndarray) -> tuple[float, float, float]:
    """Return the centre from left and top of what is bright, and how much of it there is."""
    bright = np.asarray(frame, dtype=np.float64) > 120
    rows, columns = np.nonzero(bright)
    return columns.mean(), rows.mean(), bright.sum()


@pytest.mark.parametrize(
    ("motion", "measure", "sign"),
    [("left", 0, -1), ("right", 0, 1), ("up", 1, -1), ("down", 1, 1), ("grows", 2, 1), ("shrinks", 2, -1)],
)
def test_a_motion_does_what_its_name_says(motion, measure, sign, recipe_of_clips):
    frames = recipe_of_clips.frames_of("sans", "A", motion, seed=3)
    first, last = ink(frames[0]), ink(frames[-1])
    change = np.subtract(last, first) / (1, 1, first[2])
    assert sign * change[measure] > (10, 10, 0.5)[measure]
    assert not [other for other in {0, 1} - {measure} if abs(change[other]) > 2]


def test_clockwise_is_clockwise(recipe_of_clips):
    # Turned by a quarter clockwise, the foot of an F that points down points to the left.
    def slant(motion):
        angles = []
        for frame in recipe_of_clips.frames_of("sans-bold", "K", motion, seed=3)[::11]:
            rows, columns = np.nonzero(np.asarray(frame) > 120)
            angles.append(np.polyfit(rows, columns, 1)[0])
        return angles[1] - angles[0]

    assert slant("clockwise") * slant("counter-clockwise") < 0


def test_a_glyph_stays_in_the_picture(recipe_of_clips):
    for number, (glyph, motion) in enumerate((g, m) for g in "MR" for m in recipe_of_clips.MOTIONS):
        for frame in recipe_of_clips.frames_of("sans-bold", glyph, motion, seed=number):
            pixels = np.asarray(frame)
            edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
            assert edge.max() < 130


def test_prepared_twice_gives_the_same_bytes(few, tmp_path, hashes):
    from mmgraph.progress import Progress

    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        few.prepare(tmp_path / name, None, Progress(quiet=True))
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")
    assert len(hashes(tmp_path / "one")) == 2 * 2 * 8 + 1


@pytest.fixture
def small(few: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the data set, of 48 videos."""
    from mmgraph.progress import Progress

    monkeypatch.setattr(few, "FONTS", {**few.FONTS, "serif": "DejaVuSerif.ttf"})
    folder = tmp_path / "small"
    folder.mkdir()
    few.prepare(folder, None, Progress(quiet=True))
    shutil.copy(Path(few.__file__).with_name("dataset.yaml"), folder)
    return folder


@pytest.mark.slow
def test_videos_train_a_model_that_tells_motions_apart(small: Path, tmp_path: Path) -> None:
    graph = mg.build_graph(small, cache=False, previews=False)
    run = mg.train(graph, task="how", model="hetero_gat", overrides=QUICK, seed=0)
    assert run.evaluate("test")["accuracy"] > 0.5


def test_a_broken_video_is_an_error_or_a_missing_modality(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MMGRAPH_HOME", str(tmp_path / "home"))
    (small / "clips" / "sans_A_left_0.mp4").write_text("hello")
    with pytest.raises(DataError, match=r"sans_A_left_0\.mp4, row .*cannot be read as video"):
        mg.extract(mg.load_dataset(small), ["clip/look"])
    lenient = mg.load_dataset(small, overrides=["entities.clip.modalities.look.on_error=skip"])
    (found,) = mg.extract(lenient, ["clip/look"])
    assert list(found.skipped) == ["sans_A_left_0"]
    assert (found.items, found.encoded) == (47, 0)
    faults = dataset_faults(mg.load_dataset(small))
    assert ["cannot be read as video" in fault.problem for fault in faults] == [True]
