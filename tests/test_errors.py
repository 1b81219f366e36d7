"""Errors say where, what came, what was wanted, and what to do."""

from __future__ import annotations

import pytest

from mmgraph import errors
from mmgraph.errors import ConfigError, DataError, Fault, Faults, MMGraphError, UserError, did_you_mean


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Fault("a.yaml: k", "got -3; wanted 1", "Raise it."), "a.yaml: k: got -3; wanted 1. Raise it."),
        (Fault("a.yaml: k", "got -3; wanted 1"), "a.yaml: k: got -3; wanted 1"),
        (Fault("", "there is no model 'x'", "There are: mlp."), "there is no model 'x'. There are: mlp."),
    ],
)
def test_fault_on_one_line(fault: Fault, text: str) -> None:
    assert str(fault) == text


def test_error_keeps_its_fault() -> None:
    error = DataError("got 3", where="a.csv", fix="Mend it.")
    assert error.faults == (Fault("a.csv", "got 3", "Mend it."),)
    assert str(error) == "a.csv: got 3. Mend it."


def test_error_of_several_faults() -> None:
    error = ConfigError.of([Fault("a", "first"), Fault("b", "second")])
    assert isinstance(error, ConfigError)
    assert len(error.faults) == 2
    assert str(error) == "2 faults:\n  - a: first\n  - b: second"
    assert str(ConfigError.of([Fault("a", "first")])) == "a: first"


def test_a_fault_that_is_found_twice_is_told_once() -> None:
    assert str(MMGraphError.of([Fault("a", "first"), Fault("a", "first")])) == "a: first"


def test_exit_codes() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, UserError)]
    assert len(kinds) >= 7
    assert all(kind.exit_code == 2 for kind in kinds)
    assert MMGraphError.exit_code == 1


def test_faults_are_collected() -> None:
    faults = Faults()
    faults.raise_if_any(DataError)
    faults.add("a", "first", "Mend.")
    faults.extend(DataError.of([Fault("b", "second"), Fault("c", "third")]))
    with pytest.raises(DataError) as caught:
        faults.raise_if_any(DataError)
    assert [fault.where for fault in caught.value.faults] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("name", "known", "sentence"),
    [
        ("hetro_gat", ["mlp", "hetero_gat"], "Did you mean 'hetero_gat'?"),
        ("bf16", ["32", "bf16-mixed", "16-mixed"], "Did you mean 'bf16-mixed'?"),
        ("b", ["bf16-mixed", "32"], "There are: 32, bf16-mixed."),
        ("xyz", ["b", "a"], "There are: a, b."),
        ("xyz", [], "There are none."),
    ],
)
def test_nearest_names(name: str, known: list[str], sentence: str) -> None:
    assert did_you_mean(name, known) == sentence
