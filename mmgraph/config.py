"""The one config system: YAML mappings, ``key=value`` overrides, and pydantic models that reject surprises."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from mmgraph.errors import ConfigError, Fault, did_you_mean


class Config(BaseModel):
    """Base of all configuration models: frozen, and a key that nobody reads is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


C = TypeVar("C", bound=BaseModel)


class _UniqueKeyLoader(yaml.SafeLoader):
    """``yaml.SafeLoader`` that refuses a mapping that names a key twice."""


def _construct_mapping(loader: _UniqueKeyLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)  # type: ignore[no-untyped-call]
        if isinstance(key, (str, int, float, bool)) and key in seen:
            raise yaml.MarkedYAMLError(
                problem=f"the key {key!r} stands twice", problem_mark=key_node.start_mark
            )
        seen.add(key if isinstance(key, (str, int, float, bool)) else id(key))
    return loader.construct_mapping(node, deep=True)


_UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_mapping)


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping that a YAML file holds.

    Raises:
        ConfigError: If the file is not there, is not YAML, names a key twice, or holds no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError("there is no such file", where=str(path), fix="Check the path.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(path), fix="Check the file.") from None
    try:
        value = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506 - a SafeLoader
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
            f"holds {_describe(value)}; wanted a mapping of keys to values",
            where=str(path),
            fix="Write 'key: value' lines.",
        )
    return value


def override(mapping: Mapping[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """Return a copy of ``mapping`` with ``key.path=value`` assignments applied; values are read as YAML.

    Example:
        >>> override({"model": {"heads": 4}}, ["model.heads=8", "seed=1"])
        {'model': {'heads': 8}, 'seed': 1}

    Raises:
        ConfigError: If an assignment has no ``=`` or leads through a value that is no mapping.
    """
    result = copy.deepcopy(dict(mapping))
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        keys = path.strip().split(".")
        if not equals or not all(keys):
            raise ConfigError(
                f"got {assignment!r}; wanted key=value", where="--set", fix="Write e.g. --set model.heads=8."
            )
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            raise ConfigError(f"the value {text!r} is not valid YAML", where=f"--set {path}") from None
        at = result
        for key in keys[:-1]:
            child = at.setdefault(key, {})
            if child is None:
                child = at[key] = {}
            if not isinstance(child, dict):
                raise ConfigError(
                    f"{key!r} holds {_describe(child)}, so it has no key below it", where=f"--set {path}"
                )
            at = child
        at[keys[-1]] = value
    return result


def parse(model: type[C], mapping: Any, *, where: str) -> C:
    """Return ``mapping`` as a config model, or report every fault in it at once.

    Args:
        model: The pydantic model.
        mapping: What the YAML file or the flags gave.
        where: The file or flag, for messages.

    Raises:
        ConfigError: With one fault for each key or value that cannot be used.
    """
    try:
        return model.model_validate(mapping)
    except ValidationError as error:
        raise ConfigError.of(faults_of(error, model, where=where)) from None


def faults_of(error: ValidationError, model: type[Any], *, where: str) -> list[Fault]:
    """Return pydantic's errors as faults, with the nearest names for a misspelt key."""
    faults = []
    for item in error.errors(include_url=False):
        place = ".".join(str(part) for part in item["loc"])
        at = f"{where}: {place}" if place else where
        if item["type"] == "extra_forbidden":
            fields = _siblings(model, item["loc"])
            known = did_you_mean(str(item["loc"][-1]), fields) if fields else "Remove it."
            faults.append(Fault(at, "is a key that is not known here", known))
        elif item["type"] == "missing":
            faults.append(Fault(at, "is missing", "Add it."))
        else:
            message = item["msg"].removeprefix("Value error, ")
            message = message[:1].lower() + message[1:]
            got = "" if item["type"] == "value_error" else f"got {_describe(item['input'])}; "
            faults.append(Fault(at, f"{got}{message}"))
    return faults


def _siblings(model: type[Any], loc: tuple[int | str, ...]) -> list[str]:
    """Return the field names of the model in which the last part of ``loc`` stands."""
    candidates: list[Any] = [model]
    for part in loc[:-1]:
        following: list[Any] = []
        for candidate in candidates:
            fields = getattr(candidate, "model_fields", None)
            if fields and part in fields:
                following += _models_in(fields[part].annotation)
        # Positions in lists, keys of mappings and tags of unions name no field: stay where we are.
        candidates = following or candidates
    for candidate in candidates:
        if len(candidates) > 1 and loc[-2:-1]:
            tag = getattr(candidate, "model_fields", {}).get("kind")
            if tag is not None and loc[-2] not in getattr(tag.annotation, "__args__", ()):
                continue
        names = list(getattr(candidate, "model_fields", {}))
        if names:
            return names
    return []


def _models_in(annotation: Any) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    found: list[Any] = []
    for argument in getattr(annotation, "__args__", ()):
        found += _models_in(argument)
    return found


def _describe(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
