"""Writes 48 made-up characters of three scripts, so that every command runs in a moment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from mmgraph.progress import Progress

NEEDS_SOURCE = False
COUNT = 48


def prepare(out: Path, source: Path | None, progress: Progress) -> None:
    """Write pictures, the table and the relation."""
    rng = np.random.default_rng(0)
    (out / "sans").mkdir()
    words = {"latin": "letter with stem", "greek": "sign of sound", "thai": "loop and tail"}
    rows = []
    for number in range(COUNT):
        script = list(words)[number % 3]
        picture = rng.integers(0, 120, size=(24, 24)).astype(np.uint8)
        picture[:, 8 * (number % 3) : 8 * (number % 3) + 8] += 120
        path = f"sans/{number}.png" if number % 6 else ""
        if path:
            Image.fromarray(picture).save(out / path)
        category = "Lu" if number % 2 else "Ll"
        rows.append((_id(number), f"Glyph {number}", script, category, path, f"{words[script]} {number % 5}"))
    columns = ["id", "title", "script", "category", "sans", "name"]
    pd.DataFrame(rows, columns=columns).to_csv(out / "glyphs.csv", index=False)
    pairs = [(_id(number), _id(number + 3)) for number in range(0, COUNT - 3, 2)]
    pd.DataFrame(pairs, columns=["source", "target"]).to_csv(out / "case_pair.csv", index=False)


def _id(number: int) -> str:
    return f"U+{0x41 + number:04X}"
