"""Tables of the keys of a configuration, from its JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

_WORDS = {"string": "text", "integer": "integer", "number": "number", "boolean": "true or false"}
_LIMITS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
}


def config_tables(schema: Schema) -> str:
    """Return Markdown with one table for each mapping that the configuration consists of.

    Args:
        schema: What pydantic's ``model_json_schema`` returns.
    """
    definitions = schema.get("$defs", {})
    sections = [_table(schema, definitions)]
    for name in _in_reading_order(schema, definitions):
        definition = definitions[name]
        heading = [f"## {_title(name)}", "", _first_paragraph(definition.get("description", "")), ""]
        sections.append("\n".join(heading) + "\n" + _table(definition, definitions))
    return "\n".join(sections)


def _in_reading_order(schema: Schema, definitions: dict[str, Schema]) -> list[str]:
    """Return the names of all mappings in the order in which a reader of the tables meets them."""
    found: list[str] = []
    waiting = [schema]
    while waiting:
        for name in _references(waiting.pop(0).get("properties", {})):
            if name not in found and "properties" in definitions[name]:
                found.append(name)
                waiting.append(definitions[name])
    return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield _name(value)
        for key, child in value.items():
            if key != "discriminator":
                yield from _references(child)
    elif isinstance(value, list):
        for child in value:
            yield from _references(child)


def _table(schema: Schema, definitions: dict[str, Schema]) -> str:
    lines = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for key, value in schema.get("properties", {}).items():
        default = "**required**" if key in schema.get("required", []) else _default(value)
        meaning = " ".join(value.get("description", "").split()).replace("|", "\\|")
        lines.append(f"| `{key}` | {_type(value, definitions)} | {default} | {meaning} |")
    if schema.get("additionalProperties") is True:
        lines.append("| … | | | what the named thing takes as parameters |")
    return "\n".join([*lines, ""])


def _type(value: Schema, definitions: dict[str, Schema]) -> str:
    """Return what may stand as the value of a key, in words."""
    if "$ref" in value:
        name = _name(value)
        if "properties" not in definitions[name]:
            return _type(definitions[name], definitions)
        return f"[{_title(name).lower()}](#{_title(name).lower().replace(' ', '-')})"
    for union in ("anyOf", "oneOf"):
        if union in value:
            return " or ".join(_type(one, definitions) for one in value[union] if one.get("type") != "null")
    if "enum" in value:
        return " or ".join(f"`{one}`" for one in value["enum"])
    if "const" in value:
        return f"`{value['const']}`"
    if value.get("type") == "array":
        return f"list of {_type(value.get('items', {}), definitions)}"
    if value.get("type") == "object":
        patterns = value.get("patternProperties", {})
        inner = value.get("additionalProperties") or next(iter(patterns.values()), None)
        return f"mapping of names to {_type(inner, definitions)}" if isinstance(inner, dict) else "mapping"
    limits = [text.format(f"{value[key]:g}") for key, text in _LIMITS.items() if key in value]
    return _WORDS.get(value.get("type", ""), "value") + (f" ({', '.join(limits)})" if limits else "")


def _default(value: Schema) -> str:
    if "default" not in value:
        return ""
    default = value["default"]
    if default is None:
        return "nothing"
    if default in ({}, [], ""):
        return "empty"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _name(reference: Schema) -> str:
    name: str = reference["$ref"].rpartition("/")[2]
    return name


def _title(name: str) -> str:
    """Return the name of a class as a heading: ``StratifiedSplit`` as "Stratified split"."""
    words = re.findall(r"[A-Z][a-z]*", re.sub(r"(Spec|Config)$", "", name))
    return " ".join(words).capitalize()


def _first_paragraph(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].replace("``", "`").split())
