"""The schema of dataset.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mmgraph.data.choice import Choice
from mmgraph.data.modality_spec import TextModality
from mmgraph.data.spec import RelationSpec, examine_spec, read_spec
from mmgraph.errors import ConfigError


def test_spec_of_a_sound_dataset(shop: Any) -> None:
    spec = read_spec(shop.yaml)
    assert list(spec.entities["product"].modalities) == ["description", "photo", "facts", "vector", "some"]
    assert spec.tasks["category"].kind == "classification"
    assert spec.relations["same_brand"].parameters == {"entity": "product", "column": "brand"}


def test_choice_is_a_name_or_a_mapping() -> None:
    plain = TextModality(kind="text", column="c", encoder="tfidf")
    full = TextModality(kind="text", column="c", encoder={"name": "tfidf", "size": 3})
    assert plain.encoder == Choice(name="tfidf")
    assert full.encoder is not None
    assert full.encoder.parameters == {"size": 3}


def test_relation_is_a_table_by_default() -> None:
    assert RelationSpec().builder == "table"


def test_overrides(shop: Any) -> None:
    spec = read_spec(shop.yaml, overrides=["splits.random.seed=7", "title=Other"])
    assert (spec.splits["random"].seed, spec.title) == (7, "Other")
    with pytest.raises(ConfigError, match=r"splits\.random\.sed: is a key that is not known here.*'seed'"):
        read_spec(shop.yaml, overrides=["splits.random.sed=7"])


def test_faults_of_schema_and_references_come_together(shop: Any) -> None:
    shop.change_spec("entities.product.tabel", "x.csv")
    shop.change_spec("tasks.rating.split", "fixd")
    shop.change_spec("splits.random.fractions.train", 0.9)
    with pytest.raises(ConfigError) as caught:
        read_spec(shop.yaml)
    places = [fault.where.removeprefix(f"{shop.yaml}: ") for fault in caught.value.faults]
    assert places == ["entities.product.tabel", "splits.random.fractions", "tasks.rating.split"]


def test_wrong_reference_does_not_hide_the_content(shop: Any) -> None:
    shop.change_spec("tasks.rating.split", "fixd")
    spec, faults = examine_spec(shop.yaml)
    assert spec is not None
    assert len(faults) == 1


def test_words_that_other_yaml_readers_take_for_booleans(tmp_path: Path) -> None:
    path = tmp_path / "dataset.yaml"
    path.write_text(
        "name: no\nentities: {no: {table: a.csv, id: off}}\nrelations: {y: {builder: knn, on: no/text}}\n"
    )
    spec = read_spec(path)
    assert (spec.name, spec.entities["no"].id) == ("no", "off")
    assert spec.relations["y"].parameters == {"on": "no/text"}
