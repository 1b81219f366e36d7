"""YAML files, overrides and config models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mmgraph.config import Config, override, parse, read_yaml
from mmgraph.errors import ConfigError


class Model(Config):
    heads: int = 4
    dropout: float = 0.5


class Training(Config):
    model: Model = Model()
    seed: int


def test_read_yaml(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("model: {heads: 8}\nseed: 1\nname: naïve\n", encoding="utf-8")
    assert read_yaml(tmp_path / "a.yaml") == {"model": {"heads": 8}, "seed": 1, "name": "naïve"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: 1\nb: [\n", r"a\.yaml, line 3: is not valid YAML"),
        (b"a: 1\na: 2\n", r"a\.yaml, line 2: is not valid YAML: the key 'a' stands twice"),
        (b"- 1\n", r"a\.yaml: holds a list; wanted a mapping"),
        (b"", r"a\.yaml: holds nothing; wanted a mapping"),
        (b"just text", r"a\.yaml: holds 'just text'; wanted a mapping"),
        (b"a: \xff", r"a\.yaml: is not UTF-8 text: invalid start byte at byte 3"),
        (b"a: \x00", r"a\.yaml: is not valid YAML"),
        (b"[" * 600, r"a\.yaml: is not valid YAML: it is nested too deeply"),
    ],
)
def test_faulty_files(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        read_yaml(tmp_path / "a.yaml")
    assert caught.value.faults[0].fix


def test_absent_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"b\.yaml: there is no such file"):
        read_yaml(tmp_path / "b.yaml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_yaml(tmp_path)


@pytest.mark.parametrize(
    ("assignments", "expected"),
    [
        ([], {"model": {"heads": 4}}),
        (["model.heads=8"], {"model": {"heads": 8}}),
        (["model.layers=[a, b]"], {"model": {"heads": 4, "layers": ["a", "b"]}}),
        (["a.b.c=x"], {"model": {"heads": 4}, "a": {"b": {"c": "x"}}}),
        (["model=mlp"], {"model": "mlp"}),
        (["lr=1e-3", "on=no"], {"model": {"heads": 4}, "lr": 0.001, "on": "no"}),
        (["text=a=b"], {"model": {"heads": 4}, "text": "a=b"}),
        (["empty="], {"model": {"heads": 4}, "empty": None}),
        (["x=1", "x=2"], {"model": {"heads": 4}, "x": 2}),
    ],
)
def test_override(assignments: list[str], expected: dict[str, Any]) -> None:
    before = {"model": {"heads": 4}}
    assert override(before, assignments) == expected
    assert before == {"model": {"heads": 4}}


def test_override_through_nothing() -> None:
    assert override({"model": None}, ["model.heads=8"]) == {"model": {"heads": 8}}


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("heads", r"--set: got 'heads'; wanted key=value\. Write"),
        ("=3", "wanted key=value"),
        ("a..b=3", "wanted key=value"),
        ("heads.x=3", r"'heads' holds 4, so it has no key below it\. Set"),
        ("a=[", "the value '\\[' is not valid YAML"),
    ],
)
def test_faulty_overrides(assignment: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        override({"heads": 4}, [assignment])


def test_parse() -> None:
    assert parse(Training, {"seed": 1, "model": {"heads": 8}}, where="t.yaml").model.heads == 8


def test_parse_reports_all_faults() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(Training, {"sed": 1, "model": {"heads": "many", "drop": 1}}, where="t.yaml")
    assert [fault.where for fault in caught.value.faults] == [
        "t.yaml: model.heads",
        "t.yaml: model.drop",
        "t.yaml: seed",
        "t.yaml: sed",
    ]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"heads": True}, "got 'true'; wanted an integer"),
        ({"dropout": False}, "got 'false'; wanted a number"),
    ],
)
def test_true_and_false_are_no_numbers(value: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(Model, value, where="t.yaml")


def test_configs_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Training(seed=1).seed = 2
