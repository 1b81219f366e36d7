"""Pydantic's errors as faults: the place as the YAML file has it, what came, what was wanted, what to do."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import Discriminator, Tag, ValidationError
from pydantic.fields import FieldInfo

from mmgraph.errors import Fault, did_you_mean

NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_]*$"
"""A name of an entity type, modality, relation, split or task: letters, digits and ``_``."""

_WANTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "an integer",
    "int_parsing": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "dict_type": "a mapping of keys to values",
    "mapping_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "dataclass_type": "a mapping of keys to values",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "greater_than": "a number greater than {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "less_than": "a number less than {lt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "literal_error": "one of {expected}",
    "enum": "one of {expected}",
    "too_short": "at least {min_length} of them",
    "too_long": "at most {max_length} of them",
    "invalid_key": "text as a key",
}
_UNKNOWN_KEY = {"extra_forbidden", "unexpected_keyword_argument"}
_MISSING = {"missing", "missing_argument", "missing_keyword_only_argument"}


def faults_of(error: ValidationError, model: type[Any] | Callable[..., Any], *, where: str) -> list[Fault]:
    """Return pydantic's errors as faults, with the nearest names for a misspelt key or choice.

    Args:
        error: What pydantic raised.
        model: The pydantic model, dataclass or validated function that raised it.
        where: The file, or the place in it, that holds the model, e.g. ``dataset.yaml: relations.borders``.

    Returns:
        One fault for each key or value that cannot be used, in the order of the model's fields.
    """
    return [_fault(item, step, where) for item, step in _one_per_union(error, model)]


def describe(value: Any) -> str:
    """Return what a value from a YAML file is, short enough for a message.

    Example:
        >>> describe({"a": 1}), describe("red"), describe(None)
        ('a mapping', "'red'", 'nothing')
    """
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, (list, tuple)):
        return "a list" if value else "an empty list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


@dataclass
class _Step:
    """Where pydantic's location leads: a place in the YAML file, and what the model says about it."""

    annotation: Any
    place: str = ""
    siblings: list[str] = field(default_factory=list)
    description: str = ""
    discriminator: str | None = None
    tagged: bool = False
    union: str | None = None

    def into(self, part: int | str) -> None:
        """Follow one part of a location; tags of unions and the mark of a key are no places in the file."""
        self.unwrap()
        members = _members(self.annotation)
        if len(members) > 1:
            if self.discriminator is None and not self.tagged:
                self.union = self.place
            self.annotation = _choose(members, part, self.discriminator)
            self.discriminator, self.tagged = None, False
            self.unwrap()
            self.siblings = list(_fields(self.annotation))
            return
        if part == "[key]":
            return
        annotation = members[0] if members else None
        fields = _fields(annotation)
        self.siblings = list(fields)
        self.place += f"[{part}]" if isinstance(part, int) else f".{part}" if self.place else str(part)
        self.description = ""
        self.discriminator = None
        if part in fields:
            self._take(fields[str(part)])
        else:
            self.annotation = _item(annotation, part)

    def _take(self, info: Any) -> None:
        if isinstance(info, FieldInfo):
            self.annotation = info.annotation
            self.description = info.description or ""
            self.discriminator = info.discriminator if isinstance(info.discriminator, str) else None
        else:
            self.annotation = info

    def unwrap(self) -> None:
        while get_origin(self.annotation) is Annotated:
            inner, *metadata = get_args(self.annotation)
            self.annotation = inner
            for item in metadata:
                if isinstance(item, FieldInfo) and isinstance(item.discriminator, str):
                    self.discriminator = item.discriminator
                self.tagged |= isinstance(item, Discriminator)


def _follow(model: Any, location: Sequence[int | str]) -> _Step:
    step = _Step(model)
    for part in location:
        step.into(part)
    return step


def _members(annotation: Any) -> list[Any]:
    """Return the members of a union without ``None``; anything else is its own only member."""
    if get_origin(annotation) in (Union, types.UnionType):
        return [member for member in get_args(annotation) if member is not type(None)]
    return [annotation]


def _choose(members: list[Any], label: int | str, discriminator: str | None) -> Any:
    """Return the member of a union that pydantic's label stands for, or ``None`` if it cannot be told."""
    for member in members:
        if Tag(str(label)) in getattr(member, "__metadata__", ()):
            return member
        if discriminator is not None:
            tag = _fields(member).get(discriminator)
            if tag is not None and label in get_args(getattr(tag, "annotation", tag)):
                return member
        elif getattr(get_origin(member) or member, "__name__", None) == str(label).partition("[")[0]:
            return member
    return None


def _fields(annotation: Any) -> Mapping[str, Any]:
    """Return the fields of a model or dataclass, or the parameters of a function."""
    for name in ("model_fields", "__pydantic_fields__"):
        found = getattr(annotation, name, None)
        if isinstance(found, Mapping):
            return found
    if inspect.isroutine(annotation) or hasattr(annotation, "raw_function"):
        parameters = inspect.signature(annotation, eval_str=True).parameters
        return {name: parameter.annotation for name, parameter in parameters.items()}
    return {}


