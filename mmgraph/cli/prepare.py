"""``mmgraph prepare``: make a shipped dataset ready."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmgraph.cli.options import JsonOption, OverwriteOption, PluginOption, QuietOption, begin
from mmgraph.cli.output import write_json, write_line

EXAMPLES = ("mmgraph prepare glyphs", "mmgraph prepare glyphs --out glyphs-dataset --quiet")


def prepare(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A shipped dataset (`mmgraph list datasets`), or a construct.json of GraphStorm's.",
        ),
    ],
    source: Annotated[
        Path | None,
        typer.Option(
            "--source", metavar="DIR", help="The folder with its source files; without it they are fetched."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where it goes; by default mmgraph finds it by its name."),
    ] = None,
    overwrite: OverwriteOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    plugin: PluginOption = None,
) -> None:
    """Make a dataset ready: a shipped one from its sources, or one that GraphStorm's file describes."""
    progress = begin(quiet=quiet, plugin=plugin)
    import mmgraph as mg

    folder = mg.prepare_dataset(name, source=source, out=out, overwrite=overwrite, progress=progress)
    if json:
        write_json({"dataset": name, "folder": str(folder)})
    else:
        write_line(f"The dataset {name} is ready in {folder}")
