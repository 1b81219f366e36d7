"""``mmgraph report``: all that is to be seen of a run, as a page, and as tables and figures for a paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmgraph.cli.options import (
    ExplainOption,
    GraphOption,
    GroupOption,
    GroupTableOption,
    JsonOption,
    MapOption,
    OverwriteOption,
    PluginOption,
    QuietOption,
    RunArgument,
    begin,
)
from mmgraph.cli.output import write_json, write_line

EXAMPLES = (
    "mmgraph report run --out report",
    "mmgraph report run --group script --explain U+0041 --out report --overwrite",
)


def report(
    run: RunArgument,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where the page, the tables and the figures go.")
    ] = Path("mmgraph-report"),
    group: GroupOption = None,
    table: GroupTableOption = None,
    robustness: Annotated[
        Path | None,
        typer.Option(
            "--robustness",
            metavar="DIR",
            help="What `mmgraph evaluate --robustness --out DIR` found of this run; by default "
            "RUN/robustness, if it is there.",
        ),
    ] = None,
    explain: ExplainOption = None,
    map_method: MapOption = "tsne",
    overwrite: OverwriteOption = False,
    graph: GraphOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    plugin: PluginOption = None,
) -> None:
    """Write a page about a run that needs no network, and its tables and figures for a paper."""
    begin(quiet=quiet, plugin=plugin)
    import mmgraph as mg
    from mmgraph.atomic import require_place
    from mmgraph.evaluation.report_run import MARKER

    require_place(out, marker=MARKER, overwrite=overwrite)
    page = mg.report(
        mg.load_run(run, graph=graph),
        out,
        groups=group or (),
        table=table,
        robustness=robustness,
        explain=explain or (),
        map_method=map_method,
        overwrite=overwrite,
    )
    if json:
        write_json({"run": str(run), "folder": str(out), "page": str(page)})
        return
    write_line(f"Report: {page}")
    write_line(f"Tables and figures for a paper: {out / 'paper'}")
