"""Validation reports everything at once, in a stable order."""

from __future__ import annotations

from typing import Any

import pytest

from mmgraph.data.dataset import Dataset
from mmgraph.data.validation import validate_dataset
from mmgraph.errors import Fault, UnknownNameError


def places(shop: Any) -> list[str]:
    return [fault.where.removeprefix(f"{shop.folder}/") for fault in validate_dataset(shop.folder)]


def test_sound_dataset(shop: Any) -> None:
    assert validate_dataset(shop.folder) == []


def test_all_faults_at_once(shop: Any) -> None:
    shop.set_cell(3, "price", "dear")
    shop.set_cell(4, "photo", "nowhere.png")
    shop.set_cell(6, "part", "exam")
    shop.set_cell(8, "rating", "good")
    (shop.folder / "images/10.png").write_bytes(b"")
    shop.change_spec("entities.product.title", "nme")
    shop.change_spec("splits.time.column", "mde")
    shop.change_spec("tasks.category.split", "fixd")
    expected = [
        "dataset.yaml: tasks.category.split",
        "dataset.yaml: entities.product.title",
        "products.csv: column 'photo', row 4 (id 'p04')",
        "products.csv: column 'price', row 3 (id 'p03')",
        "products.csv: column 'part', row 6 (id 'p06')",
        "dataset.yaml: splits.time.column",
        "products.csv: column 'rating', row 8 (id 'p08')",
    ]
    assert places(shop) == expected
    assert places(shop) == expected


def test_unreadable_table_is_one_fault(shop: Any) -> None:
    shop.products.write_bytes(b"")
    assert places(shop) == ["products.csv"]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "entities.product.modalities.description.encoder",
            "tfdif",
            "there is no encoder 'tfdif'. Did you mean 'tfidf'?",
        ),
        ("relations.same_brand.builder", "share", "there is no relation builder 'share'. "),
        ("tasks.category.kind", "clasification", "no task 'clasification'. Did you mean 'classification'?"),
    ],
)
def test_names_that_are_not_registered(shop: Any, path: str, value: str, message: str) -> None:
    shop.change_spec(path, value)
    (fault,) = validate_dataset(shop.folder)
    assert path in fault.where
    assert message in str(fault)


def test_spec_that_cannot_be_used_is_all_there_is_to_say(shop: Any) -> None:
    shop.change_spec("format", 2)
    shop.change_spec("tasks.category.split", "fixd")
    shop.products.write_bytes(b"")
    assert places(shop) == ["dataset.yaml: format", "dataset.yaml: tasks.category.split"]
    shop.yaml.write_text("- 1")
    assert places(shop) == ["dataset.yaml"]


def test_further_checks(shop: Any) -> None:
    def check(dataset: Dataset) -> list[Fault]:
        return [Fault(str(dataset.file), f"{len(dataset.entity_ids('product'))} products")]

    (fault,) = validate_dataset(shop.folder, checks=[check, check])
    assert fault.problem == "24 products"


def test_unknown_dataset() -> None:
    with pytest.raises(UnknownNameError):
        validate_dataset("no-such-dataset")
