"""``mmgraph attach``: the edges that new entities get in a graph."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmgraph.cli.options import (
    GraphArgument,
    JsonOption,
    OverwriteFileOption,
    PluginOption,
    QuietOption,
    begin,
)
from mmgraph.cli.output import write_json, write_line, write_table
from mmgraph.counted import counted

EXAMPLES = ("mmgraph attach glyphs-graph --input new-glyphs --out new-edges.parquet",)


def attach(
    graph: GraphArgument,
    folder: Annotated[
        Path,
        typer.Option(
            "--input",
            metavar="FOLDER",
            help="The new entities: tables and files under the names that the dataset gives them.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE.parquet", help="Write every edge of the new entities."),
    ] = None,
    overwrite: OverwriteFileOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    plugin: PluginOption = None,
) -> None:
    """Show which edges new entities get in a graph, which stays as it is."""
    progress = begin(quiet=quiet, plugin=plugin)
    import mmgraph as mg
    from mmgraph.atomic import require_file
    from mmgraph.graph.edge_file import write_edge_file

    if out is not None:
        require_file(out, [".parquet"], overwrite=overwrite)
    attached = mg.attach(mg.load_graph(graph), folder, progress=progress)
    table = attached.edge_table()
    if out is not None:
        write_edge_file(out, table)
    counts = {
        name: {
            "edges": len(found.incoming) + len(found.outgoing),
            "counts": found.counts,
            "warnings": found.warnings,
        }
        for name, found in attached.relations.items()
    }
    if json:
        new = {name: len(ids) for name, ids in attached.new.items()}
        write_json({"new": new, "relations": counts, "file": None if out is None else str(out)})
        return
    write_table(("relation", "edges of new entities"), [(name, c["edges"]) for name, c in counts.items()])
    for name, ids in attached.new.items():
        write_line(f"{counted(len(ids), 'new entity', 'new entities')} of the type {name}")
    for name, found in attached.relations.items():
        for sentence in found.warnings:
            write_line(f"{name}: {sentence}")
    if out is not None:
        write_line(f"{counted(len(table), 'edge of theirs is', 'edges of theirs are')} in {out}")
