"""Makes the ``spoken_digits`` dataset from the recordings of the Free Spoken Digit Dataset."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pandas as pd

from mmgraph.errors import DataError
from mmgraph.progress import Progress

NEEDS_SOURCE = True

RECORDINGS = "recordings"
FSDD = (
    "https://raw.githubusercontent.com/Jakobovski/free-spoken-digit-dataset/"
    "26eb9aaf76e81b692f806f9140c2d2777410d7a1"
)
_NAME = re.compile(r"(?P<digit>[0-9])_(?P<speaker>[a-z]+)_(?P<take>[0-9]+)\.wav")

# By the authors' rule takes below 5 are the test; we choose by the five after them.
_TEST, _VALIDATION = 5, 10


def _sources() -> list[dict[str, str]]:
    listed = Path(__file__).with_name("checksums.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("  ", 1) for line in listed)
    return [{"path": path, "url": f"{FSDD}/{path}", "sha256": sha256} for sha256, path in pairs]


SOURCES = _sources()


def prepare(out: Path, source: Path | None, progress: Progress) -> None:
    """Write the table and the recordings into ``out``.

    Args:
        out: An empty folder.
        source: The folder with ``recordings/``.
        progress: Told about every recording.

    Raises:
        DataError: If there are no recordings, or a file's name does not say what is spoken, and by whom.
    """
    assert source is not None, "prepare_dataset gives every dataset with NEEDS_SOURCE a source folder"
    table = recordings(source / RECORDINGS)
    (out / RECORDINGS).mkdir()
    with progress.job("copy recordings", total=len(table)) as advance:
        for sound in table["sound"]:
            shutil.copyfile(source / sound, out / sound)
            advance()
    table.to_parquet(out / "recordings.parquet", index=False)


def recordings(folder: Path) -> pd.DataFrame:
    """Return the entity table: one row a recording, by speaker, digit and take."""
    found = []
    for path in folder.glob("*.wav"):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise DataError(
                "is not named DIGIT_SPEAKER_TAKE.wav",
                where=str(path),
                fix="Take the recordings of the Free Spoken Digit Dataset as they are.",
            )
        found.append((match["speaker"], match["digit"], int(match["take"])))
    if not found:
        raise DataError(
            "there are no recordings *.wav",
            where=str(folder),
            fix="Pass the folder that holds recordings/ as --source.",
        )
    table = pd.DataFrame(sorted(found), columns=["speaker", "digit", "take"])
    names = table["digit"] + "_" + table["speaker"] + "_" + table["take"].astype(str)
    return pd.DataFrame(
        {
            "id": names,
            "title": table["digit"] + " by " + table["speaker"] + ", take " + table["take"].astype(str),
            "sound": RECORDINGS + "/" + names + ".wav",
            "digit": table["digit"],
            "speaker": table["speaker"],
            # The same once more: no relation may be made of the column that a task predicts.
            "voice": table["speaker"],
            "official": table["take"].map(part_of),
        }
    )


def part_of(take: int) -> str:
    """Return which part of the official split a take belongs to.

    Example:
        >>> part_of(4), part_of(9), part_of(10)
        ('test', 'validation', 'train')
    """
    return "test" if take < _TEST else "validation" if take < _VALIDATION else "train"
