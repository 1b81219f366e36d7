"""What one key of a config may be in a study: a range of numbers, or one of several values."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field, model_validator

from mmgraph.config import Config

Number = Annotated[float, Field(allow_inf_nan=False)]
Value: TypeAlias = bool | int | float | str | None


class Parameter(Config):
    """The values of one key: ``low`` and ``high``, or ``choices``.

    Example:
        >>> Parameter(low=1, high=3).holds(2), Parameter(choices=("sum", "mean")).holds("max")
        (True, False)
    """

    low: int | Number | None = Field(default=None, description="The least value.")
    high: int | Number | None = Field(default=None, description="The greatest value.")
    log: bool = Field(
        default=False, description="Draw evenly among powers: from .001 to .01 as often as from .01 to .1."
    )
    choices: tuple[Value, ...] | None = Field(default=None, min_length=1, description="One of these values.")

    @model_validator(mode="after")
    def _one_kind(self) -> Parameter:
        if self.choices is not None:
            if self.low is not None or self.high is not None or self.log:
                raise ValueError("got choices beside a range; wanted either low and high, or choices")
            if len({(type(value), value) for value in self.choices}) < len(self.choices):
                raise ValueError(f"got a choice twice in {list(self.choices)}")
        elif self.low is None or self.high is None:
            raise ValueError("wanted low and high, or choices")
        elif self.low >= self.high:
            raise ValueError(f"got low {self.low:g} and high {self.high:g}; wanted low below high")
        elif self.log and self.low <= 0:
            raise ValueError(f"got low {self.low:g} with log; wanted a low above 0")
        return self

    def ends(self) -> tuple[Value, ...]:
        """Return the values that tell whether a key can take all of them: both ends, or every choice."""
        return (self.low, self.high) if self.choices is None else self.choices

    def holds(self, value: Value) -> bool:
        """Return whether a value is one of them."""
        if self.choices is not None:
            return value in self.choices
        assert self.low is not None
        assert self.high is not None
        return isinstance(value, (int, float)) and self.low <= value <= self.high
