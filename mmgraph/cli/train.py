"""``mmgraph train``: train one model on one task, write a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmgraph.cli.options import (
    GraphArgument,
    JsonOption,
    OverwriteOption,
    PluginOption,
    QuietOption,
    SeedOption,
    SetOption,
    TaskOption,
    begin,
)
from mmgraph.cli.output import write_line, write_metrics

EXAMPLES = (
    "mmgraph train glyphs-graph --task script --model hetero_gat --out run",
    "mmgraph train glyphs-graph --task script --set max_epochs=3 --seed 1 --json",
    "mmgraph train glyphs-graph --task script --batch-size 256 --fanout 15,10 --set max_epochs=3",
)


def train(
    graph: GraphArgument,
    task: TaskOption,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="MODEL", help="`mmgraph list models`; hetero_gat by default."),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option("--config", metavar="CONFIG", help="A name (`mmgraph list configs`) or a YAML file."),
    ] = None,
    assignments: SetOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="RUN", help="The run folder; by default runs/GRAPH-TASK-MODEL-SEED."),
    ] = None,
    seed: SeedOption = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            "--batch-size",
            min=0,
            metavar="N",
            help="Training entities of a step, with a sample of their neighbourhoods; 0 for the whole graph "
            "in each step. By default what memory allows.",
        ),
    ] = None,
    fanout: Annotated[
        str | None,
        typer.Option(
            "--fanout",
            metavar="N,N",
            help="Neighbours of a sample, hop after hop, e.g. 15,10; -1 for all. Also by relation: "
            "'looks_like=15,10 *=5,5'.",
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    plugin: PluginOption = None,
) -> None:
    """Train a model on a task of a graph and write a run folder."""
    progress = begin(quiet=quiet, plugin=plugin)
    import mmgraph as mg
    from mmgraph.training.resolve import resolve_config

    overrides = assignments or ()
    resolved = resolve_config(
        model=model, config=config, overrides=overrides, seed=seed, batch_size=batch_size, fanout=fanout
    )
    folder = out or Path("runs") / f"{graph.resolve().name}-{task}-{resolved.model.name}-{resolved.seed}"
    run = mg.train(
        graph,
        task=task,
        model=model,
        config=config,
        overrides=overrides,
        out=folder,
        seed=seed,
        batch_size=batch_size,
        fanout=fanout,
        overwrite=overwrite,
        progress=progress,
    )
    split = "test" if "test" in run.task.labelled_splits() else "validation"
    write_metrics(run, split, json=json)
    if not json:
        write_line(f"The run is in {folder}")
