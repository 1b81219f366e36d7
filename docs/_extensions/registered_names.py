"""Everything that can be named in YAML or on the command line, with the parameters that YAML gives it."""

from __future__ import annotations

import inspect
import re
from typing import Any

from config_tables import config_tables

from mmgraph.registry import ENCODERS, LAYERS, MODELS, RELATIONS, TASKS, Registry

TITLES: dict[str, Registry[Any]] = {
    "Models": MODELS,
    "Layers": LAYERS,
    "Tasks": TASKS,
    "Relation builders": RELATIONS,
    "Encoders": ENCODERS,
}


def registered_names() -> str:
    """Return Markdown with one section for each registry."""
    sections = []
    for title, registry in TITLES.items():
        things = dict(registry.items())
        configured = all(hasattr(thing, "config_model") for thing in things.values())
        content = _with_parameters(things) if configured else _table(things)
        sections.append(f"## {title}\n\n{content}")
    return "\n".join(sections)


def _table(things: dict[str, Any]) -> str:
    rows = [f"| `{name}` | {_first_paragraph(thing)} |" for name, thing in things.items()]
    return "\n".join(["| name | what it is |", "|---|---|", *rows, ""])


def _with_parameters(things: dict[str, Any]) -> str:
    return "\n".join(
        f"### {name}\n\n{_first_paragraph(thing)}\n\n"
        f"{config_tables(thing.config_model().model_json_schema())}"
        for name, thing in things.items()
    )


def _first_paragraph(thing: Any) -> str:
    paragraph = " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())
    linked = re.sub(r"`([^`<>]+) <([^`<>]+)>`_+", r"[\1](\2)", paragraph)
    return linked.replace("``", "`").replace("|", "\\|")
