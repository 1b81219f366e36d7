"""An entity type that consists of the values of a column."""

from __future__ import annotations

import pytest
import yaml

from mmgraph.data.load import load_dataset
from mmgraph.data.validation import validate_dataset


def test_its_entities_are_the_distinct_values_in_order(shop):
    shop.change_table(lambda table: table.assign(tags=["red|blue", "blue| new "] * 12))
    shop.change_spec("entities.tag", {"values_of": {"entity": "product", "column": "tags", "separator": "|"}})
    dataset = load_dataset(shop.folder)
    assert dataset.entity_ids("tag") == ["blue", "new", "red"]
    assert dataset.titles("tag") == ["blue", "new", "red"]
    assert dataset.training_rows("tag").all()


def test_its_values_can_be_read_as_text(shop):
    spec = yaml.safe_load(shop.yaml.read_text())
    column = spec["entities"]["product"]["modalities"]["description"]["column"]
    words = {"word": {"kind": "text", "column": "id"}}
    shop.change_spec(
        "entities.tag", {"values_of": {"entity": "product", "column": column}, "modalities": words}
    )
    dataset = load_dataset(shop.folder)
    assert dataset.modality("tag", "word").values == dataset.entity_ids("tag")


@pytest.mark.parametrize(
    ("entity", "place", "message"),
    [
        ({}, "entities.label", "got neither table nor values_of; wanted one of them"),
        (
            {"table": "x.csv", "values_of": {"entity": "product", "column": "rating"}},
            "entities.label",
            "got both table and values_of",
        ),
        (
            {"title": "x", "values_of": {"entity": "product", "column": "rating"}},
            "entities.label",
            "got id, title or time",
        ),
        (
            {"values_of": {"entity": "label", "column": "rating"}},
            "entities.label.values_of.entity",
            "there is no entity type with a table 'label'",
        ),
        (
            {"values_of": {"entity": "product", "column": "raing"}},
            "entities.label.values_of.column",
            "got 'raing'; ",
        ),
    ],
)
def test_an_entity_type_of_values(shop, entity, place, message):
    shop.change_spec("entities.label", entity)
    fault = validate_dataset(shop.folder)[0]
    assert fault.where == f"{shop.yaml}: {place}"
    assert message in fault.problem
