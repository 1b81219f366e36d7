"""Makes the ``moving_glyphs`` dataset: short videos of letters that move, rendered from fonts of matplotlib.

Nothing is downloaded: the fonts come with matplotlib, and PyAV writes the videos.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from mmgraph.data.video_file import video_library
from mmgraph.progress import Progress

NEEDS_SOURCE = False

GLYPHS = tuple("AEFHKMRS25")
FONTS = {
    "sans": "DejaVuSans.ttf",
    "sans-bold": "DejaVuSans-Bold.ttf",
    "serif": "DejaVuSerif.ttf",
    "serif-bold": "DejaVuSerif-Bold.ttf",
    "mono": "DejaVuSansMono.ttf",
}
TAKES = 2

SIZE = 64
FRAMES = 12
RATE = 12
EM = 26
# A glyph is drawn this much larger than it is shown, so that turning and growing do not fray it.
FINE = 3

Pose = tuple[float, float, float, float]
"""Centre from left and top, in pixels; angle in degrees, counter-clockwise; size, 1 for an em of 26."""

# What becomes of a glyph while time goes from -1 to 1; it is in the middle of its way at 0.
MOTIONS: dict[str, Callable[[float], Pose]] = {
    "left": lambda time: (-14 * time, 0, 0, 1),
    "right": lambda time: (14 * time, 0, 0, 1),
    "up": lambda time: (0, -14 * time, 0, 1),
    "down": lambda time: (0, 14 * time, 0, 1),
    "clockwise": lambda time: (0, 0, -60 * time, 1),
    "counter-clockwise": lambda time: (0, 0, 60 * time, 1),
    "grows": lambda time: (0, 0, 0, 1.1 + 0.5 * time),
    "shrinks": lambda time: (0, 0, 0, 1.1 - 0.5 * time),
}


def prepare(out: Path, source: Path | None, progress: Progress) -> None:  # noqa: ARG001
    """Write the table and the videos into ``out``.

    Args:
        out: An empty folder.
        source: Not used: the dataset needs no source files.
        progress: Told about every video.

    Raises:
        MissingDependencyError: If PyAV is not installed.
    """
    (out / "clips").mkdir()
    rows = []
    wanted = list(itertools.product(FONTS, GLYPHS, MOTIONS, range(TAKES)))
    with progress.job("render videos", total=len(wanted)) as advance:
        for number, (font, glyph, motion, take) in enumerate(wanted):
            name = f"{font}_{glyph}_{motion}_{take}"
            write_video(out / "clips" / f"{name}.mp4", frames_of(font, glyph, motion, seed=number))
            rows.append(
                {
                    "id": name,
                    "title": f"{glyph} in {font}: {motion}",
                    "clip": f"clips/{name}.mp4",
                    "what": glyph,
                    "how": motion,
                    "font": font,
                }
            )
            advance()
    pd.DataFrame(rows).to_parquet(out / "clips.parquet", index=False)


def frames_of(font: str, glyph: str, motion: str, *, seed: int) -> list[Image.Image]:
    """Return the frames of a video, grey, 64 x 64 pixels each.

    Args:
        font: A name in ``FONTS``.
        glyph: One character.
        motion: A name in ``MOTIONS``.
        seed: Of the place, the angle, the brightnesses and the noise.

    Example:
        >>> frames = frames_of(next(iter(FONTS)), "A", next(iter(MOTIONS)), seed=0)
        >>> len(frames) == FRAMES, frames[0].size, frames[0].mode
        (True, (64, 64), 'L')
    """
    rng = np.random.default_rng([0, seed])
    place, angle = SIZE / 2 + rng.uniform(-5, 5, size=2), rng.uniform(-12, 12)
    ground, ink = rng.uniform(0, 90), rng.uniform(150, 255)
    file = Path(matplotlib.get_data_path(), "fonts", "ttf", FONTS[font])
    # Basic layout gives the same picture whether or not a text shaping library is installed.
    face = ImageFont.truetype(str(file), EM * FINE, layout_engine=ImageFont.Layout.BASIC)
    frames = []
    for time in np.linspace(-1, 1, FRAMES):
        right, down, turned, size = MOTIONS[motion](float(time))
        share = np.asarray(drawn(face, glyph, (place[0] + right, place[1] + down, angle + turned, size)))
        grey = ground + (ink - ground) * (share / 255) + rng.normal(0, 3, size=(SIZE, SIZE))
        frames.append(Image.fromarray(np.clip(np.rint(grey), 0, 255).astype(np.uint8)))
    return frames


def drawn(face: ImageFont.FreeTypeFont, glyph: str, pose: Pose) -> Image.Image:
    """Return how much of each pixel a glyph covers, 0 to 255, in a picture of 64 x 64."""
    across, along, angle, size = pose
    side = SIZE * FINE
    picture = Image.new("L", (side, side))
    ImageDraw.Draw(picture).text((side / 2, side / 2), glyph, fill=255, font=face, anchor="mm")
    # For each pixel of the result, where it comes from: turned, shrunk and moved about the middle.
    radians = np.deg2rad(angle)
    a, b = np.cos(radians) / size, -np.sin(radians) / size
    x, y = across * FINE, along * FINE
    affine = (a, b, side / 2 - a * x - b * y, -b, a, side / 2 + b * x - a * y)
    moved = picture.transform((side, side), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
    return moved.resize((SIZE, SIZE), Image.Resampling.BOX)


def write_video(path: Path, frames: list[Image.Image]) -> None:
    """Write frames as an MP4 file of one second; the same frames give the same bytes."""
    av = video_library()
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as file:
        stream = file.add_stream("mpeg4", rate=RATE)
        stream.width = stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.bit_rate = 400_000
        stream.codec_context.options = {"flags": "+bitexact"}
        for frame in frames:
            file.mux(stream.encode(av.VideoFrame.from_image(frame.convert("RGB"))))
        file.mux(stream.encode())
