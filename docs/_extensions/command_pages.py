"""The reference of the command line, from the application that the command line runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import typer

from mmgraph.cli.app import COMMANDS, build_app


def command_pages() -> str:
    """Return Markdown with one section for each command: what it does, its arguments, its examples."""
    group: Any = typer.main.get_command(build_app())
    sections = [_section(name, group.commands[name], examples) for name, (_, examples) in COMMANDS.items()]
    return "\n".join(sections)


def _section(name: str, command: Any, examples: Iterable[str]) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    usage = " ".join(["mmgraph", name, *(p.metavar if p.required else f"[{p.metavar}]" for p in arguments)])
    lines = [
        f"## mmgraph {name}",
        "",
        command.help,
        "",
        "```text",
        f"{usage} [OPTIONS]",
        "```",
        "",
        "| argument | default | meaning |",
        "|---|---|---|",
        *(_row(parameter) for parameter in command.params),
        "",
        "```sh",
        *examples,
        "```",
        "",
    ]
    return "\n".join(lines)


def _row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        spelt = f"`{parameter.metavar}`"
    else:
        value = "" if parameter.is_flag else f" {parameter.metavar or 'VALUE'}"
        spelt = ", ".join(f"`{option}{value}`" for option in parameter.opts)
    if parameter.required:
        default = "**required**"
    elif parameter.default in (None, False):
        default = ""
    else:
        default = f"`{parameter.default}`"
    meaning = (parameter.help or "").replace("\\[", "[").replace("|", "\\|")
    return f"| {spelt} | {default} | {meaning} |"
