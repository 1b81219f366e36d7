"""``mmgraph inspect``: what a graph holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmgraph.cli.options import GraphArgument, JsonOption, PluginOption, QuietOption, begin
from mmgraph.cli.output import write_json, write_line, write_table

EXAMPLES = ("mmgraph inspect glyphs-graph", "mmgraph inspect glyphs-graph --json")


def inspect(
    graph: GraphArgument,
    json: JsonOption = False,
    quiet: QuietOption = False,
    plugin: PluginOption = None,
) -> None:
    """Show counts, degrees, missing modalities, homophily by relation, and the memory that training needs."""
    begin(quiet=quiet, plugin=plugin)
    import mmgraph as mg

    summary = mg.summarise(mg.load_graph(graph))
    if json:
        write_json(summary)
        return
    write_line(f"{summary['name']}, fingerprint {summary['fingerprint']}")
    _write_nodes(summary["nodes"])
    _write_relations(summary["relations"])
    _write_homophily(summary["relations"], summary["tasks"])
    _write_tasks(summary["tasks"])
    memory = summary["memory"]["total"] / 2**20
    write_line(f"Full-batch training needs about {memory:,.0f} MiB.")


def _write_nodes(nodes: Mapping[str, Any]) -> None:
    write_table(
        ("node type", "kind", "nodes", "missing", "width"),
        [
            (
                name,
                node.get("kind", "entity"),
                node["count"],
                f"{node['missing']:.1%}" if "missing" in node else "",
                node["channels"],
            )
            for name, node in nodes.items()
        ],
    )


def _write_relations(relations: Mapping[str, Any]) -> None:
    write_table(
        ("relation", "source", "target", "kind", "edges", "mean degree", "max degree", "isolated"),
        [
            (
                name,
                relation["source"],
                relation["target"],
                relation["kind"],
                relation["edges"],
                relation["target_degree"]["mean"],
                relation["target_degree"]["max"],
                relation["target_degree"]["isolated"],
            )
            for name, relation in relations.items()
        ],
    )
    for name, relation in relations.items():
        for warning in relation["warnings"]:
            write_line(f"{name}: {warning}")


def _write_homophily(relations: Mapping[str, Any], tasks: Mapping[str, Any]) -> None:
    rows = []
    for name, relation in relations.items():
        measured = [relation["homophily"].get(task, {}) for task in tasks]
        values = [found.get("same_label", found.get("correlation")) for found in measured]
        if any(value is not None for value in values):
            rows.append((name, *values))
    if rows:
        write_table(("homophily (training entities)", *tasks), rows)


def _write_tasks(tasks: Mapping[str, Any]) -> None:
    columns = ("entity", "kind", "labelled", "train", "validation", "test")
    write_table(("task", *columns), [(name, *(task[key] for key in columns)) for name, task in tasks.items()])
