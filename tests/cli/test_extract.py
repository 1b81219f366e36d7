"""``mmgraph extract``: what it says, and what it leaves behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

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


SMALL = "entities.glyph.modalities.sans.encoder={name: hog, size: 16, cells: 2}"
