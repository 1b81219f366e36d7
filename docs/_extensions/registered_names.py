"""Tables of everything that can be named in YAML or on the command line."""

from __future__ import annotations

import inspect

from mmgraph.registry import ENCODERS, LAYERS, MODELS, RELATIONS, TASKS, Registry

_TITLES: dict[str, Registry[object]] = {
    "Models": MODELS,
    "Layers": LAYERS,
    "Relation builders": RELATIONS,
    "Encoders": ENCODERS,
    "Tasks": TASKS,
}


def registered_names() -> str:
    """Return Markdown with one table for each registry."""
    lines: list[str] = []
    for title, registry in _TITLES.items():
        lines += [f"## {title}", "", "| name | what it is |", "|---|---|"]
        lines += [f"| `{name}` | {_first_sentence(thing)} |" for name, thing in registry.items()]
        lines.append("")
    return "\n".join(lines)


def _first_sentence(thing: object) -> str:
    paragraph = (inspect.getdoc(thing) or "").partition("\n\n")[0]
    return " ".join(paragraph.replace("``", "`").split()).replace("|", "\\|")
