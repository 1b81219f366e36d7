"""The one config system: YAML mappings, ``key=value`` overrides, pydantic models that reject surprises."""

from __future__ import annotations

import copy
import types
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from mmgraph.config_faults import describe, faults_of
from mmgraph.errors import ConfigError
from mmgraph.yaml_text import load_yaml

__all__ = ["Config", "faults_of", "kinds_of", "override", "parse", "read_yaml"]


class Config(BaseModel):
    """Base of all configuration models: frozen, and a key that nobody reads is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _true_is_no_number(cls, values: Any) -> Any:
        """Make text of true and false where pydantic would take them for 1 and 0: text is refused there."""
        if not isinstance(values, Mapping):
            return values
        return {
            name: str(value).lower() if isinstance(value, bool) and cls._wants_number(name) else value
            for name, value in values.items()
        }

    @classmethod
    def _wants_number(cls, name: Any) -> bool:
        kinds = kinds_of(cls.model_fields[name].annotation) if name in cls.model_fields else set()
        return bool(kinds & {int, float}) and not kinds & {bool, str, Any}


def kinds_of(annotation: Any) -> set[Any]:
    """Return a type, or the types that a union is made of."""
    if get_origin(annotation) is Annotated:
        return kinds_of(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return set().union(*(kinds_of(member) for member in get_args(annotation)))
    return {annotation} if isinstance(annotation, Hashable) else set()


C = TypeVar("C", bound=BaseModel)


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping that a YAML file holds.

    Args:
        path: The file, in UTF-8.

    Raises:
        ConfigError: If the file is not there, is not YAML, names a key twice, or holds no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError("there is no such file", where=str(path), fix="Check the path.") from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"is not UTF-8 text: {error.reason} at byte {error.start}",
            where=str(path),
            fix="Save it as UTF-8.",
        ) from None
    except OSError as error:
        raise ConfigError(
            f"cannot be read: {error.strerror}", where=str(path), fix="Check the path and its permissions."
        ) from None
    try:
        value = load_yaml(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(
            f"is not valid YAML: {error.problem}", where=f"{path}{line}", fix="Mend the line."
        ) from None
    except yaml.YAMLError as error:
        raise ConfigError(f"is not valid YAML: {error}", where=str(path), fix="Mend the file.") from None
    if not isinstance(value, dict):
        raise ConfigError(
            f"holds {describe(value)}; wanted a mapping of keys to values",
            where=str(path),
            fix="Write 'key: value' lines.",
        )
    return value


def override(mapping: Mapping[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """Return a copy of ``mapping`` with ``key.path=value`` assignments applied; values are read as YAML.

    Args:
        mapping: What the YAML file gave; it stays as it is.
        assignments: What ``--set`` gave.

    Raises:
        ConfigError: If they are no list, or if an assignment has no ``=`` or leads through a value that is no
            mapping.

    Example:
        >>> override({"model": {"heads": 4}}, ["model.heads=8", "seed=1"])
        {'model': {'heads': 8}, 'seed': 1}
    """
    if isinstance(assignments, (str, Mapping)):
        raise ConfigError(
            f"got {describe(assignments)}; wanted a list of texts such as 'model.heads=8'",
            where="overrides",
            fix='Write e.g. overrides=["model.heads=8", "seed=1"].',
        )
    result = copy.deepcopy(dict(mapping))
    for assignment in assignments:
        keys, value = _split_assignment(assignment)
        at = result
        for key in keys[:-1]:
            child = at.get(key)
            if child is None:
                child = at[key] = {}
            if not isinstance(child, dict):
                raise ConfigError(
                    f"{key!r} holds {describe(child)}, so it has no key below it",
                    where=f"--set {assignment}",
                    fix=f"Set {key!r} itself, or check the path.",
                )
            at = child
        at[keys[-1]] = value
    return result


def _split_assignment(assignment: str) -> tuple[list[str], Any]:
    path, equals, text = assignment.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError(
            f"got {assignment!r}; wanted key=value", where="--set", fix="Write e.g. --set model.heads=8."
        )
    try:
        return keys, load_yaml(text)
    except yaml.YAMLError:
        raise ConfigError(
            f"the value {text!r} is not valid YAML", where=f"--set {path}", fix="Quote the value."
        ) from None


def parse(model: type[C], mapping: Any, *, where: str) -> C:
    """Return ``mapping`` as a config model, or report every fault in it at once.

    Args:
        model: The pydantic model.
        mapping: What the YAML file or the flags gave.
        where: The file or flag, for messages.

    Raises:
        ConfigError: With one fault for each key or value that cannot be used.

    Example:
        >>> class Training(Config):
        ...     epochs: int
        >>> parse(Training, {"epochs": "many"}, where="train.yaml")
        Traceback (most recent call last):
        mmgraph.errors.ConfigError: train.yaml: epochs: got 'many'; wanted an integer. Change the value.
    """
    try:
        return model.model_validate(mapping)
    except ValidationError as error:
        raise ConfigError.of(faults_of(error, model, where=where)) from None
