"""The exported JSON Schema accepts what the package accepts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from mmgraph.data.json_schema import json_schema
from mmgraph.paths import shipped


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize(
    "path", sorted(shipped("datasets").glob("*/dataset.yaml")), ids=lambda path: path.parent.name
)
def test_shipped_datasets_are_valid(validator: Any, path: Path) -> None:
    validator.validate(yaml.safe_load(path.read_text()))


def test_sound_and_faulty_content(shop: Any, validator: Any) -> None:
    content = yaml.safe_load(shop.yaml.read_text())
    modality = content["entities"]["product"]["modalities"]["description"]
    for encoder in ("tfidf", {"name": "tfidf", "size": 8}):
        modality["encoder"] = encoder
        validator.validate(content)
    for encoder in (3, {"size": 8}):
        modality["encoder"] = encoder
        assert not validator.is_valid(content)
    del modality["encoder"]
    modality["colum"] = "x"
    assert not validator.is_valid(content)


def test_every_key_is_described() -> None:
    schema = json_schema()
    models = {"dataset.yaml": schema, **schema["$defs"]}
    assert {"TextModality", "GroupedSplit", "EntitySpec", "TaskSpec", "Choice"} <= models.keys()
    for name, model in models.items():
        # A named thing may stand as its name alone.
        described = model.get("anyOf", [model])[-1]
        assert described["description"], name
        for key, value in described["properties"].items():
            # What makes a value one kind or another has no more to say than its only value.
            assert "const" in value or value.get("description"), f"{name}.{key}"
