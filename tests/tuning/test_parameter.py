"""What one key may be: a range or choices, never both, and never neither."""

from __future__ import annotations

import pytest

from mmgraph.config import parse
from mmgraph.errors import ConfigError
from mmgraph.tuning import Parameter


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "wanted low and high, or choices"),
        ({"low": 1}, "wanted low and high, or choices"),
        ({"low": 1, "high": 2, "choices": [1]}, "got choices beside a range"),
        ({"choices": [1], "log": True}, "got choices beside a range"),
        ({"choices": []}, "at least 1 of them"),
        ({"choices": [1, 2, 1]}, "got a choice twice"),
        ({"choices": [[1]]}, "choices"),
        ({"low": 3, "high": 1}, "got low 3 and high 1; wanted low below high"),
        ({"low": 1, "high": 1}, "wanted low below high"),
        ({"low": 0, "high": 1, "log": True}, "wanted a low above 0"),
        ({"low": True, "high": 2}, "low: got 'true'"),
        ({"low": 1, "high": float("inf")}, "a finite number"),
        ({"min": 1, "high": 2}, "min: is a key that is not known here"),
    ],
)
def test_what_makes_no_sense_is_refused(content, message):
    with pytest.raises(ConfigError, match=message):
        parse(Parameter, content, where="mine.yaml")


def test_it_holds_its_values_and_no_others():
    between = Parameter(low=0.1, high=0.5)
    assert [between.holds(value) for value in (0.1, 0.3, 0.5, 0.6, "0.3", None)] == [True] * 3 + [False] * 3
    one_of = Parameter(choices=(None, 2))
    assert [one_of.holds(value) for value in (None, 2, 3)] == [True, True, False]
