"""``mmgraph convert``: a graph to GraphML or Parquet tables, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmgraph.cli.options import JsonOption, OverwriteOption, QuietOption, begin
from mmgraph.cli.output import write_json, write_line
from mmgraph.counted import counted

EXAMPLES = (
    "mmgraph convert glyphs-graph --out glyphs-tables",
    "mmgraph convert glyphs-tables --out glyphs-again",
    "mmgraph convert small --out small.graphml --no-features",
)


def convert(
    source: Annotated[
        Path,
        typer.Argument(metavar="FROM", help="A graph folder, a folder of tables, or a .graphml file."),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="TO",
            help="From a graph: a name that ends in .graphml, or a folder for Parquet tables. From anything "
            "else: the graph folder.",
        ),
    ],
    no_features: Annotated[
        bool,
        typer.Option(
            "--no-features", help="Leave the features out of GraphML: to look at, not to read back."
        ),
    ] = False,
    overwrite: OverwriteOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Hand a graph to other tools as GraphML or as Parquet tables, or make a graph of those."""
    begin(quiet=quiet)
    from mmgraph.graph.exchange.convert import convert as convert_graph

    result = convert_graph(source, out, features=not no_features, overwrite=overwrite)
    if json:
        write_json({"from": str(source), "out": str(out), "format": result.format, **result.counts})
    else:
        counts = result.counts
        aside = f", {counts['held_out']:,} held out" if counts["held_out"] else ""
        write_line(
            f"{result.format}: {out}, {counted(counts['nodes'], 'node')}, "
            f"{counted(counts['edges'], 'edge')}{aside}"
        )
