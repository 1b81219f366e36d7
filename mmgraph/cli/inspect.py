"""``mmgraph inspect``: what a graph holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmgraph.cli.options import GraphArgument, JsonOption, OverwriteOption, PluginOption, QuietOption, begin
from mmgraph.cli.output import write_json, write_line, write_table
from mmgraph.counted import counted
from mmgraph.errors import UserError

if TYPE_CHECKING:
    from mmgraph.graph.graph import Graph

EXAMPLES = (
    "mmgraph inspect glyphs-graph",
    "mmgraph inspect glyphs-graph --json",
    "mmgraph inspect glyphs-graph --page inspection.html",
)

_SHOWN = 8
"""How many combinations of modalities a terminal shows for each entity type."""

_CORRELATION = {"correlation": "correlation"}
_OVERLAP = {"overlap": "overlap", "by_chance": "by chance"}
_LABELS = {
    "same_label": "same label",
    "by_chance": "by chance",
    "adjusted": "adjusted homophily",
    "informativeness": "label informativeness",
}


def inspect(
    graph: GraphArgument,
    page: Annotated[
        Path | None,
        typer.Option("--page", metavar="FILE.html", help="Also write a page with plots, one file."),
    ] = None,
    overwrite: OverwriteOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    plugin: PluginOption = None,
) -> None:
    """Show counts, degrees, components, missing modalities, what edges tell about labels, and memory."""
    begin(quiet=quiet, plugin=plugin)
    import mmgraph as mg

    if page is not None and (page.is_dir() or (page.exists() and not overwrite)):
        raise UserError(
            "is there already", where=str(page), fix="Choose another --page, or pass --overwrite."
        )
    opened = mg.load_graph(graph)
    summary = mg.summarise(opened)
    if page is not None:
        _write_page(opened, summary, page)
    if json:
        write_json(summary)
        return
    write_line(f"{summary['name']}, fingerprint {summary['fingerprint']}")
    _write_nodes(summary["nodes"])
    _write_combinations(summary["combinations"])
    _write_relations(summary["relations"])
    _write_components(summary["components"])
    _write_labels(summary["relations"], summary["tasks"])
    _write_tasks(summary["tasks"], summary["link_tasks"])
    memory = summary["memory"]["total"] / 2**20
    write_line(f"Full-batch training of hetero_gat needs about {memory:,.0f} MiB, beside the libraries.")
    if page is not None:
        write_line(f"Page: {page}")


def _write_page(graph: Graph, summary: dict[str, Any], page: Path) -> None:
    from mmgraph.atomic import atomic_write
    from mmgraph.evaluation.inspection import inspection_page

    atomic_write(page, inspection_page(graph, summary=summary))


def _write_nodes(nodes: Mapping[str, Any]) -> None:
    write_table(
        ("node type", "kind", "nodes", "missing", "width"),
        [
            (
                name,
                node.get("kind", "entity"),
                node["count"],
                _share(node["missing"]) if "missing" in node else "",
                node["channels"],
            )
            for name, node in nodes.items()
        ],
    )


def _share(share: float) -> str:
    """Return a share in percent; what is not nothing does not look like it."""
    return "<0.1%" if 0 < share < 0.001 else f"{share:.1%}"


def _write_combinations(combinations: Mapping[str, Any]) -> None:
    rows = [
        (entity, ", ".join(one["modalities"]) or "none", one["count"])
        for entity, found in combinations.items()
        for one in found[:_SHOWN]
    ]
    if rows:
        write_table(("entity type", "modalities together", "entities"), rows)
    for entity, found in combinations.items():
        if len(found) > _SHOWN:
            write_line(
                f"{entity}: "
                f"{counted(len(found) - _SHOWN, 'rarer combination is', 'rarer combinations are')} in --json"
            )


def _write_relations(relations: Mapping[str, Any]) -> None:
    degrees = ("mean", "median", "q90", "q99", "max", "isolated")
    columns = ("relation", "source", "target", "kind", "edges", *degrees)
    write_table(
        columns,
        [
            (
                name,
                *(relation[key] for key in ("source", "target", "kind", "edges")),
                *(relation["target_degree"][key] for key in degrees),
            )
            for name, relation in relations.items()
        ],
        title="Degrees of the targets",
    )
    for name, relation in relations.items():
        if relation["held_out"]:
            parts = ", ".join(f"{count:,} {part}" for part, count in relation["held_out"].items())
            write_line(f"{name}: a split holds further edges out: {parts}")
        for warning in relation["warnings"]:
            write_line(f"{name}: {warning}")


def _write_components(components: Mapping[str, Any]) -> None:
    keys = ("nodes", "components", "largest", "isolated")
    write_table(
        ("weakly connected", *keys),
        [
            ("with the modalities' ties", *(components["whole"][key] for key in keys)),
            ("by relations alone", *(components["relations"][key] for key in keys)),
        ],
    )


def _write_labels(relations: Mapping[str, Any], tasks: Mapping[str, Any]) -> None:
    for task in tasks:
        found = {name: r["homophily"][task] for name, r in relations.items() if task in r["homophily"]}
        if not found:
            continue
        measured = next(iter(found.values()))
        keys = next(keys for keys in (_CORRELATION, _OVERLAP, _LABELS) if next(iter(keys)) in measured)
        write_table(
            ("relation", "edges", *keys.values()),
            [(name, one["edges"], *(one[key] for key in keys)) for name, one in found.items()],
            title=f"{task}, among training entities",
        )


def _write_tasks(tasks: Mapping[str, Any], link_tasks: Mapping[str, Any]) -> None:
    columns = ("entity", "kind", "labelled", "train", "validation", "test")
    write_table(("task", *columns), [(name, *(task[key] for key in columns)) for name, task in tasks.items()])
    if link_tasks:
        rows = [(name, task["relation"], task["kind"]) for name, task in link_tasks.items()]
        write_table(("task", "relation", "kind"), rows)
