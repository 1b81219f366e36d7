"""With ``on_error: skip`` whatever its encoder cannot read is a missing modality."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mmgraph as mg
from mmgraph.data.load import load_dataset
from mmgraph.data.video_file import video_library
from mmgraph.encoders.cache import FeatureCache
from mmgraph.encoders.extract import extract
from mmgraph.errors import DataError

SPEC = """\
format: 1
name: clips
entities:
  clip:
    table: clips.csv
    modalities:
      seen: {kind: video, column: file, on_error: skip, encoder: {name: frames, frames: 6}}
      said: {kind: text, column: word}
splits:
  main: {kind: column, entity: clip, column: part}
tasks:
  word: {entity: clip, target: label, split: main}
"""


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Return a dataset of eight clips, two of which break off after their first frames."""
    folder = tmp_path / "clips"
    folder.mkdir()
    av = video_library()
    rng = np.random.default_rng(0)
    for number in range(8):
        with av.open(str(folder / f"{number}.mp4"), "w") as file:
            stream = file.add_stream("mpeg4", rate=8)
            stream.width, stream.height = 64, 48
            stream.gop_size = 1
            for _ in range(12):
                picture = rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)
                file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            file.mux(stream.encode(None))
    parts = ["train", "train", "train", "train", "validation", "test", "train", "test"]
    table = pd.DataFrame({"id": [f"c{9 - n}" for n in range(8)], "file": [f"{n}.mp4" for n in range(8)]})
    table = table.assign(word=["up", "down"] * 4, label=["a", "b"] * 4, part=parts)
    table.to_csv(folder / "clips.csv", index=False)
    (folder / "dataset.yaml").write_text(SPEC, encoding="utf-8")
    return folder


def damage(path: Path) -> None:
    """Turn the middle of a clip into noise."""
    whole = bytearray(path.read_bytes())
    start, end = len(whole) // 3, 2 * len(whole) // 3
    whole[start:end] = np.random.default_rng(1).integers(0, 255, end - start, dtype=np.uint8).tobytes()
    path.write_bytes(bytes(whole))


def test_what_an_encoder_cannot_read_is_skipped(clips: Path, tmp_path: Path) -> None:
    for number in (2, 5):
        damage(clips / f"{number}.mp4")
    cache = FeatureCache(tmp_path / "cache")
    with pytest.raises(DataError, match=r"2\.mp4"):
        extract(load_dataset(clips, overrides=["entities.clip.modalities.seen.on_error=fail"]), cache=cache)
    found = {one.modality: one for one in extract(load_dataset(clips), cache=cache)}
    assert sorted(found["clip/seen"].skipped) == ["c4", "c7"]
    assert found["clip/seen"].items == 6
    assert found["clip/seen"].encoded == 0, "the first time has kept all others"
    anew = {one.modality: one for one in extract(load_dataset(clips), cache=FeatureCache(tmp_path / "new"))}
    assert anew["clip/seen"].encoded == 6
    graph = mg.build_graph(load_dataset(clips), cache=cache)
    assert sorted(graph.nodes["clip/seen"]["id"]) == ["c2", "c3", "c5", "c6", "c8", "c9"]
    assert len(graph.nodes["clip/said"]) == 8


def test_a_new_entity_lacks_what_cannot_be_read(clips: Path, tmp_path: Path) -> None:
    graph = mg.build_graph(load_dataset(clips), cache=FeatureCache(tmp_path / "cache"))
    run = mg.train(
        graph, task="word", model="mlp", overrides=("model.hidden_channels=8", "max_epochs=2", "device=cpu")
    )
    damage(clips / "7.mp4")
    new = [{"id": "n1", "file": "6.mp4", "word": "up"}, {"id": "n2", "file": "7.mp4", "word": "down"}]
    said = mg.predict(run, new, folder=clips).set_index("id")
    assert said["prediction"].notna().all()
    assert "cannot be read" in str(said.loc["n2"].to_dict())
    assert "cannot be read" not in str(said.loc["n1"].to_dict())
