"""Pairs of modalities: who has one, what is in it, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from mmgraph.data.load import load_dataset
from mmgraph.data.pairs import Pair
from mmgraph.errors import ConfigError, DataError

BOTH = {"kind": "pair", "inputs": ["text", "picture"], "encoder": "vilt"}


@pytest.fixture
def dataset_of(tmp_path):
    """Return a function that writes a dataset of four items, some of which lack a modality, and opens it."""

    def make(modalities: dict[str, Any], **spec: Any):
        for name in "abc":
            Image.new("RGB", (4, 4)).save(tmp_path / f"{name}.png")
        rows = ["id,text,picture", "1,one,a.png", "2,,b.png", "3,three,", "4,four,c.png"]
        (tmp_path / "items.csv").write_text("\n".join(rows) + "\n")
        np.savez(tmp_path / "regions.npz", values=np.arange(12.0).reshape(6, 2), offsets=[0, 2, 3, 3, 6])
        own = {
            "text": {"kind": "text", "column": "text"},
            "picture": {"kind": "image", "column": "picture"},
            "regions": {"kind": "features", "file": "regions.npz", "sequence": True},
        }
        content = {
            "name": "pairs",
            "entities": {"item": {"table": "items.csv", "modalities": {**own, **modalities}}},
            **spec,
        }
        (tmp_path / "dataset.yaml").write_text(yaml.safe_dump(content))
        return load_dataset(tmp_path)

    return make


def test_who_lacks_either_has_no_pair(dataset_of, tmp_path):
    raw = dataset_of({"both": BOTH}).modality("item", "both")
    assert raw.kind == "pair"
    assert raw.index.tolist() == [0, 3]
    assert raw.values == [Pair("one", tmp_path / "a.png"), Pair("four", tmp_path / "c.png")]
    assert str(raw.values[0]) == f"'one' with {tmp_path / 'a.png'}"


def test_a_sequence_goes_into_a_pair_as_a_whole(dataset_of):
    both = BOTH | {"inputs": ["text", "regions"], "encoder": "visual_bert"}
    raw = dataset_of({"both": both}).modality("item", "both")
    assert [pair.first for pair in raw.values] == ["one", "four"]
    assert [pair.second.tolist() for pair in raw.values] == [[[0, 1], [2, 3]], [[6, 7], [8, 9], [10, 11]]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inputs": ["text", "pictures"]}, r"inputs\[1\]: there is no modality that is no pair 'pictures'"),
        ({"inputs": ["text", "both"]}, r"inputs\[1\]: there is no modality that is no pair 'both'"),
        ({"inputs": ["text", "text"]}, r"both\.inputs: got 'text' twice"),
        ({"inputs": ["text"]}, r"modalities\.both.*inputs"),
        ({"encoder": None}, r"modalities\.both.*encoder"),
    ],
)
def test_a_pair_names_two_other_modalities_and_an_encoder(dataset_of, changes, message):
    with pytest.raises(ConfigError, match=message):
        dataset_of({"both": BOTH | changes})


def test_a_pair_that_nobody_has_is_refused(dataset_of):
    dataset = dataset_of({"both": BOTH})
    (dataset.folder / "items.csv").write_text("id,text,picture\n1,one,\n2,,b.png\n")
    with pytest.raises(DataError, match=r"both\.inputs: no entity has both modalities"):
        load_dataset(dataset.folder).modality("item", "both")


def test_sides_of_a_task_do_not_share_what_is_in_a_pair(dataset_of):
    task = {"kind": "retrieval", "entity": "item", "query": "text", "answer": "picture", "split": "random"}
    split = {"random": {"kind": "random", "entity": "item"}}
    for names in ({"query_with": ["both"]}, {"query": "both"}, {"answer_with": ["both"]}):
        with pytest.raises(
            ConfigError, match=r"tasks\.find: got '(text|picture)' on both sides.*Leave the pair"
        ):
            dataset_of({"both": BOTH}, splits=split, tasks={"find": task | names})
