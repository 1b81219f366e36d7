"""``mmgraph list``: what there is, built in and plugged in."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from mmgraph.cli.options import JsonOption, PluginOption, QuietOption, begin
from mmgraph.cli.output import write_json, write_table
from mmgraph.errors import UnknownNameError, did_you_mean
from mmgraph.paths import home, shipped
from mmgraph.registry import ENCODERS, LAYERS, MODELS, RELATIONS, TASKS, Registry

EXAMPLES = ("mmgraph list models", "mmgraph list datasets --json")

_REGISTRIES: dict[str, Registry[object]] = {
    "models": MODELS,
    "layers": LAYERS,
    "relations": RELATIONS,
    "encoders": ENCODERS,
    "tasks": TASKS,
}

_WITH_PAPERS = ("models", "layers")


def list_names(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="models, layers, relations, encoders, tasks, datasets, configs, search-spaces or backends.",
        ),
    ],
    json: JsonOption = False,
    quiet: QuietOption = False,
    plugin: PluginOption = None,
) -> None:
    """List the names that can stand on the command line and in YAML."""
    begin(quiet=quiet, plugin=plugin)
    rows = [{"name": name, "description": description} for name, description in _described(kind).items()]
    if kind in _WITH_PAPERS:
        rows = [{**row, "paper": _papers(_REGISTRIES[kind].get(row["name"]))} for row in rows]
    if json:
        write_json(rows)
    else:
        columns = ("name", "description", *(("paper",) if kind in _WITH_PAPERS else ()))
        write_table(columns, [[row[column] for column in columns] for row in rows])


def _described(kind: str) -> dict[str, str]:
    """Return the names of a kind, each with one line that describes it."""
    others: dict[str, Callable[[], dict[str, str]]] = {
        "datasets": _datasets,
        "configs": lambda: _commented(shipped("configs")),
        "search-spaces": lambda: _commented(shipped("configs") / "search_spaces"),
        "backends": _backends,
    }
    if kind in _REGISTRIES:
        return {name: _first_line(thing) for name, thing in _REGISTRIES[kind].items()}
    if kind in others:
        return others[kind]()
    raise UnknownNameError(
        f"there is no list of {kind!r}", where="mmgraph list", fix=did_you_mean(kind, [*_REGISTRIES, *others])
    )


def _first_line(thing: object) -> str:
    """Return the first line of a docstring; of a link only its text."""
    line = (inspect.getdoc(thing) or "").partition("\n")[0]
    return re.sub(r"`([^`<]+?) *<[^>]*>`_+", r"\1", line)


def _papers(thing: object) -> str:
    """Return the papers that a docstring links to, each with its address."""
    links = re.findall(r"`([^`<]+?)\s*<(https://arxiv\.org/abs/[^>]*)>`_", inspect.getdoc(thing) or "")
    return "; ".join(f"{' '.join(text.split())}, {address}" for text, address in links)


def _backends() -> dict[str, str]:
    """Return what attention can be computed by, on which device, and what is missing where it cannot."""
    from mmgraph.ops import BACKENDS

    found = {}
    for name, backend in BACKENDS.items():
        state = backend.missing() or "available"
        found[name] = (
            f"{backend.summary}; on {' and '.join(sorted(backend.devices)) or 'any device'}; {state}"
        )
    return found


def _datasets() -> dict[str, str]:
    """Return the shipped and the prepared datasets; a prepared one says so."""
    from mmgraph.config import read_yaml

    prepared = {file.parent.name: file for file in sorted((home() / "datasets").glob("*/dataset.yaml"))}
    files = {file.parent.name: file for file in sorted(shipped("datasets").glob("*/dataset.yaml"))} | prepared
    found = {}
    for name, file in sorted(files.items()):
        spec = read_yaml(file)
        state = "prepared" if name in prepared else "shipped"
        found[name] = f"{spec.get('title') or spec.get('description') or name} ({state})"
    return found


def _commented(folder: Path) -> dict[str, str]:
    """Return the YAML files of a folder, each with the comment in its first line."""
    found = {}
    for file in sorted(folder.glob("*.yaml")):
        first = file.read_text(encoding="utf-8").partition("\n")[0]
        found[file.stem] = first.removeprefix("#").strip() if first.startswith("#") else ""
    return found
