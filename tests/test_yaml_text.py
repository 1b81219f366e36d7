"""YAML by the rules of version 1.2, and nothing unsafe."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgraph.yaml_text import dump_yaml, load_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("NO", "NO"),
        ("yes", "yes"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("-3", -3),
        ("+3", 3),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("1e-3", 0.001),
        ("1.", 1.0),
        (".5", 0.5),
        ("-.inf", -math.inf),
        ("2024-01-31", "2024-01-31"),
        ("'010'", "010"),
        ("0b1", "0b1"),
        ("nullable", "nullable"),
    ],
)
def test_scalars(text: str, value: Any) -> None:
    found = load_yaml(text)
    assert found == value
    assert type(found) is type(value)


def test_nan() -> None:
    assert math.isnan(load_yaml(".nan"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{a: 1, b: 2, a: 3}", "the key 'a' stands twice"),
        ("x: {1: a, 1: b}", "the key 1 stands twice"),
        ("? [1]\n: 2", "a key is a list or a mapping"),
        ("!!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("a: &a [*a]", "recursive"),
        ("a: 'b", "unexpected end of stream"),
        ("[" * 600, "nested too deeply"),
    ],
)
def test_faulty_text(text: str, problem: str) -> None:
    with pytest.raises(yaml.YAMLError, match=problem):
        load_yaml(text)


def test_merge_keys_are_plain_keys() -> None:
    assert load_yaml("<<: 1") == {"<<": 1}


plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)


@settings(max_examples=50)
@given(
    st.recursive(
        plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner)
    )
)
def test_what_is_written_is_read_back(value: Any) -> None:
    """What is written is read back, whatever words it holds, by PyYAML as well."""
    assert load_yaml(dump_yaml(value)) == value
    assert yaml.safe_load(dump_yaml(value)) == value


def test_text_that_only_newer_yaml_takes_for_a_number_is_quoted() -> None:
    for text in ("08", "1e3", "0o7", "1_0", "010", "12:30"):
        assert load_yaml(dump_yaml({text: [text]})) == {text: [text]}
