"""Boxes in images: from which cells they come, who has them, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from mmgraph.data.load import load_dataset
from mmgraph.data.regions import Regions
from mmgraph.data.validation import validate_dataset
from mmgraph.errors import DataError

ONE, TWO = [0, 0, 2, 2], [1.5, 1, 4, 4]


@pytest.fixture
def raw_of(tmp_path):
    """Return a function that writes images with cells of boxes, and reads the regions in them."""

    def make(cells, *, kind: str = "csv", pictures=("a.png", "b.png", "c.png"), **modality):
        for name in filter(None, pictures):
            Image.new("RGB", (4, 4)).save(tmp_path / name)
        frame = pd.DataFrame({"id": range(len(cells)), "picture": pictures[: len(cells)], "boxes": cells})
        table = f"items.{kind}"
        if kind == "csv":
            frame.to_csv(tmp_path / table, index=False)
        elif kind == "jsonl":
            frame.to_json(tmp_path / table, orient="records", lines=True)
        else:
            frame.to_parquet(tmp_path / table)
        seen = {"kind": "regions", "column": "picture", "boxes": "boxes", **modality}
        spec = {"name": "boxes", "entities": {"item": {"table": table, "modalities": {"seen": seen}}}}
        (tmp_path / "dataset.yaml").write_text(yaml.safe_dump(spec))
        return load_dataset(tmp_path).modality("item", "seen")

    return make


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_who_has_an_image_and_boxes_has_regions(raw_of, tmp_path, kind):
    cells = [[ONE, TWO], [], [TWO]]
    raw = raw_of([json.dumps(cell) for cell in cells] if kind == "csv" else cells, kind=kind)
    assert raw.kind == "regions"
    assert raw.index.tolist() == [0, 2]
    assert raw.position is None
    assert raw.values == [
        Regions(tmp_path / "a.png", ((0, 0, 2, 2), (1.5, 1, 4, 4))),
        Regions(tmp_path / "c.png", ((1.5, 1, 4, 4),)),
    ]


def test_a_missing_image_or_cell_is_a_missing_modality(raw_of):
    raw = raw_of([json.dumps([ONE]), "", json.dumps([ONE])], pictures=("", "b.png", "c.png"))
    assert raw.index.tolist() == [2]


def test_each_box_of_a_sequence_is_an_item_with_its_position(raw_of):
    raw = raw_of([json.dumps([ONE, TWO]), "", json.dumps([TWO])], sequence=True)
    assert raw.index.tolist() == [0, 0, 2]
    assert raw.position.tolist() == [0, 1, 0]
    assert [value.boxes for value in raw.values] == [((0, 0, 2, 2),), ((1.5, 1, 4, 4),), ((1.5, 1, 4, 4),)]
    some = raw.take(np.array([2, 1]))
    assert some.position.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("here", r"row 1.*got 'here', which is no list"),
        ("[1, 2, 3, 4]", r"got 1 for a box; wanted \[left, top, right, bottom\]"),
        ("[[1, 2, 3]]", r"got \[1, 2, 3\] for a box"),
        ('[[1, 2, 3, "x"]]', r"got the box \[1, 2, 3, 'x'\]; wanted four numbers"),
        ("[[1, 2, 3, NaN]]", "wanted four numbers"),
        (f"[[0, 0, 1{'0' * 400}, 4]]", r"got the box \[0, 0, 1000+; wanted four numbers"),
        ("[[false, false, true, true]]", "wanted four numbers"),
        ("[[2, 0, 2, 4]]", r"got the box \[2.0, 0.0, 2.0, 4.0\], which has no area"),
        ("[" * 100_000, "which is no list"),
        (json.dumps([ONE] * 1001), "wanted a list of at most 1,000 boxes"),
    ],
)
def test_what_is_no_list_of_boxes_is_refused(raw_of, cell, message):
    with pytest.raises(DataError, match=message):
        raw_of([cell, json.dumps([ONE])])


def test_all_wrong_cells_are_told_together(raw_of):
    with pytest.raises(DataError, match=r"2 more cells are as wrong.*leave the cell empty"):
        raw_of(["x", "y", "z"])


def test_no_boxes_at_all_are_refused(raw_of):
    with pytest.raises(DataError, match=r"seen\.boxes: no entity has both an image and boxes"):
        raw_of(["", "[]"])


def test_broken_images_are_found_or_skipped(raw_of, tmp_path):
    raw_of([json.dumps([ONE])] * 2)
    (tmp_path / "b.png").write_bytes(b"no picture")
    faults = validate_dataset(tmp_path)
    assert any("b.png" in fault.where for fault in faults)
    dataset = load_dataset(tmp_path, overrides=["entities.item.modalities.seen.on_error=skip"])
    raw = dataset.modality("item", "seen")
    assert raw.index.tolist() == [0]
    assert list(raw.skipped) == [1]
