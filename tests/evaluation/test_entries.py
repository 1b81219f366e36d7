"""Entries: what the text of a comparison's entry can say."""

from __future__ import annotations

import pytest

from mmgraph.errors import ConfigError, UnknownNameError
from mmgraph.evaluation.entries import Entry, parse_entries, parse_entry, split_list


@pytest.mark.parametrize(
    ("text", "model", "overrides"),
    [
        ("mlp", "mlp", ()),
        (" mlp ", "mlp", ()),
        ("hetero_gat[edges=none]", "hetero_gat", ("edges=none",)),
        ("hetero_gat[edges=none, model.heads=8]", "hetero_gat", ("edges=none", "model.heads=8")),
        ("configs/own.yaml", "configs/own.yaml", ()),
    ],
)
def test_reads_model_and_overrides(text: str, model: str, overrides: tuple[str, ...]) -> None:
    entry = parse_entry(text)
    assert (entry.model, entry.overrides, entry.is_baseline) == (model, overrides, False)
    assert entry.name == text.strip()


def test_knows_a_baseline() -> None:
    assert parse_entry("ridge").is_baseline


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("hetero_gta", UnknownNameError, "Did you mean 'hetero_gat'"),
        ("logistic_regresion", UnknownNameError, "Did you mean 'logistic_regression'"),
        ("ridge[alpha=1]", ConfigError, "has no config"),
        ("hetero_gat[edges=none", ConfigError, "wanted MODEL"),
        ("[edges=none]", ConfigError, "wanted MODEL"),
        ("", ConfigError, "wanted MODEL"),
    ],
)
def test_refuses_what_is_no_entry(text: str, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        parse_entry(text)


def test_refuses_none_and_twice_the_same() -> None:
    with pytest.raises(ConfigError, match="got no model"):
        parse_entries([])
    with pytest.raises(ConfigError, match="the same entry"):
        parse_entries(["mlp", "mlp"])


def test_folder_names_are_plain_and_differ() -> None:
    names = ["hetero_gat", "hetero_gat[edges=none]", "hetero_gat[edges=shuffled]", "a/../../b.yaml"]
    folders = [Entry(name, "m").folder for name in names]
    assert folders == [
        "hetero_gat",
        "hetero_gat-edges=none",
        "hetero_gat-edges=shuffled",
        "a-..-..-b.yaml",
    ]


def test_commas_in_brackets_separate_nothing() -> None:
    assert split_list("a[x=1,y=2],b,, c ") == ["a[x=1,y=2]", "b", "c"]
    assert split_list("a[x=1,b") == ["a[x=1,b"]
