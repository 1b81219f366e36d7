"""Dataclasses whose fields are parameters that pydantic checks, from YAML and in Python alike."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any, Self, cast, get_type_hints

from pydantic import create_model

from mmgraph.config import Config, parse
from mmgraph.errors import ConfigError, Fault


class WithParameters:
    """Base of things that a user names and sets parameters of: encoders and relation builders.

    A subclass is a dataclass, frozen or not. Each field that its constructor takes is a parameter, and is
    checked and converted when an instance is made.

    Raises:
        ConfigError: If parameters cannot be used; all faults at once.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Circle(WithParameters):
        ...     radius: float = 1.0
        >>> Circle("2").parameters()
        {'radius': 2.0}
        >>> Circle("wide")
        Traceback (most recent call last):
        mmgraph.errors.ConfigError: Circle: radius: got 'wide'; wanted a number. Change the value.
    """

    def __post_init__(self) -> None:
        checked = parse(type(self).config_model(), self._given(), where=type(self).__name__)
        for name in type(checked).model_fields:
            # A frozen dataclass is frozen for everyone else; here it is still being made.
            object.__setattr__(self, name, getattr(checked, name))

    @classmethod
    def config_model(cls) -> type[Config]:
        """Return the pydantic model of the parameters, with their types, limits and descriptions."""
        return _config_model(cast(Any, cls))

    @classmethod
    def from_config(cls, parameters: Mapping[str, Any], *, where: str) -> Self:
        """Return an instance with parameters that came from YAML.

        Args:
            parameters: The keys and values.
            where: The place that they came from, e.g. ``dataset.yaml: relations.borders``.

        Raises:
            ConfigError: With one fault for each key or value that cannot be used.
        """
        checked = parse(cls.config_model(), dict(parameters), where=where)
        try:
            return cls(**{name: getattr(checked, name) for name in type(checked).model_fields})
        except ConfigError as error:
            # What does not go together is found by the thing itself, which knows no place.
            own = f"{cls.__name__}: "
            raise ConfigError.of(
                Fault(f"{where}.{f.where.removeprefix(own)}", f.problem, f.fix)
                if f.where.startswith(own)
                else f
                for f in error.faults
            ) from None

    def parameters(self) -> dict[str, Any]:
        """Return the parameters by name, as JSON values."""
        return self.config_model().model_validate(self._given()).model_dump(mode="json")

    def _given(self) -> dict[str, Any]:
        """Return the parameters by name, as they are."""
        return {field.name: getattr(self, field.name) for field in _parameters(type(self))}


def _parameters(kind: type[Any]) -> list[Field[Any]]:
    return [field for field in fields(cast(Any, kind)) if field.init]


@functools.cache
def _config_model(kind: type[Any]) -> type[Config]:
    hints = get_type_hints(kind, include_extras=True)
    wanted: dict[str, Any] = {
        field.name: (hints[field.name], ... if field.default is MISSING else field.default)
        for field in _parameters(kind)
    }
    return create_model(kind.__name__, __base__=Config, **wanted)
