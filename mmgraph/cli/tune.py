"""``mmgraph tune``: look for the config of a model that does best on validation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmgraph.cli.options import (
    ConfigOption,
    EngineOption,
    GraphArgument,
    JsonOption,
    ModelOption,
    OverwriteOption,
    PluginOption,
    QuietOption,
    SeedOption,
    SetOption,
    TaskOption,
    begin,
)
from mmgraph.cli.output import write_line, write_study

EXAMPLES = (
    "mmgraph tune glyphs-graph --task script --model mlp --trials 3 --out study",
    "mmgraph tune glyphs-graph --task script --model mlp --trials 4 --out study --resume",
    "mmgraph tune glyphs-graph --task script --minutes 0.01 --set max_epochs=3 --out short --json",
)


def tune(
    graph: GraphArgument,
    task: TaskOption,
    model: ModelOption = None,
    trials: Annotated[
        int | None,
        typer.Option(
            "--trials", min=1, metavar="N", help="Trials in all; 50 by default, unless --minutes is given."
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", metavar="M", help="After how many minutes of trials no other begins."),
    ] = None,
    space: Annotated[
        str | None,
        typer.Option(
            "--space",
            metavar="SPACE",
            help="A name (`mmgraph list search-spaces`) or a YAML file; by default that of the model.",
        ),
    ] = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
    out: Annotated[Path, typer.Option("--out", metavar="STUDY", help="The folder of the study.")] = Path(
        "mmgraph-study"
    ),
    seed: SeedOption = None,
    engine: EngineOption = None,
    workers: Annotated[
        int,
        typer.Option(
            "--workers", min=1, metavar="N", help="How many trials run at a time, with --engine ray."
        ),
    ] = 1,
    whole: Annotated[
        bool, typer.Option("--no-prune", help="Train every trial to its end, also those that fall behind.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the study in --out, up to the budget in all.")
    ] = False,
    overwrite: OverwriteOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    plugin: PluginOption = None,
) -> None:
    """Train a model with many configs and find the one that does best on validation."""
    progress = begin(quiet=quiet, plugin=plugin)
    import mmgraph as mg

    study = mg.tune(
        graph,
        task=task,
        model=model,
        trials=trials,
        minutes=minutes,
        space=space,
        config=config,
        overrides=assignments or (),
        seed=seed,
        engine=engine,
        workers=workers,
        prune=not whole,
        out=out,
        resume=resume,
        overwrite=overwrite,
        progress=progress,
    )
    write_study(study, json=json)
    if not json:
        best = out / "best.yaml"
        write_line(
            f"All trials are in {out / 'trials.csv'}, the best config is {best}. To see its test metrics:"
        )
        write_line(f"mmgraph train {graph} --task {task} --config {best} --out RUN")
