"""Video: statistics of what moves where, projected on principal components."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import Field

from mmgraph.data.modalities import RawModality
from mmgraph.data.video_file import read_frames
from mmgraph.encoders.files import read_each
from mmgraph.encoders.optical_flow import Flow, optical_flow
from mmgraph.encoders.projected import ProjectedEncoder
from mmgraph.progress import Progress
from mmgraph.registry import ENCODERS

_SIZE = 64
_DIRECTIONS = 8
_PARTS = 3
_CELLS = 4


@ENCODERS.register("motion")
@dataclass(kw_only=True, eq=False)
class Motion(ProjectedEncoder):
    """Video: how much moves, in which directions, inwards or outwards, round which way, and where.

    The optical flow between frames that follow each other (Lucas and Kanade 1981,
    https://www.ijcai.org/Proceedings/81-2/Papers/017.pdf), at 64 x 64 pixels, summed up for thirds of the
    video, so that their order counts: a histogram of directions by speed; the mean motion; the motion away
    from the centre of what moves, and around it; how much moves in each of 4 x 4 places; and how much
    brightness changes. Each of these gets the same variance before the projection.

    Needs the extra ``mmgraph[video]``.

    Args:
        frames: How many frames are looked at; the more, the faster may be what moves.
        seconds: How much of the beginning of a file counts.
        components: Principal components to keep at most.

    Example:
        >>> Motion(frames=8)
        Motion(components=128, frames=8, seconds=60.0)
    """

    kind: ClassVar[str] = "video"
    version: ClassVar[int] = 2
    libraries: ClassVar[tuple[str, ...]] = ("av", "pillow", "scipy")

    frames: Annotated[int, Field(ge=_PARTS + 1, le=1_024, description="How many frames are looked at.")] = 16
    seconds: Annotated[
        float, Field(gt=0, le=36_000, description="How much of the beginning of a file counts.")
    ] = 60.0

    def describe(self, raw: RawModality, progress: Progress) -> npt.NDArray[np.float32]:
        """Return the statistics of each video side by side, float32 [M, D].

        Raises:
            DataError: If videos cannot be read; it names the first few and counts them all.
            MissingDependencyError: If PyAV is not installed.
        """

        def describe_one(path: Path) -> npt.NDArray[np.float32]:
            frames = read_frames(path, number=self.frames, seconds=self.seconds)
            return _statistics(np.stack([_grey(frame) for frame in frames]))

        return read_each(raw, describe_one, progress=progress)

    @property
    def widths(self) -> tuple[int, ...]:
        """The widths of the parts, as `_statistics` puts them side by side."""
        return (_PARTS * _DIRECTIONS, _PARTS * 2, _PARTS * 2, _PARTS * _CELLS**2, _PARTS)


def _grey(frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return a frame in grey, 0 to 1, [64, 64]."""
    small = Image.fromarray(frame).resize((_SIZE, _SIZE), Image.Resampling.BILINEAR).convert("L")
    return np.asarray(small, dtype=np.float64) / 255


def _statistics(grey: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return the statistics of frames [F, 64, 64] side by side, in the order of `Motion.widths`."""
    flow = optical_flow(grey[:-1], grey[1:])
    change = np.abs(np.diff(grey, axis=0)).mean(axis=(1, 2))
    speed = np.hypot(*flow)
    cell = _SIZE // _CELLS
    places = speed.reshape(-1, _CELLS, cell, _CELLS, cell).mean(axis=(2, 4)).reshape(len(speed), -1)
    courses = (_directions(flow, speed), flow.mean(axis=(2, 3)).T, _about_centre(flow, speed), places, change)
    parts = [_means_of_parts(course) for course in courses]
    return np.concatenate(parts).astype(np.float32)


def _directions(flow: Flow, speed: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return how much moves in each of eight directions, [P, 8]; right first, then down."""
    angle = np.arctan2(flow[0], flow[1]) / (2 * np.pi) * _DIRECTIONS
    sector = np.rint(angle).astype(np.int64) % _DIRECTIONS
    sector += np.arange(len(speed))[:, None, None] * _DIRECTIONS
    sums = np.bincount(sector.ravel(), weights=speed.ravel(), minlength=len(speed) * _DIRECTIONS)
    return sums.reshape(len(speed), _DIRECTIONS) / _SIZE**2


def _about_centre(flow: Flow, speed: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the mean motion away from the centre of what moves, and around it clockwise, [P, 2]."""
    place = np.indices((_SIZE, _SIZE), dtype=np.float64)[:, None]
    weight = speed / np.maximum(speed.sum(axis=(1, 2), keepdims=True), np.finfo(np.float64).tiny)
    centre = (place * weight).sum(axis=(2, 3), keepdims=True)
    from_centre = place - centre
    down, right = from_centre / np.maximum(np.hypot(*from_centre), 1.0)
    outwards = (flow[0] * down + flow[1] * right).mean(axis=(1, 2))
    around = (flow[0] * right - flow[1] * down).mean(axis=(1, 2))
    return np.stack([outwards, around], axis=1)


def _means_of_parts(course: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the means of what is there for each pair of frames, [P, ...], over thirds, side by side."""
    return np.concatenate([part.mean(axis=0).ravel() for part in np.array_split(course, _PARTS)])
