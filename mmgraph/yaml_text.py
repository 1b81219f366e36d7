"""Safe reading and writing of YAML 1.2, where ``on``, ``no`` and ``2024-01-31`` are plain text.

PyYAML follows YAML 1.1, which turns the key ``on`` and the country code ``NO`` into booleans, ``010`` into 8,
``12:30`` into 750, and leaves ``1e-3`` as text. See https://yaml.org/spec/1.2.2/#103-core-schema.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

_RARE_ENDS = frozenset("\x85\u2028\u2029\ufeff")
_MAP = yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG
_CORE_SCHEMA = (
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
)


class _Loader(yaml.SafeLoader):
    """``yaml.SafeLoader`` with the core schema of YAML 1.2 that refuses a mapping that names a key twice."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own


class _Dumper(yaml.SafeDumper):
    """``yaml.SafeDumper`` that quotes text which would be read as something else.

    So is what is a number to YAML 1.2 alone, such as ``08``, and what holds a rare end of a line.
    """

    def analyze_scalar(self, scalar: str) -> Any:
        analysis = super().analyze_scalar(scalar)
        if _RARE_ENDS & set(scalar):
            # Only between double quotes are they written as escapes.
            analysis.allow_flow_plain = analysis.allow_block_plain = False
            analysis.allow_single_quoted = analysis.allow_block = False
        return analysis


def _construct_mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, (str, int, float, bool, type(None))):
            raise yaml.MarkedYAMLError(
                problem="a key is a list or a mapping; wanted text", problem_mark=key_node.start_mark
            )
        if key in seen:
            raise yaml.MarkedYAMLError(
                problem=f"the key {key!r} stands twice", problem_mark=key_node.start_mark
            )
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


def _construct_int(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node)
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


for _name, _pattern, _first in _CORE_SCHEMA:
    _first_characters = [character if character != "\0" else "" for character in _first]
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(
            f"tag:yaml.org,2002:{_name}", re.compile(f"^(?:{_pattern})$"), _first_characters
        )
_Loader.add_constructor(_MAP, _construct_mapping)
_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)


def load_yaml(text: str) -> Any:
    """Return the value that YAML text stands for.

    Args:
        text: One YAML document.

    Raises:
        yaml.YAMLError: If the text is not YAML, names a key twice, or is nested too deeply.

    Example:
        >>> load_yaml("{on: NO, rate: 1e-3, day: 2024-01-31}")
        {'on': 'NO', 'rate': 0.001, 'day': '2024-01-31'}
    """
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except RecursionError:
        raise yaml.YAMLError("it is nested too deeply") from None


def dump_yaml(value: Any) -> str:
    """Return YAML text that stands for mappings, lists, texts and numbers, and is read by any YAML.

    Args:
        value: What to write; mappings keep their order.

    Example:
        >>> dump_yaml({"name": "08", "rate": 0.5})
        "name: '08'\\nrate: 0.5\\n"
    """
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    return text
