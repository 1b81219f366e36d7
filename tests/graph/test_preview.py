"""Thumbnails and beginnings of texts."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmgraph.data.modalities import RawModality
from mmgraph.errors import DataError
from mmgraph.graph import Graph, preview
from mmgraph.graph.preview import thumbnail
from mmgraph.progress import Progress


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize(
    ("size", "expected"),
    [((200, 100), (48, 24)), ((30, 200), (7, 48)), ((20, 10), (20, 10)), ((48, 48), (48, 48))],
)
def test_thumbnails_keep_their_shape_and_fit(tmp_path: Path, size, expected):
    Image.new("RGB", size, (200, 30, 10)).save(tmp_path / "a.jpg")
    image = opened(thumbnail(tmp_path / "a.jpg"))
    assert (image.format, image.size) == ("PNG", expected)


@pytest.mark.parametrize(
    ("mode", "kept"),
    [("RGB", "RGB"), ("RGBA", "RGBA"), ("L", "L"), ("1", "L"), ("P", "RGB"), ("CMYK", "RGB")],
)
def test_rare_modes_become_plain_ones(tmp_path: Path, mode, kept):
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.new("RGB", (60, 60), (255, 0, 0)).convert(mode).save(path)
    assert opened(thumbnail(path)).mode == kept


def test_transparency_is_kept(tmp_path: Path):
    Image.new("LA", (60, 60), (100, 0)).save(tmp_path / "a.png")
    assert opened(thumbnail(tmp_path / "a.png")).getpixel((3, 3))[3] == 0


def test_the_same_picture_gives_the_same_bytes_without_baggage(tmp_path: Path):
    pixels = np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    Image.fromarray(pixels).save(tmp_path / "b.png", dpi=(300, 300), icc_profile=b"x" * 1000)
    assert thumbnail(tmp_path / "a.png") == thumbnail(tmp_path / "a.png") == thumbnail(tmp_path / "b.png")


def test_a_broken_picture_is_named(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"a.png: is none of the image formats"):
        thumbnail(tmp_path / "a.png")


def test_a_picture_that_breaks_off_is_named(tmp_path: Path):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 90, 3), dtype=np.uint8)).save(
        tmp_path / "a.png"
    )
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:500])
    with pytest.raises(DataError, match=r"b.png: cannot be read as an image"):
        thumbnail(tmp_path / "b.png")


def test_node_tables_hold_previews(graph: Graph):
    pictures = graph.nodes["product/picture"]
    assert all(max(opened(png).size) <= 48 for png in pictures["preview"])
    names = graph.nodes["product/name"]
    titles = graph.nodes["product"]["title"].iloc[names["entity_index"]]
    assert names["preview"].tolist() == titles.tolist()
    assert graph.nodes["product/vector"]["preview"].isna().all()


def test_long_texts_are_cut(make_shop):
    from mmgraph.graph import build_graph

    shop = make_shop()
    path = shop.folder / "products.csv"
    text = path.read_text()
    title = text.splitlines()[1].split(",")[1]
    path.write_text(text.replace(title, "word " * 100, 1))
    previews = build_graph(shop, relations=[], cache=False).nodes["product/name"]["preview"]
    assert previews.iloc[0] == ("word " * 40)


def test_a_sound_is_drawn_as_loud_as_it_is(tmp_path: Path):
    soundfile = pytest.importorskip("soundfile")
    rising = np.linspace(0.0, 0.5, 8_000) * np.sign(np.sin(np.arange(8_000)))
    soundfile.write(tmp_path / "a.wav", rising, 8_000)
    image = opened(thumbnail(tmp_path / "a.wav", "audio"))
    assert image.size == (48, 48)
    heights = (np.asarray(image)[..., 1] > 0).sum(axis=0)
    assert (np.diff(heights) >= 0).all()
    assert heights[-1] == 48
    assert heights[0] < 4


def test_a_video_is_shown_by_a_frame_near_its_beginning(tmp_path: Path):
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "a.mp4"), "w") as file:
        stream = file.add_stream("mpeg4", rate=8)
        stream.width, stream.height = 96, 48
        for step in range(64):
            picture = np.full((48, 96, 3), (200, 0, 0) if step < 17 else (0, 0, 200), dtype=np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode(None))
    image = opened(thumbnail(tmp_path / "a.mp4", "video"))
    assert image.size == (48, 24)
    red, _, blue = np.asarray(image.convert("RGB")).reshape(-1, 3).mean(axis=0)
    assert red > 150 > 50 > blue


@pytest.mark.parametrize(("kind", "library"), [("audio", "soundfile"), ("video", "av")])
def test_without_the_library_there_is_no_thumbnail(tmp_path: Path, monkeypatch, kind, library):
    found = importlib.util.find_spec
    monkeypatch.setattr(preview, "find_spec", lambda name: None if name == library else found(name))
    raw = RawModality(kind, np.arange(1), [tmp_path / "a"])
    assert preview.previews(raw, name="x", progress=Progress(quiet=True)).tolist() == [None]
