"""``mmgraph evaluate``: the metrics of a run, from its saved weights, and what becomes of them elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from mmgraph.cli.options import (
    EvalBatchSizeOption,
    GraphOption,
    GroupTableOption,
    JsonOption,
    OverwriteOption,
    PartTaskOption,
    PluginOption,
    QuietOption,
    RunArgument,
    begin,
)
from mmgraph.cli.output import write_line, write_metrics
from mmgraph.errors import ConfigError

EXAMPLES = (
    "mmgraph evaluate run",
    "mmgraph evaluate run --split validation --json",
    "mmgraph evaluate run --eval-batch-size 1024",
    "mmgraph evaluate run --robustness --repeats 1 --group script --out robustness",
    "mmgraph evaluate run --robustness --only calibration --only selective --json",
    "mmgraph evaluate run --calibrate",
    "mmgraph evaluate both --robustness --task script",
)


def evaluate(
    run: RunArgument,
    split: Annotated[
        Literal["train", "validation", "test"], typer.Option("--split", help="The entities to measure on.")
    ] = "test",
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate",
            help="First fit the temperature of a classification on validation, and keep it with the run.",
        ),
    ] = False,
    robustness: Annotated[
        bool,
        typer.Option(
            "--robustness",
            help="Try it where modalities are missing, features noisy and edges wrong; see for whom it is "
            "good, and how sure it may be.",
        ),
    ] = False,
    task: PartTaskOption = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="ASPECT",
            help="Of --robustness: missing, noise, edges, neighbours, groups, calibration or selective; may "
            "be given again.",
        ),
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(
            "--group", metavar="COLUMN", help="Of --robustness: metrics by this column; may be given again."
        ),
    ] = None,
    table: GroupTableOption = None,
    repeats: Annotated[
        int | None,
        typer.Option("--repeats", min=1, metavar="N", help="Of --robustness: how many draws; 3 by default."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", min=0, metavar="N", help="Of --robustness: seeds the draws; 0 by default."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Of --robustness: write tables, JSON and plots there."),
    ] = None,
    overwrite: OverwriteOption = False,
    graph: GraphOption = None,
    eval_batch_size: EvalBatchSizeOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    plugin: PluginOption = None,
) -> None:
    """Measure a run on one split, from its saved weights."""
    progress = begin(quiet=quiet, plugin=plugin)
    given: dict[str, object] = {
        "--only": only or None,
        "--group": group or None,
        "--table": table,
        "--repeats": repeats,
        "--seed": seed,
    }
    given |= {"--out": out, "--overwrite": overwrite or None, "--task": None if calibrate else task}
    _require(robustness, given)
    if table is not None and not group:
        raise ConfigError(
            "got a table, but no column of it", where="--table", fix="Name one by --group COLUMN."
        )
    import mmgraph as mg
    from mmgraph.atomic import require_place
    from mmgraph.cli.robustness_output import write_robustness
    from mmgraph.evaluation.robustness.folder import MARKER

    if out is not None:
        require_place(out, marker=MARKER, overwrite=overwrite)
    loaded = mg.load_run(run, graph=graph, eval_batch_size=eval_batch_size)
    if calibrate:
        held = mg.robustness(loaded, split=split, task=task, aspects=["calibration"]).calibration
        temperature = mg.calibrate(loaded, task=task)
        if not json:
            write_line(f"The temperature {temperature:.4g}, fitted on validation, is kept with {run}")
            assert held is not None
            for name, before in held.measures["now"].items():
                after = held.measures["fitted"][name]
                write_line(f"{name.replace('_', ' ')} on {split}: {before:.4f} before, {after:.4f} now")
    if not robustness:
        write_metrics(loaded, split, json=json)
        return
    found = mg.robustness(
        loaded,
        split=split,
        task=task,
        aspects=only or None,  # type: ignore[arg-type]
        groups=group or (),
        table=table,
        repeats=3 if repeats is None else repeats,
        seed=seed or 0,
        progress=progress,
    )
    if out is not None:
        found.save(out, overwrite=overwrite)
    write_robustness(found, out, json=json)


def _require(robustness: bool, given: Mapping[str, object]) -> None:
    """Raise if something was asked for that only a trial of robustness reads."""
    for option, value in given.items():
        if not robustness and value is not None:
            raise ConfigError(
                "says something of --robustness, which is not asked for",
                where=option,
                fix="Add --robustness, or leave it out.",
            )
