"""``mmgraph train``: train one model on one task, write a run folder."""

from __future__ import annotations

import re
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
from mmgraph.cli.output import write_line, write_metrics

EXAMPLES = (
    "mmgraph train glyphs-graph --task script --model hetero_gat --out run",
    "mmgraph train glyphs-graph --task script --set max_epochs=3 --seed 1 --json",
    "mmgraph train glyphs-graph --task script --batch-size 256 --fanout 15,10 --set max_epochs=3",
    "mmgraph train glyphs-graph --task script --seed 2 --device cpu --precision bf16-mixed --max-time 5s",
    "mmgraph train glyphs-graph --task script --set max_epochs=3 --out run-3 --resume",
    "mmgraph train glyphs-graph --task link:case_pair --set links.decoder=distmult --set max_epochs=3 "
    "--out cases",
    "mmgraph train glyphs-graph --task picture_to_name --set contrastive.loss=sigmoid --out pairs",
    "mmgraph train glyphs-graph --task pretrain_for_script --set objectives.contrastive=1 --out pretrained",
    "mmgraph train glyphs-graph --task script --init-from pretrained --set finetune=frozen --out frozen",
    "mmgraph train glyphs-graph --task script,category --set max_epochs=3 --out both",
    "mmgraph train glyphs-graph --task script --report-to tensorboard,csv --out followed",
)


def train(
    graph: GraphArgument,
    task: TaskOption,
    model: ModelOption = None,
    config: ConfigOption = None,
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
            help="Training entities, or links, of a step, with a sample of their neighbourhoods; 0 for the "
            "whole graph in each step. By default what memory allows.",
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
    temporal: Annotated[
        str | None,
        typer.Option(
            "--temporal",
            metavar="T",
            help="uniform or last: an entity sees only what was there at its own time; a sample takes any of "
            "these neighbours or the latest ones.",
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option("--device", metavar="DEVICE", help="auto, cpu, cuda, or one of several GPUs: cuda:1."),
    ] = None,
    devices: Annotated[
        int | None,
        typer.Option(
            "--devices",
            "--workers",
            min=1,
            metavar="N",
            help="How many GPUs, or processes on the CPU, share each batch. Under torchrun it says how many.",
        ),
    ] = None,
    engine: EngineOption = None,
    precision: Annotated[
        str | None,
        typer.Option(
            "--precision",
            metavar="P",
            help="What a step computes in: 32, bf16-mixed, or on a GPU 16-mixed. Metrics stay in float32.",
        ),
    ] = None,
    compile: Annotated[
        bool | None,
        typer.Option(
            "--compile/--no-compile", show_default=False, help="Compile the model by torch.compile."
        ),
    ] = None,
    max_time: Annotated[
        str | None,
        typer.Option(
            "--max-time",
            metavar="TIME",
            help="How long to train at most, e.g. 90s, 10m, 1h30m; the best weights are kept.",
        ),
    ] = None,
    report_to: Annotated[
        str | None,
        typer.Option(
            "--report-to",
            metavar="A,B",
            help="Where the training can be followed: tensorboard, csv, wandb, mlflow, or none; tensorboard "
            "by default.",
        ),
    ] = None,
    init_from: Annotated[
        Path | None,
        typer.Option(
            "--init-from",
            metavar="RUN",
            help="Begin with the weights of another run's model; see finetune for what is then trained.",
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on where the same command was stopped or killed, to the same weights; start anew if it "
            "left nothing, and only show the metrics if the run is complete.",
        ),
    ] = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    plugin: PluginOption = None,
) -> None:
    """Train a model on a task of a graph and write a run folder."""
    progress = begin(quiet=quiet, plugin=plugin)
    import mmgraph as mg
    from mmgraph.training.processes import told_processes
    from mmgraph.training.resolve import TrainingChoice, resolve_config

    chosen = TrainingChoice(
        model=model,
        config=config,
        overrides=assignments or (),
        seed=seed,
        batch_size=batch_size,
        fanout=fanout,
        temporal=temporal,
        device=device,
        devices=devices,
        engine=engine,
        precision=precision,
        compile=compile,
        max_time=max_time,
        report_to=report_to,
        init_from=init_from,
    )
    resolved = resolve_config(**chosen)
    name = f"{Path(graph).resolve().name}-{task}-{resolved.model.name}-{resolved.seed}"
    # What is in link:borders or retrieval:image,text cannot be in the name of a folder everywhere.
    folder = out or Path("runs") / re.sub("[:,/]", "-", name)
    run = mg.train(
        graph, task=task, out=folder, overwrite=overwrite, resume=resume, progress=progress, **chosen
    )
    if not told_processes().first:
        return
    split = "test" if "test" in run.task.labelled_splits() else "validation"
    write_metrics(run, split, json=json)
    if not json:
        write_line(f"The run is in {folder}")
