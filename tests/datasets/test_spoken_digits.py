"""Spoken digits: the recipe on a few made-up recordings, and on the public files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmgraph.data.load import load_dataset
from mmgraph.data.prepare import prepare_dataset
from mmgraph.errors import DataError
from mmgraph.evaluation.audit.audit import audit
from mmgraph.graph.build import build_graph

sound_files = pytest.importorskip("soundfile", reason="the extra mmgraph[audio] is not installed")
SPEAKERS, DIGITS, TAKES = ("ann", "bob", "eve", "ida"), (0, 7), (0, 4, 5, 9, 10, 49)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "recordings").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for pitch, speaker in enumerate(SPEAKERS):
        for digit in DIGITS:
            for take in TAKES:
                time = np.arange(1600) / 8000
                sound = np.sin(2 * np.pi * (200 + 50 * pitch + 100 * digit) * time)
                sound = 0.5 * sound + 0.02 * rng.standard_normal(time.size)
                sound_files.write(folder / "recordings" / f"{digit}_{speaker}_{take}.wav", sound, 8000)
    return folder


def test_a_recording_is_known_by_its_name(source: Path, tmp_path: Path) -> None:
    dataset = load_dataset(prepare_dataset("spoken_digits", source=source, out=tmp_path / "out"))
    rows = dataset.frame("recording")
    assert len(rows) == len(SPEAKERS) * len(DIGITS) * len(TAKES)
    one = rows.set_index("id").loc["7_eve_5"]
    assert (one["digit"], one["speaker"], one["sound"]) == ("7", "eve", "recordings/7_eve_5.wav")
    assert rows["official"].value_counts().to_dict() == {"test": 16, "train": 16, "validation": 16}


def test_splits_and_relations_keep_what_they_promise(source: Path, tmp_path: Path) -> None:
    graph = build_graph(prepare_dataset("spoken_digits", source=source, out=tmp_path / "out"))
    table = graph.nodes["recording"].reset_index(drop=True)
    table["speaker"] = table["id"].str.split("_").str[1]
    parts = table.groupby("split:digit_of_new_speaker")["speaker"].unique()
    assert {part: len(people) for part, people in parts.items()} == {"train": 2, "validation": 1, "test": 1}
    spoken, by = graph.data["recording", "spoken_by", "voice"].edge_index.numpy()
    assert len(spoken) == len(table)
    people = graph.nodes["voice"].reset_index(drop=True)["id"]
    assert (people[by].to_numpy() == table["speaker"][spoken].to_numpy()).all()
    # The answer of the task on speakers is out of what the task sees.
    assert not [one for one in audit(graph, task="speaker").findings if "spoken_by" in str(one)]


@pytest.mark.parametrize("name", ["seven_ann_0.wav", "7_ann.wav", "7_Ann_0.wav"])
def test_a_file_of_another_name_is_told(source: Path, tmp_path: Path, name: str) -> None:
    (source / "recordings" / name).write_bytes(b"")
    with pytest.raises(DataError, match=f"{name}.*DIGIT_SPEAKER_TAKE"):
        prepare_dataset("spoken_digits", source=source, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_without_recordings_is_told(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    with pytest.raises(DataError, match="no recordings"):
        prepare_dataset("spoken_digits", source=tmp_path, out=tmp_path / "out")


def test_the_public_files(prepared: Callable[[str], Path]) -> None:
    table = pd.read_parquet(prepared("spoken_digits") / "recordings.parquet")
    assert len(table) == 3000
    assert table.groupby("speaker").size().tolist() == [500] * 6
    assert table.groupby(["digit", "official"]).size().unstack().drop_duplicates().to_dict("records") == [
        {"test": 30, "train": 240, "validation": 30}
    ]