def _item(annotation: Any, part: int | str) -> Any:
    """Return the annotation of an entry of a mapping or a list."""
    arguments = [argument for argument in get_args(annotation) if argument is not Ellipsis]
    if not arguments or get_origin(annotation) is Literal:
        return None
    if isinstance(part, int) and get_origin(annotation) is tuple and part < len(arguments):
        return arguments[part]
    return arguments[-1]


def _one_per_union(error: ValidationError, model: Any) -> Iterable[tuple[dict[str, Any], _Step]]:
    """Yield the errors and their places; of a union's errors only one, from the member that came closest."""
    errors = error.errors(include_url=False)
    # Of a tuple with an entry that cannot be used pydantic says also that it has too few.
    outer = {item["loc"][:depth] for item in errors for depth in range(len(item["loc"]))}
    errors = [item for item in errors if item["type"] != "too_short" or item["loc"] not in outer]
    found = [(dict(item), _follow(model, item["loc"])) for item in errors]
    for item, step in found:
        if step.union is None:
            yield item, step
            continue
        rivals = [(i, s) for i, s in found if s.union == step.union]
        deepest = max(len(s.place) for _, s in rivals)
        closest = [(i, s) for i, s in rivals if len(s.place) == deepest]
        if item is closest[0][0]:
            wanted = dict.fromkeys(_wanted(i) for i, _ in closest)
            yield item | {"wanted": " or ".join(wanted)}, step


def _fault(item: dict[str, Any], step: _Step, where: str) -> Fault:
    kind, context = item["type"], item.get("ctx", {})
    if kind in _UNKNOWN_KEY:
        known = did_you_mean(str(item["loc"][-1]), step.siblings) if step.siblings else "Remove it."
        return Fault(_join(where, step.place), "is a key that is not known here", known)
    if kind in _MISSING:
        return Fault(_join(where, step.place), "is missing", _advice("Add it", step.description))
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _tag_fault(item, step, where)
    at = _join(where, step.place)
    if kind == "value_error" or "fix" in context:
        message = item["msg"].removeprefix("Value error, ")
        return Fault(at, message, context.get("fix", "Change the value."))
    problem = f"got {describe(item['input'])}; wanted {item.get('wanted') or _wanted(item)}"
    if kind in ("literal_error", "enum") and isinstance(item["input"], str):
        return Fault(at, problem, did_you_mean(item["input"], _choices(context["expected"]), listed=True))
    if item["loc"][-1:] == ("[key]",):
        return Fault(at, problem, "Rename it.")
    step.unwrap()
    if kind == "model_type" and isinstance(item["input"], str) and "name" in _fields(step.annotation):
        return Fault(at, problem, f"Write {{name: {item['input']}}}.")
    return Fault(at, problem, _advice("Change the value", step.description))


def _tag_fault(item: dict[str, Any], step: _Step, where: str) -> Fault:
    """Return the fault of a ``kind`` that is missing or unknown."""
    context = item["ctx"]
    at = _join(where, f"{step.place}.{context['discriminator'].strip(chr(39))}".removeprefix("."))
    step.unwrap()
    tags = [tag for member in _members(step.annotation) for tag in _tags(member, step.discriminator)]
    wanted = ", ".join(tags)
    if item["type"] == "union_tag_not_found":
        return Fault(at, f"is missing; wanted one of {wanted}", "Add it.")
    return Fault(at, f"got {context['tag']!r}; wanted one of {wanted}", did_you_mean(context["tag"], tags))


def _tags(member: Any, discriminator: str | None) -> list[str]:
    info = _fields(member).get(discriminator or "")
    return [str(tag) for tag in get_args(getattr(info, "annotation", None))]


def _wanted(item: Mapping[str, Any]) -> str:
    """Return what pydantic wanted, in the words of this package."""
    context = item.get("ctx", {})
    if item["type"] == "literal_error" and len(_choices(context["expected"])) == 1:
        return str(context["expected"])
    if item["type"] in _WANTED:
        return _WANTED[item["type"]].format_map(context)
    if item["type"] == "string_pattern_mismatch":
        if context["pattern"] == NAME_PATTERN:
            return "letters, digits and '_', beginning with a letter"
        return f"text that matches {context['pattern']}"
    message = str(item["msg"]).removeprefix("Input should be ")
    return message[:1].lower() + message[1:]


def _choices(expected: str) -> list[str]:
    """Return the words in pydantic's list of choices, e.g. ``'a', 'b' or 'c'``."""
    return [choice.strip(" '") for choice in expected.replace(" or ", ", ").split(",")]


def _advice(what: str, description: str) -> str:
    if not description:
        return f"{what}."
    return f"{what}, described as: {description}"


def _join(where: str, place: str) -> str:
    """Return the whole place: ``dataset.yaml: entities``, or ``dataset.yaml: relations.borders.k``."""
    if not where or not place:
        return where or place
    return f"{where}.{place}" if ": " in where else f"{where}: {place}"
