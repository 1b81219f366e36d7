"""``mmgraph demo``: the main job on the shipped dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmgraph.cli.options import JsonOption, PluginOption, QuietOption, SeedsOption, SetOption, begin
from mmgraph.cli.output import write_comparison

EXAMPLES = ("mmgraph demo", "mmgraph demo --out quick-demo --seeds 1 --set max_epochs=20")


def demo(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where everything goes, in place of an earlier demo.")
    ] = Path("mmgraph-demo"),
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", metavar="DATASET", help="Another dataset than the shipped glyphs."),
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task", metavar="TASK", help="The task; by default the first one.")
    ] = None,
    seeds: SeedsOption = 3,
    assignments: SetOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    plugin: PluginOption = None,
) -> None:
    """Do the main job in a few minutes: dataset, graph, five models, a table and a report page."""
    progress = begin(quiet=quiet, plugin=plugin)
    progress.say("mmgraph demo: from raw characters to a graph, and an honest table. About three minutes.")
    from mmgraph.evaluation.demo import run_demo

    comparison = run_demo(
        out, dataset=dataset, task=task, seeds=seeds, overrides=assignments or (), progress=progress
    )
    write_comparison(comparison, json=json)
