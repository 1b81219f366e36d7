"""Classes with parameters that decorators make of a user's plain functions."""

from __future__ import annotations

import inspect
import re
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, make_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from pydantic.errors import PydanticUserError

from mmgraph.config_faults import NAME_PATTERN
from mmgraph.errors import ConfigError, Faults

Function = Callable[..., Any]

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True)
class Wanted:
    """What a decorator wants of a function.

    Args:
        positional: The names of what it gets by position, for messages.
        fix: What to do about other positional parameters.
        base: The base of the class, whose names parameters must not have.
        things: What the classes are, e.g. ``relation builders``.
    """

    positional: Sequence[str]
    fix: str
    base: type[Any]
    things: str


def check_name(name: str, *, thing: str) -> None:
    """Refuse a name that YAML and the command line could not give.

    Args:
        name: The name.
        thing: The decorator without ``@``, e.g. ``relation``.

    Raises:
        ConfigError: If it is none.
    """
    if not isinstance(name, str) or not re.fullmatch(NAME_PATTERN, name):
        raise ConfigError(
            f"got the name {name!r}; wanted letters, digits and '_', beginning with a letter",
            where=f"@{thing}",
            fix=f"Rename the {thing}.",
        )


def class_of(
    function: Function, wanted: Wanted, *, where: str, namespace: Mapping[str, Any], frozen: bool
) -> type[Any]:
    """Return a dataclass whose fields are those of its base and the function's keyword-only parameters.

    Args:
        function: The function.
        wanted: What it has to be like.
        where: The decorator, for messages.
        namespace: Further attributes; ``function`` holds the function as it was written.
        frozen: Whether the class is frozen, as its base is.

    Raises:
        ConfigError: If it is no function, or its signature cannot be used; all faults at once.
    """
    if not inspect.isfunction(function):
        raise ConfigError(
            f"got {function!r}; wanted a function that is defined by def",
            where=where,
            fix="Define one that calls it.",
        )
    made = make_dataclass(
        function.__name__,
        _fields(function, wanted),
        bases=(wanted.base,),
        namespace={
            "__module__": function.__module__,
            "__qualname__": function.__qualname__,
            "function": staticmethod(function),
            **namespace,
        },
        frozen=frozen,
        kw_only=True,
        # A generated == would compare by fields, where a base may compare by identity.
        eq=frozen,
    )
    try:
        made.config_model()  # type: ignore[attr-defined]
    except PydanticUserError as error:
        raise ConfigError(
            f"has a parameter of a type that YAML cannot give: {str(error).splitlines()[0]}",
            where=where,
            fix="Use text, numbers, true/false, lists and mappings.",
        ) from None
    return made


def line_of(error: BaseException, function: Function) -> str:
    """Return the last line of the user's file that an error went through, for messages."""
    file = function.__code__.co_filename
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f"line {frames[-1].lineno} of {Path(file).name}" if frames else function.__name__


def _fields(function: Function, wanted: Wanted) -> list[tuple[str, Any, Any]]:
    """Return the keyword-only parameters of a function as fields of a dataclass."""
    where = f"function {function.__name__}"
    faults = Faults()
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError) as error:
        raise ConfigError(
            f"has a type that cannot be read: {error}", where=where, fix="Import it at the top of the file."
        ) from None
    parameters, number = list(inspect.signature(function).parameters.values()), len(wanted.positional)
    as_wanted = [True] * number + [False] * (len(parameters) - number)
    if [p.kind in _POSITIONAL for p in parameters] != as_wanted:
        signature = ", ".join([*wanted.positional, "*", "further ones"])
        faults.add(where, f"its parameters are not ({signature})", wanted.fix)
    fields = []
    for parameter in parameters[number:]:
        for problem, fix in _problems(parameter, hints, wanted):
            faults.add(f"{where}, parameter {parameter.name!r}", problem, fix)
        default = MISSING if parameter.default is parameter.empty else parameter.default
        fields.append((parameter.name, hints.get(parameter.name), field(default=default)))
    faults.raise_if_any(ConfigError)
    return fields


def _problems(
    parameter: inspect.Parameter, hints: dict[str, Any], wanted: Wanted
) -> Iterator[tuple[str, str]]:
    name = parameter.name
    if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
        yield "stands for any number of arguments", "Name every parameter."
    elif name not in hints:
        yield "has no type", f"Write e.g. '{name}: float'."
    if name.startswith("_") or hasattr(wanted.base, name):
        yield f"has a name that {wanted.things} need for themselves", "Rename it."
