from __future__ import annotations

import contextlib
import io
import struct
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from mmgraph.data.files import UnreadableFileError
from mmgraph.data.image_file import MAX_PIXELS
from mmgraph.encoders import images
from mmgraph.encoders.images import read_image, read_rgb


def grey_of(picture: np.ndarray) -> np.ndarray:
    assert picture.shape[2] == 3
    assert (np.ptp(picture, axis=2) == 0).all()
    return picture[..., 0]


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "LA", "CMYK", "YCbCr", "I;16", "I", "F"])
def test_any_mode_gives_the_same_picture(mode, image_file, gradient):
    grey = Image.fromarray(gradient[..., 1])
    if mode in ("I;16", "I", "F"):
        scale = 1 / 255 if mode == "F" else 257.0
        types = {"I;16": np.uint16, "I": np.int32, "F": np.float32}
        grey = Image.fromarray((gradient[..., 1] * scale).astype(types[mode]))
        assert grey.mode == mode
    else:
        grey = grey.convert(mode)
    suffix = "png" if mode in ("L", "RGB", "RGBA", "P", "LA", "I;16") else "tiff"
    picture = read_image(image_file(f"a.{suffix}", grey), size=40)
    assert picture.dtype == np.uint8
    np.testing.assert_allclose(picture, np.repeat(gradient[..., 1:2], 3, axis=2), atol=2)


def by_pillow(path):
    """What Pillow makes of a file all at once."""
    with Image.open(io.BytesIO(path.read_bytes())) as image:
        image.load()
        if image.mode.startswith(("I", "F")):
            values = np.nan_to_num(np.asarray(image, dtype=np.float64))
            white = max(65535.0 if image.mode.startswith("I") else 255.0, values.max())
            grey = Image.fromarray((np.clip(values / white, 0, 1) * 255).astype(np.uint8))
            grey.info, image = dict(image.info), grey
        upright = ImageOps.exif_transpose(image)
        if not upright.has_transparency_data:
            return np.asarray(upright.convert("RGB"))
        white = Image.new("RGBA", upright.size, "white")
        return np.asarray(Image.alpha_composite(white, upright.convert("RGBA")).convert("RGB"))


@pytest.mark.parametrize("turned", [1, 6])
@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("a.png", "L", {"transparency": 60}),
        ("a.png", "RGB", {"transparency": (60, 60, 60)}),
        ("a.png", "RGBA", {}),
        ("a.png", "LA", {}),
        ("a.png", "P", {"transparency": 7}),
        ("a.png", "P", {"transparency": bytes(range(256))}),
        ("a.gif", "P", {"transparency": 7}),
        ("a.png", "I;16", {}),
        ("a.tiff", "I", {}),
        ("a.tiff", "F", {}),
        ("a.tiff", "CMYK", {}),
        ("a.jpg", "RGB", {}),
        ("a.webp", "RGBA", {"lossless": True}),
        ("a.webp", "RGB", {}),
    ],
)
def test_some_rows_at_a_time_a_picture_has_the_bits_that_it_has_at_once(
    name, mode, options, turned, image_file, monkeypatch
):
    monkeypatch.setattr(images, "_ROWS", 7)
    noise = np.random.default_rng(0).integers(0, 256, size=(40, 30, 4), dtype=np.uint8)
    match mode:
        case "I;16" | "I":
            picture = Image.fromarray(noise[..., 0].astype(np.uint16 if mode == "I;16" else np.int32) * 300)
        case "F":
            picture = Image.fromarray(noise[..., 0] * np.float32(3.3))
        case _:
            picture = Image.fromarray(noise).convert(mode)
    assert picture.mode == mode
    exif = Image.Exif()
    exif[0x0112] = turned
    if not name.endswith(".gif"):
        options = options | {"exif": exif}
    path = image_file(name, picture, **options)
    np.testing.assert_array_equal(np.asarray(read_rgb(path)), by_pillow(path))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak of a process")
