"""``mmgraph evaluate``: the metrics of a run, from its saved weights."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from mmgraph.cli.options import (
    EvalBatchSizeOption,
    GraphOption,
    JsonOption,
    PluginOption,
    QuietOption,
    RunArgument,
    begin,
)
from mmgraph.cli.output import write_metrics

EXAMPLES = (
    "mmgraph evaluate run",
    "mmgraph evaluate run --split validation --json",
    "mmgraph evaluate run --eval-batch-size 1024",
)


def evaluate(
    run: RunArgument,
    split: Annotated[
        Literal["train", "validation", "test"], typer.Option("--split", help="The entities to measure on.")
    ] = "test",
    graph: GraphOption = None,
    eval_batch_size: EvalBatchSizeOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    plugin: PluginOption = None,
) -> None:
    """Measure a run on one split, from its saved weights."""
    begin(quiet=quiet, plugin=plugin)
    import mmgraph as mg

    loaded = mg.load_run(run, graph=graph, eval_batch_size=eval_batch_size)
    write_metrics(loaded, split, json=json)
