"""``mmgraph extract``: what it says, and what it leaves behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Call = Callable[..., Any]


def test_it_encodes_once(call: Call) -> None:
    first = call("extract", "glyphs", "--modality", "glyph/sans", "--set", SMALL, "--json")
    assert first.code == 0, first.err
    (row,) = json.loads(first.out)["modalities"]
    assert row["modality"] == "glyph/sans"
    assert row["encoder"] == "hog"
    assert 0 < row["encoded"] == row["distinct"] <= row["items"]
    assert f"encode image: {row['distinct']:,}/{row['distinct']:,}" in first.err
    again = call("extract", "glyphs", "--modality", "glyph/sans", "--set", SMALL)
    assert again.code == 0
    line = next(line for line in again.out.splitlines() if "glyph/sans" in line)
    assert [cell.strip() for cell in line.split("│")[3:6]] == [
        f"{row['items']:,}",
        f"{row['distinct']:,}",
        "0",
    ]


def test_on_error_is_fail_or_skip(call: Call) -> None:
    assert call("extract", "glyphs", "--on-error", "skip", "--quiet").code == 0
    result = call("extract", "glyphs", "--on-error", "forget")
    assert result.code == 2
    assert "on_error: got 'forget'; wanted one of 'fail' or 'skip'" in result.err


def test_half_precision_is_one_key(call: Call, tmp_path: Path) -> None:
    folder, run = tmp_path / "half", tmp_path / "run"
    half = ("--set", SMALL, "--set", "storage=float16", "--quiet")
    assert call("extract", "glyphs", *half).code == 0
    built = call("build-graph", "glyphs", "--out", str(folder), *half)
    assert built.code == 0, built.err
    assert np.load(folder / "features/glyph/sans.npy").dtype == np.float16
    trained = call("train", str(folder), "--task", "script", "--model", "mlp", "--out", str(run), "--json")
    assert trained.code == 0, trained.err
    wrong = call("build-graph", "glyphs", "--out", str(tmp_path / "no"), "--set", "storage=half")
    assert wrong.code == 2
    assert "storage: got 'half'; wanted one of 'float32' or 'float16'" in wrong.err


SMALL = "entities.glyph.modalities.sans.encoder={name: hog, size: 16, cells: 2}"
