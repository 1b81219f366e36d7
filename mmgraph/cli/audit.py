"""``mmgraph audit``: what leaks between the parts of a split."""

from __future__ import annotations

from typing import Annotated

import typer

from mmgraph.cli.options import GraphArgument, JsonOption, PluginOption, QuietOption, begin
from mmgraph.cli.output import write_json, write_line

EXAMPLES = (
    "mmgraph audit glyphs-graph --task script",
    "mmgraph audit glyphs-graph --task script --dataset glyphs --skip row_order --json",
)
FOUND = 1


def audit(
    graph: GraphArgument,
    task: Annotated[str, typer.Option("--task", metavar="TASK", help="The task whose figures are at stake.")],
    split: Annotated[
        str | None,
        typer.Option(
            "--split", metavar="PART", help="Hold only validation, or only test, against training; else both."
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset", metavar="DATASET", help="Also read the columns and texts of the graph's dataset."
        ),
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(
            "--group",
            metavar="NAME",
            help="A column of the dataset, or a relation, whose groups stay together; may be given again.",
        ),
    ] = None,
    skip: Annotated[
        list[str] | None,
        typer.Option("--skip", metavar="CHECK", help="Leave a check out; may be given again."),
    ] = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    plugin: PluginOption = None,
) -> None:
    """Look for leakage between the parts of a split; exit with 1 if something is found."""
    progress = begin(quiet=quiet, plugin=plugin)
    import mmgraph as mg

    report = mg.audit(
        graph,
        task=task,
        split=split,
        dataset=dataset,
        groups=group or (),
        skip=skip or (),
        progress=progress,
    )
    if json:
        write_json(report.to_json())
    else:
        write_line(str(report))
    if not report.clean:
        raise typer.Exit(FOUND)
