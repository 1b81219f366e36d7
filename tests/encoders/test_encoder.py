from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import pytest
from pydantic import Field

from mmgraph.encoders import Encoder
from mmgraph.errors import ConfigError


@dataclass(kw_only=True, eq=False)
class Lengths(Encoder[Any, float]):
    """Text: its length."""

    kind: ClassVar[str] = "text"
    version: ClassVar[int] = 1

    unit: Annotated[int, Field(ge=1)]
    names: tuple[str, ...] = ("length",)

    def describe(self, raw, progress):
        return np.array([[len(text)] for text in raw.values])

    def fit(self, described):
        self._fitted = float(described.max())

    def transform(self, described):
        return (described / self.fitted / self.unit).astype(np.float32)

    @property
    def channels(self):
        return 1

    def fitted_state(self):
        return {"longest": self.fitted}, {}

    def restore(self, state, arrays):
        self._fitted = state["longest"]


def test_parameters_are_the_fields_and_are_converted():
    encoder = Lengths(unit="3", names=["a"])
    assert encoder.parameters() == {"unit": 3, "names": ["a"]}
    assert encoder.names == ("a",)
    assert repr(encoder) == "Lengths(unit=3, names=('a',))"


def test_all_faults_are_reported_together():
    with pytest.raises(ConfigError) as caught:
        Lengths(unit=0, names=3)
    assert [fault.where for fault in caught.value.faults] == ["Lengths: unit", "Lengths: names"]


def test_a_missing_parameter_and_an_unknown_one_are_named_by_their_place():
    with pytest.raises(ConfigError) as caught:
        Lengths.from_config({"unti": 1}, where="a.yaml: encoder")
    assert {(f.where, f.problem) for f in caught.value.faults} == {
        ("a.yaml: encoder.unit", "is missing"),
        ("a.yaml: encoder.unti", "is a key that is not known here"),
    }


def test_what_fitting_found_out_is_no_parameter():
    with pytest.raises(ConfigError, match="_fitted"):
        Lengths.from_config({"unit": 1, "_fitted": 3.0}, where="a.yaml")


def test_the_state_holds_parameters_and_what_was_found_out(raw, quiet):
    encoder = Lengths(unit=2)
    encoder.fit(encoder.describe(raw("text", ["a", "abcd"]), quiet))
    state, arrays = encoder.state()
    assert state == {"parameters": {"unit": 2, "names": ["length"]}, "fitted": {"longest": 4.0}}
    again = Lengths.from_state(state, arrays)
    assert again.transform(np.array([[8]])).tolist() == [[1.0]]


def test_before_fitting_there_is_no_state():
    with pytest.raises(ConfigError, match="Lengths: the encoder is not fitted"):
        Lengths(unit=1).state()


def test_two_encoders_share_nothing():
    one, two = Lengths(unit=1), Lengths(unit=1)
    one.fit(np.array([[5]]))
    with pytest.raises(ConfigError, match="not fitted"):
        two.state()
    assert one != two