@pytest.mark.parametrize(("mode", "at_most"), [("RGB", 320), ("RGBA", 640), ("I;16", 520)])
def test_the_largest_picture_takes_less_than_a_gigabyte(mode, at_most, image_file):
    pixels = np.zeros((8192, 8192), dtype=np.uint16)
    picture = Image.fromarray(pixels) if mode == "I;16" else Image.new(mode, (8192, 8192), "red")
    path = image_file("large.png", picture, compress_level=1)
    code = """
        import pathlib, re, sys
        from mmgraph.encoders.images import read_image

        def peak():
            return int(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1])

        before = peak()
        read_image(pathlib.Path(sys.argv[1]), size=64)
        print((peak() - before) // 1024)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), path], capture_output=True, text=True, check=True
    )
    assert 64 < int(done.stdout) < at_most


def test_black_and_white(image_file):
    pixels = np.zeros((32, 32), dtype=bool)
    pixels[:, 16:] = True
    grey = grey_of(read_image(image_file("a.png", Image.fromarray(pixels)), size=32))
    assert grey[:, :14].max() == 0
    assert grey[:, 18:].min() == 255


def test_what_is_transparent_is_white(image_file):
    clear = Image.new("RGBA", (20, 20), (255, 0, 0, 0))
    assert (read_image(image_file("a.png", clear), size=16) == 255).all()
    half = Image.new("RGBA", (20, 20), (0, 0, 0, 128))
    assert set(np.unique(read_image(image_file("b.png", half), size=16))) == {127}


def test_a_transparent_colour_of_a_palette_is_white(image_file):
    image = Image.new("P", (20, 20), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    picture = read_image(image_file("a.png", image, transparency=1), size=16)
    assert (picture == 255).all()


def test_wide_images_are_stretched_to_a_square(image_file):
    wide = np.zeros((10, 100), dtype=np.uint8)
    wide[:, 50:] = 255
    grey = grey_of(read_image(image_file("a.png", wide), size=32))
    assert grey[:, :14].max() == 0
    assert grey[:, 18:].min() == 255


def test_exif_says_which_way_is_up(image_file):
    image = Image.fromarray(np.repeat(np.arange(0, 240, 6, dtype=np.uint8)[:, None], 40, axis=1))
    exif = Image.Exif()
    exif[0x0112] = 3
    turned = read_image(image_file("a.png", image, exif=exif), size=40)
    np.testing.assert_array_equal(turned, read_image(image_file("b.png", image), size=40)[::-1, ::-1])


def test_of_an_animation_the_first_frame_is_taken(image_file):
    black, white = Image.new("L", (16, 16), 0), Image.new("L", (16, 16), 255)
    path = image_file("a.gif", black, save_all=True, append_images=[white])
    assert (read_image(path, size=16) == 0).all()


def test_a_large_jpeg_is_read_as_its_small_self(image_file, gradient):
    large = Image.fromarray(gradient).resize((1200, 1200), Image.Resampling.BICUBIC)
    picture = read_image(image_file("a.jpg", large, quality=95), size=40).astype(int)
    assert np.abs(picture - gradient).max() <= 12


def png_header(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 9999) + b"IDAT"


@pytest.mark.parametrize("side", [9_000, 12_000, 60_000, 2_000_000_000])
def test_a_small_file_that_claims_to_be_huge_is_refused_unread(side, tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(side, side))
    with pytest.raises(UnreadableFileError, match=f"{MAX_PIXELS:,} pixels"):
        read_image(path, size=32)


def broken_files(image_file, gradient, tmp_path):
    whole = image_file("whole.png", gradient).read_bytes()
    noise = np.random.default_rng(0).bytes(500)
    return {
        "empty": (b"", "is empty, it has 0 bytes"),
        "noise": (noise, "none of the image formats"),
        "text": (b"no picture at all\n", "none of the image formats"),
        "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "none of the image formats"),
        "truncated": (whole[: len(whole) // 2], "cannot be read as an image: .*truncated"),
        "header": (png_header(8, 8), "cannot be read as an image"),
        "flipped": (whole[:60] + bytes(len(whole) - 60), "cannot be read as an image"),
    }


@pytest.mark.parametrize("name", ["empty", "noise", "text", "postscript", "truncated", "header", "flipped"])
def test_a_broken_file_is_refused(name, image_file, gradient, tmp_path):
    content, problem = broken_files(image_file, gradient, tmp_path)[name]
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError, match=problem):
        read_image(path, size=32)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UnreadableFileError, match="No such file"):
        read_image(tmp_path / "absent.png", size=32)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tiff", "webp"])
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_bytes_end_in_a_picture_or_in_a_refusal(suffix, data, image_file, gradient, tmp_path):
    content = bytearray(image_file(f"whole.{suffix}", gradient).read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / f"damaged.{suffix}"
    path.write_bytes(bytes(content[: data.draw(st.integers(1, len(content)))]))
    with contextlib.suppress(UnreadableFileError):
        assert read_image(path, size=16).shape == (16, 16, 3)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("mode", ["L", "I;16", "F", "RGB"])
def test_a_tiff_file_is_turned_as_it_says(mode, turn, tmp_path):
    upright = np.arange(32, dtype=np.float64).reshape(8, 4) * 8
    # What a camera that was held so stores, by the order of rows and columns that TIFF says.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: upright.T[::-1],
        7: upright.T[::-1, ::-1],
        8: upright.T[:, ::-1],
    }[turn]
    if mode == "RGB":
        picture = Image.fromarray(np.repeat(stored[..., None], 3, axis=2).astype(np.uint8))
    else:
        kind = {"L": np.uint8, "I;16": np.uint16, "F": np.float32}[mode]
        picture = Image.fromarray((stored * (257 if mode == "I;16" else 1)).astype(kind))
    picture.save(tmp_path / "a.tif", tiffinfo={274: turn})
    found = np.asarray(read_rgb(tmp_path / "a.tif"), dtype=np.float64)[..., 0]
    assert found.shape == (8, 4)
    # Brightness may be scaled, but its order is that of the picture.
    assert np.corrcoef(found.ravel(), upright.ravel())[0, 1] > 0.999


def test_infinite_pixels_are_as_bright_as_the_brightest(tmp_path):
    values = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    values[0, 0], values[7, 7] = np.inf, -np.inf
    Image.fromarray(values).save(tmp_path / "a.tif")
    found = np.asarray(read_rgb(tmp_path / "a.tif"))[..., 0]
    assert found[0, 0] == found.max() >= 250
    assert found[7, 7] == found.min()
    assert found[3, 3] > 60
